//! Checks `[[viewer]]`, alone and beside `[[publisher]]`.

use super::{MAX_VIEWERS, Viewer, ViewerProof};
use crate::config::file::{Refused, in_range, refuse};
use crate::config::secret::{SecretSource, check_strong};
use crate::config::{Http, Proof, Publisher, Span};
use crate::event::Dialect;
use crate::model::{Right, Rights};

/// The most keys of one kind. They are enough for a change of keys.
const MAX_KEYS: usize = 8;
const MAX_NAME: usize = 64;

/// The entries, each with all keys that may be left out.
pub(in crate::config) fn resolve(
    written: Vec<Viewer>,
    http: &Http,
    publishers: &[Publisher],
) -> Result<Vec<Viewer>, Refused> {
    if written.len() > MAX_VIEWERS {
        let message = format!("[[viewer]]: {} entries; at most {MAX_VIEWERS}", written.len());
        return Err(Refused::new("viewer", message).of(MAX_VIEWERS));
    }
    let pushed: Vec<SecretSource> = publishers.iter().flat_map(keys_of_publisher).collect();
    let mut viewers: Vec<Viewer> = Vec::with_capacity(written.len());
    for (entry, viewer) in written.into_iter().enumerate() {
        let viewer = viewer.whole();
        viewer.check(http, &pushed).map_err(|refused| refused.of(entry))?;
        if viewers.iter().any(|other| other.name == viewer.name) {
            let message = format!("viewer '{}' is there twice", viewer.name);
            return Err(Refused::new("viewer.name", message).of(entry));
        }
        viewers.push(viewer);
    }
    Ok(viewers)
}

impl Viewer {
    /// The entry with all keys that may be left out, as it is shown.
    fn whole(mut self) -> Self {
        self.may = Some(self.rights());
        self.aliyun_valid = self
            .signs_as_aliyun()
            .then(|| self.aliyun_valid())
            .or(self.aliyun_valid);
        self
    }

    fn check(&self, http: &Http, pushed: &[SecretSource]) -> Result<(), Refused> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.chars().all(fits) {
            let message =
                "viewer.name: each viewer has a name of its own, of 1 to 64 letters, digits, '.', '_' or '-'";
            return refuse("viewer.name", message);
        }
        for (kind, keys) in [
            ("viewer.key", self.key.0.len() + self.key_file.0.len()),
            (
                "viewer.password",
                usize::from(self.password.is_some()) + self.password_file.0.len(),
            ),
            (
                "viewer.tencent_key",
                self.tencent_key.0.len() + self.tencent_key_file.0.len(),
            ),
            (
                "viewer.aliyun_key",
                self.aliyun_key.0.len() + self.aliyun_key_file.0.len(),
            ),
        ] {
            if keys > MAX_KEYS {
                let message = format!("{kind}: {keys} of them; at most {MAX_KEYS} in one entry");
                return Err(Refused::new(kind, message));
            }
        }
        for key in &self.key.0 {
            check_strong("viewer.key", key)?;
        }
        let (second, century) = (Span::from_secs(1), Span::from_secs(100 * 365 * 86_400));
        in_range("viewer.aliyun_valid", self.aliyun_valid(), second, century)?;
        if !self.signs_as_aliyun() && self.aliyun_valid.is_some() {
            return refuse(
                "viewer.aliyun_valid",
                "viewer.aliyun_valid: there is no aliyun_key",
            );
        }
        self.check_dialects(http)?;
        self.check_rights()?;
        self.check_shared(pushed)
    }

    fn check_dialects(&self, http: &Http) -> Result<(), Refused> {
        let is_off = |dialect| !http.dialects.contains(&dialect);
        if self.signs_as_tencent() && is_off(Dialect::Tencent) {
            return refuse(
                "viewer.tencent_key",
                "viewer.tencent_key: http.dialects does not have \"tencent\"",
            );
        }
        if self.signs_as_aliyun() && is_off(Dialect::Aliyun) {
            return refuse(
                "viewer.aliyun_key",
                "viewer.aliyun_key: http.dialects does not have \"aliyun\"",
            );
        }
        Ok(())
    }

    /// A request without a proof may come from any page that a browser at such an address shows.
    fn check_rights(&self) -> Result<(), Refused> {
        if self.rights() == Rights::NONE {
            return refuse(
                "viewer.may",
                "viewer.may: the list is empty; leave the key out for [\"watch\"], or leave the entry out to let nobody in",
            );
        }
        let harmless = |right: &Right| matches!(right, Right::Watch | Right::Download | Right::Metrics);
        let proves = self
            .proofs()
            .iter()
            .any(|proof| matches!(proof, ViewerProof::Key(_) | ViewerProof::Password(_)));
        match self.rights().iter().find(|right| !harmless(right)) {
            Some(right) if !proves => {
                let message = format!(
                    "viewer.may: \"{right}\" needs a key or a password: without one, every web page that is open at these \
                     addresses could give commands"
                );
                Err(Refused::new("viewer.may", message))
            }
            _ => Ok(()),
        }
    }

    /// A key of a publisher is none of a viewer: `txSecret` is the same both ways, so the address that a viewer is given would
    /// let the viewer push.
    fn check_shared(&self, pushed: &[SecretSource]) -> Result<(), Refused> {
        for (key, source) in self.proofs().iter().filter_map(key_of) {
            if pushed.contains(source) {
                let message = format!(
                    "{key}: it is a key of a [[publisher]], too: a viewer could push with it, for signatures are the same both \
                     ways; make a new one with 'openssl rand -hex 16'"
                );
                return Err(Refused::new(key, message));
            }
        }
        Ok(())
    }
}

/// The key of a proof, and the name of that key in the configuration.
fn key_of(proof: &ViewerProof) -> Option<(&'static str, &SecretSource)> {
    let (key, names) = match proof {
        ViewerProof::Key(key) => (key, ["viewer.key", "viewer.key_file"]),
        ViewerProof::Tencent(key) => (key, ["viewer.tencent_key", "viewer.tencent_key_file"]),
        ViewerProof::Aliyun { key, .. } => (key, ["viewer.aliyun_key", "viewer.aliyun_key_file"]),
        ViewerProof::Password(_) => return None,
    };
    let [given, file] = names;
    Some((if key.file().is_some() { file } else { given }, key))
}

fn keys_of_publisher(publisher: &Publisher) -> Vec<SecretSource> {
    let key = |proof| match proof {
        Proof::Key(key) | Proof::Tencent(key) | Proof::Aliyun { key, .. } => Some(key),
        Proof::Hook(_) => None,
    };
    publisher.proofs().into_iter().filter_map(key).collect()
}
