//! Keys of the configuration that are one text or a list of texts, as secrets and their files are.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Secret, SecretSource};

/// The most values in one list.
const MAX_LIST: usize = 16;

/// One text or a list of texts. The message about a wrong one does not repeat it, because it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Texts<T>(pub(super) Vec<T>);

impl<T> Texts<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a list that may be written as one text.
pub(super) fn texts<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: TryFrom<String, Error: fmt::Display>,
    D: Deserializer<'de>,
{
    Ok(Texts::deserialize(from)?.0)
}

impl<T: Serialize> Serialize for Texts<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The sources of the secrets that are written here and of those in files.
pub(super) fn sources(given: &[&Texts<Secret>], files: &Texts<SecretPath>) -> Vec<SecretSource> {
    let given = given.iter().flat_map(|texts| &texts.0);
    let given = given.cloned().map(SecretSource::Given);
    let files = files.0.iter().map(|file| SecretSource::File(file.0.clone()));
    given.chain(files).collect()
}

/// The path of a file with a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SecretPath(PathBuf);

impl SecretPath {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<String> for SecretPath {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 4_096 || text.contains('\0') {
            Err("expected the path of a file")
        } else {
            Ok(Self(PathBuf::from(text)))
        }
    }
}

const EXPECTED: &str = "expected a text, or a list of texts";

impl<'de, T: TryFrom<String, Error: fmt::Display>> Deserialize<'de> for Texts<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor(PhantomData))
    }
}

struct TextsVisitor<T>(PhantomData<T>);

impl<'de, T: TryFrom<String, Error: fmt::Display>> Visitor<'de> for TextsVisitor<T> {
    type Value = Texts<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let one = T::try_from(text.to_owned()).map_err(E::custom)?;
        Ok(Texts(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Texts(one)) = list.next_element::<Texts<T>>()? {
            all.extend(one);
            if all.len() > MAX_LIST {
                return Err(de::Error::custom(format!("at most {MAX_LIST} in one list")));
            }
        }
        if all.is_empty() {
            Err(de::Error::custom("the list is empty; leave the key out instead"))
        } else {
            Ok(Texts(all))
        }
    }

    // serde's own message would repeat the value.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(EXPECTED))
    }
}
