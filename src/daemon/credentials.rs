//! Reads the keys of an account with object storage, from the places where Amazon's own tools look for them, too.

use std::path::{Path, PathBuf};

use super::keys::read;
use crate::config::{Credentials, Delivery, MAX_SECRET, SecretSource, Target};
use crate::delivery::{AccessKey, Keys};

/// The longest credentials file, in bytes.
const MAX_FILE: usize = 64 << 10;

/// The longest session token, in bytes. Amazon's have a kilobyte or two.
const MAX_TOKEN: usize = 16 << 10;

/// The keys of an account. They are read anew each time, because keys of a session are replaced while the service runs.
pub(super) struct Account(Credentials);

impl Account {
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self(match &delivery.target {
            Target::S3(s3) => s3.credentials.clone(),
            Target::Folder(_) => Credentials::Found {
                file: None,
                profile: None,
            },
        })
    }
}

impl Keys for Account {
    fn read(&self) -> Result<AccessKey, String> {
        match &self.0 {
            Credentials::Given { id, secret, token } => {
                let secret = match secret {
                    SecretSource::Given(secret) => String::from_utf8_lossy(secret.expose()).into_owned(),
                    SecretSource::File(path) => text("sync.secret_access_key_file", path, MAX_SECRET + 16)?,
                };
                let token = token
                    .as_ref()
                    .map(|path| text("sync.session_token_file", path, MAX_TOKEN));
                Ok(AccessKey::new(id.clone(), secret, token.transpose()?))
            }
            Credentials::Found { file, profile } => from_environment(&|name| std::env::var(name).ok())
                .map_or_else(|| from_file(file.as_deref(), profile.as_deref()), Ok),
        }
    }
}

fn text(what: &str, path: &Path, most: usize) -> Result<String, String> {
    let text = read(path, most).map_err(|error| format!("{what} '{}': {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("{what} '{}' is empty", path.display())),
        text => Ok(text.to_owned()),
    }
}

fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Option<AccessKey> {
    let found = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let (id, secret) = (found("AWS_ACCESS_KEY_ID")?, found("AWS_SECRET_ACCESS_KEY")?);
    Some(AccessKey::new(id, secret, found("AWS_SESSION_TOKEN")))
}

fn from_file(file: Option<&Path>, profile: Option<&str>) -> Result<AccessKey, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = || variable("HOME").map(|home| Path::new(&home).join(".aws/credentials"));
    let file = file
        .map(Path::to_owned)
        .or_else(|| variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from))
        .or_else(home);
    let Some(file) = file else {
        return Err(
            "there are no keys for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file in \
             sync.credentials_file"
                .to_owned(),
        );
    };
    let profile = profile
        .map(str::to_owned)
        .or_else(|| variable("AWS_PROFILE"))
        .unwrap_or_else(|| "default".to_owned());
    let text = read(&file, MAX_FILE).map_err(|error| {
        format!(
            "there are no keys for the store: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set, nor can '{}' be \
             read: {error}",
            file.display()
        )
    })?;
    in_profile(&text, &profile).ok_or_else(|| {
        format!(
            "'{}' has no aws_access_key_id and aws_secret_access_key in [{profile}]",
            file.display()
        )
    })
}

/// The keys of a profile in a credentials file.
fn in_profile(text: &str, profile: &str) -> Option<AccessKey> {
    let (mut inside, mut id, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == profile;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) else {
            continue;
        };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match key.trim() {
            "aws_access_key_id" => id = value,
            "aws_secret_access_key" => secret = value,
            "aws_session_token" => token = value,
            _ => (),
        }
    }
    Some(AccessKey::new(id?, secret?, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_in_a_file_of_several() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=s/=+\n\n# not this\n[vod]\n\
                    aws_access_key_id=B\naws_secret_access_key = t\naws_session_token = u\n[other]\naws_access_key_id = C\n";
        let key = |id: &str, secret: &str, token: Option<&str>| {
            Some(AccessKey::new(
                id.to_owned(),
                secret.to_owned(),
                token.map(str::to_owned),
            ))
        };
        assert_eq!(in_profile(text, "default"), key("A", "s/=+", None));
        assert_eq!(in_profile(text, "vod"), key("B", "t", Some("u")));
        assert_eq!(in_profile(text, "other"), None);
        assert_eq!(in_profile(text, "nobody"), None);
    }

    #[test]
    fn the_environment_counts_when_it_has_both() {
        let both = |name: &str| (!name.contains("TOKEN")).then(|| format!("of {name}"));
        let found = from_environment(&both).unwrap();
        assert_eq!((found.id.as_str(), found.token), ("of AWS_ACCESS_KEY_ID", None));
        assert!(from_environment(&|name| (name == "AWS_ACCESS_KEY_ID").then(|| "x".to_owned())).is_none());
        assert!(from_environment(&|_| Some(" ".to_owned())).is_none());
    }

    #[test]
    fn what_is_missing_is_named_and_no_secret_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none");
        let account = Account(Credentials::Found {
            file: Some(path.clone()),
            profile: None,
        });
        if std::env::var("AWS_ACCESS_KEY_ID").is_err() {
            assert!(account.read().unwrap_err().contains(&path.display().to_string()));
        }
        let shown = format!("{:?}", AccessKey::new("id".to_owned(), "s3cret".to_owned(), None));
        assert!(!shown.contains("s3cret"));
    }
}
