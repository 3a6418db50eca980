//! Names that are unique without a central registry: UUIDs of version 7 (RFC 9562). They sort by the clock of the box that made
//! them, as far as it had one.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not an id.
#[derive(Debug, thiserror::Error)]
#[error("'{text}' is not an id: expected 32 hexadecimal digits in five groups, as `edgereel ls` prints them")]
pub struct UnknownId {
    /// The given text.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id. `unix_millis` orders it among others. A wrong value does no harm.
            pub fn new(unix_millis: u64) -> Self {
                let timestamp = uuid::Timestamp::from_unix(
                    uuid::NoContext,
                    unix_millis / 1000,
                    u32::try_from(unix_millis % 1000).unwrap_or(0) * 1_000_000,
                );
                Self(Uuid::new_v7(timestamp))
            }

            /// The first and the last id that begins with this text, in small letters. `None` when no id does.
            pub fn range(text: &str) -> Option<[Self; 2]> {
                const FORM: &str = "00000000-0000-0000-0000-000000000000";
                let fits = |(letter, form): (char, char)| match form {
                    '-' => letter == '-',
                    _ => matches!(letter, '0'..='9' | 'a'..='f'),
                };
                if text.is_empty() || text.len() > FORM.len() || !text.chars().zip(FORM.chars()).all(fits) {
                    return None;
                }
                let rest = FORM.get(text.len()..)?;
                let filled = |rest: String| Uuid::parse_str(&format!("{text}{rest}")).ok().map(Self);
                Some([filled(rest.to_owned())?, filled(rest.replace('0', "f"))?])
            }

            /// The id as it stands on flash.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes that stand on flash.
            pub fn to_bytes(self) -> [u8; 16] {
                *self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = UnknownId;

            fn from_str(text: &str) -> Result<Self, UnknownId> {
                Uuid::try_parse(text).map(Self).map_err(|_| UnknownId { text: text.chars().take(64).collect() })
            }
        }
    };
}

id! {
    /// One connection's publishing, from `publish` to its end.
    PublishId
}
id! {
    /// A recording: a named range of tape.
    RecordingId
}
id! {
    /// One file of tape.
    SegmentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_back() {
        let id = RecordingId::new(1_700_000_000_123);
        assert_eq!(id.to_string().parse::<RecordingId>().unwrap(), id);
        assert_eq!(RecordingId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn later_ids_sort_later() {
        assert!(SegmentId::new(1_700_000_000_000) < SegmentId::new(1_700_000_000_001));
    }

    #[test]
    fn another_text_is_refused_and_named() {
        let error = "lesson-1".parse::<PublishId>().unwrap_err();
        assert!(error.to_string().contains("'lesson-1'"));
    }
}
