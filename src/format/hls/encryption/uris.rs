//! Where players find keys.

use super::id::KeyId;
use crate::format::hls::served::is_plain;

/// What stands for the id of a key in the address of a key service.
pub const KEY_ID: &str = "{KeyId}";

/// What is written around the id of a key, so that it becomes a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUris {
    before: String,
    after: String,
}

/// An address that is none of a key service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyUri {
    /// Each key needs an address of its own.
    #[error("{{KeyId}} must stand in it once, as in \"https://kms.example.com/{{KeyId}}\"")]
    NoId,
    /// A player finds nothing at it.
    #[error(
        "it must begin with https:// (or http://) and a host: players ask there, wherever the playlist lies"
    )]
    NotAbsolute,
    /// A playlist cannot have this letter in an address.
    #[error("an address in a playlist cannot contain '{0}'; write it as %XX")]
    Letter(String),
}

impl KeyUris {
    /// The keys are beside the folders of recordings, on the same door: `../../k/<id>`, seen from a playlist.
    pub fn beside_recordings() -> Self {
        Self {
            before: "../../k/".to_owned(),
            after: String::new(),
        }
    }

    /// The keys are at the addresses of a key service, in which [`KEY_ID`] stands for the id of the key.
    pub fn of_service(address: &str) -> Result<Self, BadKeyUri> {
        let (before, after) = address.split_once(KEY_ID).ok_or(BadKeyUri::NoId)?;
        if let Some(letter) = before
            .chars()
            .chain(after.replace(KEY_ID, "").chars())
            .find(|letter| !is_plain(*letter))
        {
            return Err(BadKeyUri::Letter(letter.escape_default().to_string()));
        }
        if after.contains(KEY_ID) {
            return Err(BadKeyUri::NoId);
        }
        let behind_scheme = ["https://", "http://"]
            .iter()
            .find_map(|scheme| before.strip_prefix(scheme));
        // An id within the name of a host, or behind a fragment, is no address of a key.
        let host = behind_scheme.and_then(|rest| rest.split_once(['/', '?']));
        if host.is_none_or(|(host, _)| host.is_empty()) || before.contains('#') {
            return Err(BadKeyUri::NotAbsolute);
        }
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// The URI of a key.
    pub fn of(&self, id: &KeyId) -> String {
        format!("{}{id}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_service_is_addressed_by_the_id_of_a_key() {
        let id: KeyId = "0198f3a2-5b7c-7d00-8000-0123456789ab-5f2a90c1-7".parse().unwrap();
        for (address, wanted) in [
            (
                "https://kms.example.com/{KeyId}",
                format!("https://kms.example.com/{id}"),
            ),
            ("http://kms/k?id={KeyId}&v=1", format!("http://kms/k?id={id}&v=1")),
            ("http://kms/{KeyId}", format!("http://kms/{id}")),
            ("http://kms?{KeyId}", format!("http://kms?{id}")),
        ] {
            assert_eq!(KeyUris::of_service(address).unwrap().of(&id), wanted);
        }
        assert_eq!(KeyUris::beside_recordings().of(&id), format!("../../k/{id}"));
    }

    #[test]
    fn what_is_no_address_of_keys_is_refused() {
        for (address, wanted) in [
            ("https://kms.example.com/", BadKeyUri::NoId),
            ("https://kms/{KeyId}/{KeyId}", BadKeyUri::NoId),
            ("https://kms/{keyid}", BadKeyUri::NoId),
            ("/k/{KeyId}", BadKeyUri::NotAbsolute),
            ("kms.example.com/{KeyId}", BadKeyUri::NotAbsolute),
            ("https:///{KeyId}", BadKeyUri::NotAbsolute),
            ("https://{KeyId}", BadKeyUri::NotAbsolute),
            ("http://{KeyId}", BadKeyUri::NotAbsolute),
            ("http:///{KeyId}", BadKeyUri::NotAbsolute),
            ("http://kms{KeyId}", BadKeyUri::NotAbsolute),
            ("https://{KeyId}.example.com/", BadKeyUri::NotAbsolute),
            ("https://kms/#{KeyId}", BadKeyUri::NotAbsolute),
            ("file:///{KeyId}", BadKeyUri::NotAbsolute),
            ("https://kms/\"{KeyId}", BadKeyUri::Letter("\\\"".to_owned())),
            ("https://kms/{KeyId}\n", BadKeyUri::Letter("\\n".to_owned())),
            ("https://k é/{KeyId}", BadKeyUri::Letter(" ".to_owned())),
        ] {
            assert_eq!(KeyUris::of_service(address), Err(wanted), "{address}");
        }
    }
}
