//! `[review]`: the web service that is asked about recordings that a template holds back.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::file::{Refused, in_range, refuse};
use super::{Config, HookUrl, Secret, SecretSource, Span};

/// The web service that says whether viewers may have recordings of templates with `review = "before"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewSettings {
    #[serde(deserialize_with = "address")]
    hook: Option<HookUrl>,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    every: Option<Span>,
    timeout: Option<Span>,
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<HookUrl>, D::Error> {
    let url = HookUrl::try_from(String::deserialize(from)?);
    url.map(Some)
        .map_err(|error| serde::de::Error::custom(error.replace("hook:", "review.hook:")))
}

impl ReviewSettings {
    /// The address of the service. An accepted configuration without one has no section.
    pub fn hook(&self) -> Option<&HookUrl> {
        self.hook.as_ref()
    }

    /// The source of the key that signs questions, if there is one.
    pub fn key(&self) -> Option<SecretSource> {
        SecretSource::of(self.key.as_ref(), self.key_file.as_ref())
    }

    /// The time after a failure until the service is asked again.
    pub fn every(&self) -> Span {
        self.every.unwrap_or(Span::from_secs(60))
    }

    /// The time within which the service must answer.
    pub fn timeout(&self) -> Span {
        self.timeout.unwrap_or(Span::from_secs(20))
    }

    /// The section, with all keys that may be left out. Without `hook` nobody is asked.
    pub(super) fn resolve(self) -> Result<Option<Self>, Refused> {
        if self == Self::default() {
            return Ok(None);
        }
        if self.hook.is_none() {
            return refuse(
                "review.hook",
                "review.hook is missing: which service is asked, as in \"https://review.example.com/edgereel\"",
            );
        }
        SecretSource::one_of("review.key", self.key.as_ref(), self.key_file.as_ref())?;
        let (second, day) = (Span::from_secs(1), Span::from_secs(86_400));
        in_range("review.every", self.every(), second, day)?;
        in_range("review.timeout", self.timeout(), second, Span::from_secs(60))?;
        Ok(Some(Self {
            every: Some(self.every()),
            timeout: Some(self.timeout()),
            ..self
        }))
    }
}

/// Checks that the service can fetch frames of the box.
pub(super) fn check(config: &Config) -> Result<(), Refused> {
    if config.review.is_none() {
        return Ok(());
    }
    if !config.http.is_on() {
        return refuse(
            "review.hook",
            "review.hook: the service fetches frames of the box, and no viewer can connect: set http.listen or http.tls",
        );
    }
    if config.http.token_keys().is_empty() {
        return refuse(
            "review.hook",
            "review.hook: the service gets a token for the frames of each recording, and there is no key to sign it with. Make one with \
             'openssl rand -hex 32', and name its file:\n\n    [http]\n    token_key_file = \"token-key\"",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DOOR: &str = "[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key_file = \"t\"\n";

    fn parse(text: &str) -> Result<Option<ReviewSettings>, String> {
        let config =
            Config::parse(Some((Path::new("box.toml"), text)), [], "box").map_err(|e| e.to_string())?;
        let printed = config.to_toml();
        assert!(!printed.contains("s3cret"), "{printed}");
        if !printed.contains("***") {
            let again = Config::parse(Some((Path::new("printed"), &printed)), [], "box").unwrap();
            assert_eq!(again, config, "{printed}");
        }
        Ok(config.review)
    }

    #[test]
    fn a_hook_has_the_patience_of_a_callback_and_its_secrets_are_not_shown() {
        assert_eq!(parse(DOOR), Ok(None));
        let usual = parse(&format!("{DOOR}[review]\nhook = \"https://r/x\"\n"))
            .unwrap()
            .unwrap();
        assert_eq!(
            (usual.every(), usual.timeout()),
            (Span::from_secs(60), Span::from_secs(20))
        );
        assert!(usual.key().is_none());
        let keyed = "[review]\nhook = \"https://r/s3cret?token=s3cret\"\nkey = \"s3cret\"\nevery = \"2s\"\ntimeout = \"3s\"\n";
        let keyed = parse(&format!("{DOOR}{keyed}")).unwrap().unwrap();
        assert_eq!(
            (keyed.every(), keyed.timeout()),
            (Span::from_secs(2), Span::from_secs(3))
        );
        assert!(keyed.key().is_some());
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, word) in [
            ("[review]\nhook = \"https://r/x\"\n".to_owned(), "http.listen"),
            (
                "[http]\nlisten = [\"127.0.0.1:0\"]\n[review]\nhook = \"https://r/x\"\n".to_owned(),
                "token_key_file",
            ),
            (
                format!("{DOOR}[review]\nevery = \"1s\"\n"),
                "review.hook is missing",
            ),
            (
                format!("{DOOR}[review]\nhook = \"ftp://r/x\"\n"),
                "review.hook: expected an address",
            ),
            (
                format!("{DOOR}[review]\nhook = \"https://r/x\"\nevery = \"0s\"\n"),
                "review.every",
            ),
            (
                format!("{DOOR}[review]\nhook = \"https://r/x\"\ntimeout = \"61s\"\n"),
                "review.timeout",
            ),
            (
                format!(
                    "{DOOR}[review]\nhook = \"https://r/x\"\nkey = \"0123456789abcdef\"\nkey_file = \"k\"\n"
                ),
                "review.key",
            ),
            (
                format!("{DOOR}[review]\nhook = \"https://r/x\"\ntries = 3\n"),
                "'tries' does not belong here",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(
                error.starts_with("box.toml:") && error.contains(word),
                "{text}: {error}"
            );
        }
    }
}
