//! Values as they are written, before they have a type: in TOML by people, in JSON by commands.
//!
//! All types of the configuration and of commands are read from a [`Raw`], and from nothing else. serde makes a copy of the code
//! that reads a type for each language that it is read from, and this code is large.

mod read;

use std::fmt;
use std::ops::Range;

use serde::de;
use toml::de::{DeTable, DeValue};

/// A value, and where it stands in its text.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    form: Form,
    /// Bytes of the text. None where the value has no text.
    place: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
enum Form {
    /// `null` of JSON.
    Nothing,
    Truth(bool),
    Whole(i64),
    /// A whole number that only `u64` has.
    Large(u64),
    Fraction(f64),
    Text(String),
    /// A date of TOML, which no type takes.
    Date,
    List(Vec<Raw>),
    /// Keys in the order of the text. Each is there once.
    Table(Vec<(Key, Raw)>),
}

#[derive(Clone, Debug)]
struct Key {
    text: String,
    place: Option<Range<usize>>,
}

impl Raw {
    /// Reads a TOML document.
    pub(super) fn document(text: &str) -> Result<Self, Fault> {
        let table = DeTable::parse(text).map_err(|error| Fault::new(error.message(), error.span()))?;
        let place = table.span();
        of_toml(DeValue::Table(table.into_inner()), place)
    }

    /// A table with one entry.
    pub(super) fn alone(key: &str, value: Raw) -> Self {
        let mut table = Self::from(Form::Table(Vec::new()));
        let _ = table.insert(key, value);
        table
    }

    /// A list with one entry.
    pub(super) fn list_of(entry: Raw) -> Self {
        Form::List(vec![entry]).into()
    }

    /// The keys of a table and their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Raw)> {
        let entries = match &self.form {
            Form::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (key.text.as_str(), value))
    }

    /// The values of a list.
    pub(super) fn list(&self) -> &[Raw] {
        match &self.form {
            Form::List(all) => all,
            _ => &[],
        }
    }

    /// The value of a key.
    pub(super) fn take(mut self, key: &str) -> Option<Raw> {
        self.inner(key).map(std::mem::take)
    }

    /// The value of a key of a table, to change it.
    pub(super) fn inner(&mut self, key: &str) -> Option<&mut Raw> {
        let Form::Table(entries) = &mut self.form else {
            return None;
        };
        entries
            .iter_mut()
            .find_map(|(it, value)| (it.text == key).then_some(value))
    }

    /// Sets the value of a key, if this is a table.
    pub(super) fn insert(&mut self, key: &str, value: Raw) -> Option<()> {
        if let Some(old) = self.inner(key) {
            *old = value;
            return Some(());
        }
        let Form::Table(entries) = &mut self.form else {
            return None;
        };
        let text = key.to_owned();
        entries.push((Key { text, place: None }, value));
        Some(())
    }
}

impl Default for Raw {
    fn default() -> Self {
        Form::Nothing.into()
    }
}

/// A value without a place.
impl From<Form> for Raw {
    fn from(form: Form) -> Self {
        Self { form, place: None }
    }
}

impl From<String> for Raw {
    fn from(text: String) -> Self {
        Form::Text(text).into()
    }
}

impl From<serde_json::Value> for Raw {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        let form = match value {
            Value::Null => Form::Nothing,
            Value::Bool(truth) => Form::Truth(truth),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => Form::Whole(whole),
                (None, Some(large)) => Form::Large(large),
                (None, None) => Form::Fraction(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Form::Text(text),
            Value::Array(all) => Form::List(all.into_iter().map(Self::from).collect()),
            Value::Object(entries) => return entries.into(),
        };
        form.into()
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Raw {
    fn from(entries: serde_json::Map<String, serde_json::Value>) -> Self {
        let entry = |(text, value): (String, serde_json::Value)| (Key { text, place: None }, value.into());
        Form::Table(entries.into_iter().map(entry).collect()).into()
    }
}

fn of_toml(value: DeValue<'_>, place: Range<usize>) -> Result<Raw, Fault> {
    let form = match value {
        DeValue::String(text) => Form::Text(text.into_owned()),
        DeValue::Integer(digits) => {
            let (text, radix) = (digits.as_str(), digits.radix());
            match (i64::from_str_radix(text, radix), u64::from_str_radix(text, radix)) {
                (Ok(whole), _) => Form::Whole(whole),
                (Err(_), Ok(large)) => Form::Large(large),
                (Err(_), Err(_)) => return Err(Fault::new("the number is too large", Some(place))),
            }
        }
        // The parser has checked the digits. What is too large is infinite.
        DeValue::Float(digits) => Form::Fraction(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Form::Truth(truth),
        DeValue::Datetime(_) => Form::Date,
        DeValue::Array(all) => {
            let entry = |entry: toml::Spanned<DeValue<'_>>| {
                let place = entry.span();
                of_toml(entry.into_inner(), place)
            };
            Form::List(all.into_iter().map(entry).collect::<Result<_, Fault>>()?)
        }
        DeValue::Table(entries) => {
            let mut table = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let (key_at, value_at) = (key.span(), value.span());
                let key = Key {
                    text: key.into_inner().into_owned(),
                    place: Some(key_at),
                };
                table.push((key, of_toml(value.into_inner(), value_at)?));
            }
            Form::Table(table)
        }
    };
    let place = Some(place);
    Ok(Raw { form, place })
}

/// Why a value is not of the type that is expected, or why a text is no TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(Box<Detail>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    message: String,
    place: Option<Range<usize>>,
}

impl Fault {
    fn new(message: impl Into<String>, place: Option<Range<usize>>) -> Self {
        let message = message.into();
        Self(Box::new(Detail { message, place }))
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The bytes of the text that are wrong, where it is known.
    pub(super) fn place(&self) -> Option<Range<usize>> {
        self.0.place.clone()
    }

    /// The same fault, at this place if none is known.
    fn at(mut self, place: Option<Range<usize>>) -> Self {
        if self.0.place.is_none() {
            self.0.place = place;
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), None)
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let message = match found {
            de::Unexpected::Unit => format!("invalid type: null, expected {expected}"),
            found => format!("invalid type: {found}, expected {expected}"),
        };
        Self::new(message, None)
    }
}
