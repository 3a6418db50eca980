//! `[sync]`: where recordings are delivered to, and how.

mod file;
mod target;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub(super) use file::DeliveryFile;
pub use target::{Credentials, Encryption, HttpProxy, S3Target, Target, UrlStyle};

use super::{ByteRate, Span, Weekly};

/// Where recordings go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The store of objects.
    pub target: Target,
    /// When a recording begins to go there.
    pub when: DeliverWhen,
    /// Which of those that wait goes first.
    pub order: DeliverOrder,
    /// Most files on the way at a time, 1 to 16.
    pub transfers: usize,
    /// Most bytes a second of all of them together.
    pub max_rate: Option<ByteRate>,
    /// The hours in which anything is sent; all, if there are none.
    pub window: Option<Weekly>,
    /// What an object is reached by from outside; its `{key}` is replaced.
    pub public_url: Option<PublicUrl>,
    /// How long names, which have the time in them, wait for the clock to be set.
    pub clock_wait: Span,
    /// A request that does not get on for this long is given up.
    pub timeout: Span,
    /// What was delivered is read again and compared before it counts as delivered.
    pub read_back: bool,
    /// How an object's `storage_time` ends.
    pub lifecycle: Lifecycle,
}

/// When a recording begins to go to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliverWhen {
    /// While it is being recorded, so that it is there when it ends.
    Live,
    /// When it is closed.
    #[default]
    Finished,
}

/// Which of the recordings that wait goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverOrder {
    /// What was recorded last: what people wait for.
    #[default]
    NewestFirst,
    /// What was recorded first: what has to give way first when room is needed.
    OldestFirst,
}

/// How the time of a remote object ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// The box deletes it.
    #[default]
    Delete,
    /// It bears the tag `edgereel-days=N`, and a lifecycle rule of the bucket deletes it.
    Tag,
}

/// An address with a `{key}` in it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a key, which is escaped once more: a `%` of it is one.
    pub fn of(&self, key: &str) -> String {
        self.0.replacen("{key}", &target::url_path(key), 1)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let known = text.starts_with("http://") || text.starts_with("https://");
        let clean = text.len() <= 1_024 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        match known && clean && text.matches("{key}").count() == 1 {
            true => Ok(Self(text)),
            false => Err("expected an address with one {key} in it, as in \"https://vod.example.com/{key}\""),
        }
    }
}

impl DeliverWhen {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliverWhen::Live => "live",
            DeliverWhen::Finished => "finished",
        }
    }
}

impl Delivery {
    pub(super) fn to_toml(&self, out: &mut String) {
        let order = match self.order {
            DeliverOrder::NewestFirst => "newest-first",
            DeliverOrder::OldestFirst => "oldest-first",
        };
        let lifecycle = match self.lifecycle {
            Lifecycle::Delete => "delete",
            Lifecycle::Tag => "tag",
        };
        out.push_str("\n[sync]\n");
        self.target.to_toml(out);
        let _ = write!(
            out,
            "when = \"{}\"\norder = \"{order}\"\ntransfers = {}\n",
            self.when.as_str(),
            self.transfers
        );
        let _ = self.max_rate.map(|rate| writeln!(out, "max_rate = \"{rate}\""));
        if let Some(window) = &self.window {
            let _ = write!(
                out,
                "window = {:?}\ntime_zone = \"{}\"\n",
                window.hours(),
                window.zone()
            );
        }
        let _ = self
            .public_url
            .as_ref()
            .map(|url| writeln!(out, "public_url = {:?}", url.0));
        let _ = write!(
            out,
            "clock_wait = \"{}\"\ntimeout = \"{}\"\nread_back = {}\nlifecycle = \"{lifecycle}\"\n",
            self.clock_wait, self.timeout, self.read_back,
        );
    }
}
