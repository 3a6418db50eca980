//! From a [`Raw`] to a type.
//!
//! What does not depend on the type is in functions that are not generic, because all else is compiled for each type.

use std::ops::Range;
use std::vec::IntoIter;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{Fault, Form, Key, Raw};

impl Form {
    /// The fault of a value that is of another type than the expected one.
    #[cold]
    fn refused(&self, expected: &dyn Expected) -> Fault {
        let found = match self {
            Self::Nothing => Unexpected::Unit,
            Self::Truth(truth) => Unexpected::Bool(*truth),
            Self::Whole(number) => Unexpected::Signed(*number),
            Self::Large(number) => Unexpected::Unsigned(*number),
            Self::Fraction(number) => Unexpected::Float(*number),
            Self::Text(text) => Unexpected::Str(text),
            Self::Date => Unexpected::Other("date"),
            Self::List(_) => Unexpected::Seq,
            Self::Table(_) => Unexpected::Map,
        };
        Fault::invalid_type(found, expected)
    }
}

/// Methods for types that are read alike.
macro_rules! alike {
    ($how:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$how(visitor)
        }
    )*};
}

impl Raw {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Whole(number) => visitor.visit_i64(number),
            Form::Large(number) => visitor.visit_u64(number),
            Form::Fraction(number) => visitor.visit_f64(number),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Text(text) => visitor.visit_string(text),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::List(all) => visitor.visit_seq(Entries(all.into_iter())),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn table<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Table(all) => visitor.visit_map(Pairs::new(all)),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    /// The word of an enum, the value of that word, and its place.
    fn variant(self, expected: &dyn Expected) -> Result<(Key, Option<Raw>), Fault> {
        match self.form {
            Form::Text(text) => Ok((
                Key {
                    text,
                    place: self.place,
                },
                None,
            )),
            Form::Table(mut all) if all.len() == 1 => {
                let only = all.pop().map(|(key, value)| (key, Some(value)));
                only.ok_or_else(|| Form::Nothing.refused(expected))
            }
            other => Err(other.refused(expected)),
        }
    }
}

impl<'de> Deserializer<'de> for Raw {
    type Error = Fault;

    alike!(number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64);
    alike!(text: deserialize_char deserialize_str deserialize_string deserialize_identifier);
    alike!(sequence: deserialize_seq);
    alike!(table: deserialize_map);
    alike!(deserialize_any: deserialize_bytes deserialize_byte_buf);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Nothing => visitor.visit_unit(),
            Form::Truth(truth) => visitor.visit_bool(truth),
            Form::Whole(number) => visitor.visit_i64(number),
            Form::Large(number) => visitor.visit_u64(number),
            Form::Fraction(number) => visitor.visit_f64(number),
            Form::Text(text) => visitor.visit_string(text),
            Form::Date => Err(Form::Date.refused(&visitor)),
            Form::List(all) => visitor.visit_seq(Entries(all.into_iter())),
            Form::Table(all) => visitor.visit_map(Pairs::new(all)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Truth(truth) => visitor.visit_bool(truth),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.form {
            Form::Nothing => visitor.visit_unit(),
            other => Err(other.refused(&visitor)),
        }
        .map_err(|fault| fault.at(self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let place = self.place.clone();
        match self.form {
            Form::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|fault| fault.at(place))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let place = self.place.clone();
        visitor
            .visit_newtype_struct(self)
            .map_err(|fault| fault.at(place))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.table(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let place = self.place.clone();
        match self.variant(&"a string") {
            Ok((word, value)) => visitor.visit_enum(Choice { word, value }),
            Err(fault) => Err(fault),
        }
        .map_err(|fault| fault.at(place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// The values of a list.
struct Entries(IntoIter<Raw>);

impl<'de> SeqAccess<'de> for Entries {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|raw| seed.deserialize(raw)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a table.
struct Pairs {
    rest: IntoIter<(Key, Raw)>,
    /// The value of the key that was read last.
    value: Raw,
}

impl Pairs {
    fn new(all: Vec<(Key, Raw)>) -> Self {
        Self {
            rest: all.into_iter(),
            value: Raw::default(),
        }
    }

    fn next_key(&mut self) -> Option<Key> {
        let (key, value) = self.rest.next()?;
        self.value = value;
        Some(key)
    }

    fn take_value(&mut self) -> (Raw, Option<Range<usize>>) {
        let value = std::mem::take(&mut self.value);
        let place = value.place.clone();
        (value, place)
    }
}

impl Key {
    fn split(self) -> (StringDeserializer<Fault>, Option<Range<usize>>) {
        (self.text.into_deserializer(), self.place)
    }
}

impl<'de> MapAccess<'de> for Pairs {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(key) = self.next_key() else {
            return Ok(None);
        };
        let (text, place) = key.split();
        seed.deserialize(text).map(Some).map_err(|fault| fault.at(place))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let (value, place) = self.take_value();
        seed.deserialize(value).map_err(|fault| fault.at(place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant of an enum: its word, and what it holds.
struct Choice {
    word: Key,
    value: Option<Raw>,
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Fault;
    type Variant = Held;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Held), Fault> {
        let (text, place) = self.word.split();
        let word = seed.deserialize(text).map_err(|fault| fault.at(place))?;
        Ok((word, Held(self.value)))
    }
}

/// What a variant holds.
struct Held(Option<Raw>);

impl Held {
    fn value(self) -> Raw {
        self.0.unwrap_or_default()
    }
}

impl<'de> VariantAccess<'de> for Held {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.0 {
            None => Ok(()),
            Some(raw) => Err(raw.form.refused(&"no value for this word").at(raw.place)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.value())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value().sequence(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.value().table(visitor)
    }
}

#[cfg(test)]
mod tests;
