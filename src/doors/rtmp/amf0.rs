//! Action Message Format 0, as much as RTMP needs of it, with bounds on depth, count and length.

/// How deep objects and arrays may nest. Encoders nest twice.
const MAX_DEPTH: usize = 16;

/// How many values one message may hold. Each takes more memory than bytes on the wire.
const MAX_VALUES: usize = 4096;

/// An AMF0 value. Types that a recorder has no use for are kept by their type only.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Number.
    Number(f64),
    /// Boolean.
    Boolean(bool),
    /// String and long string; bytes that are not UTF-8 are replaced.
    String(String),
    /// Object, typed object and ECMA array, in the order sent.
    Object(Vec<(String, Value)>),
    /// Strict array.
    Array(Vec<Value>),
    /// Null.
    Null,
    /// Undefined, unsupported and references.
    Undefined,
    /// Date, milliseconds of Unix time.
    Date(f64),
}

/// Why bytes are not AMF0 that can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmfError {
    /// The bytes end within a value.
    #[error("AMF0 value is cut short")]
    Short,
    /// Objects within objects without end.
    #[error("AMF0 values nest deeper than {MAX_DEPTH}")]
    Depth,
    /// Too many values.
    #[error("more than {MAX_VALUES} AMF0 values in one message")]
    Count,
    /// A type that cannot be skipped because its length is unknown.
    #[error("AMF0 type {0:#04x} is not understood")]
    Type(u8),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A property of an object or ECMA array.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Decodes all values of a message body, AMF0 §2.
pub(super) fn decode_all(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut decoder = Decoder {
        rest: bytes,
        values: 0,
    };
    let mut values = Vec::new();
    while !decoder.rest.is_empty() {
        values.push(decoder.value(0)?);
    }
    Ok(values)
}

struct Decoder<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, AmfError> {
        if depth > MAX_DEPTH {
            return Err(AmfError::Depth);
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(AmfError::Count);
        }
        let [kind] = self.array()?;
        Ok(match kind {
            0x00 => Value::Number(self.number()?),
            0x01 => Value::Boolean(self.array::<1>()? != [0]),
            0x02 => Value::String(self.short_string()?),
            0x03 => Value::Object(self.fields(depth)?),
            0x05 => Value::Null,
            0x06 | 0x0D => Value::Undefined,
            0x07 => {
                self.array::<2>()?;
                Value::Undefined
            }
            0x08 => {
                // The count before an ECMA array is wrong as often as right, so the end marker decides.
                self.array::<4>()?;
                Value::Object(self.fields(depth)?)
            }
            0x0A => self.strict_array(depth)?,
            0x0B => {
                let millis = self.number()?;
                self.array::<2>()?;
                Value::Date(millis)
            }
            0x0C | 0x0F => {
                let length = u32::from_be_bytes(self.array()?);
                self.string(usize::try_from(length).unwrap_or(usize::MAX))
                    .map(Value::String)?
            }
            0x10 => {
                self.short_string()?;
                Value::Object(self.fields(depth)?)
            }
            other => return Err(AmfError::Type(other)),
        })
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<(String, Value)>, AmfError> {
        let mut fields = Vec::new();
        loop {
            // The end marker of an array may be missing at the end of the message: FFmpeg and others accept that.
            if self.rest.is_empty() {
                return Ok(fields);
            }
            let name = self.short_string()?;
            if name.is_empty() && self.rest.first() == Some(&0x09) {
                self.array::<1>()?;
                return Ok(fields);
            }
            fields.push((name, self.value(depth + 1)?));
        }
    }

    fn strict_array(&mut self, depth: usize) -> Result<Value, AmfError> {
        let count = u32::from_be_bytes(self.array()?);
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn number(&mut self) -> Result<f64, AmfError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    fn short_string(&mut self) -> Result<String, AmfError> {
        let length = u16::from_be_bytes(self.array()?);
        self.string(usize::from(length))
    }

    fn string(&mut self, length: usize) -> Result<String, AmfError> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or(AmfError::Short)?;
        self.rest = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AmfError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(AmfError::Short)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Encodes values one after the other. Strings are cut at 65,535 bytes.
pub(super) fn encode_all(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    for value in values {
        encode(value, &mut out);
    }
    out
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(0x00);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(truth) => out.extend_from_slice(&[0x01, u8::from(*truth)]),
        Value::String(text) => {
            out.push(0x02);
            encode_text(text, out);
        }
        Value::Object(fields) => {
            out.push(0x03);
            for (name, value) in fields {
                encode_text(name, out);
                encode(value, out);
            }
            out.extend_from_slice(&[0, 0, 0x09]);
        }
        Value::Array(items) => {
            out.push(0x0A);
            let count: u32 = fitted!(items.len(), "the values of an array");
            out.extend_from_slice(&count.to_be_bytes());
            for item in items {
                encode(item, out);
            }
        }
        Value::Null => out.push(0x05),
        Value::Undefined => out.push(0x06),
        Value::Date(millis) => {
            out.push(0x0B);
            out.extend_from_slice(&millis.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
    let len: u16 = fitted!(bytes.len(), "the length of a text that was cut to it");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// An object of the fields given.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (-1e12..1e12).prop_map(Value::Number),
            any::<bool>().prop_map(Value::Boolean),
            "[^\u{0}]{0,40}".prop_map(Value::String),
            Just(Value::Null),
            Just(Value::Undefined),
            (0.0..1e13).prop_map(Value::Date),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
                prop::collection::vec(("[a-z]{1,8}", inner), 0..8).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(values in prop::collection::vec(any_value(), 0..5)) {
            prop_assert_eq!(decode_all(&encode_all(&values)).unwrap(), values);
        }

        #[test]
        fn garbage_is_an_error_or_values(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode_all(&bytes);
        }
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        let objects: Vec<u8> = [0x03, 0, 1, b'a'].repeat(100_000);
        assert_eq!(decode_all(&objects), Err(AmfError::Depth));
        let arrays: Vec<u8> = [0x0A, 0, 0, 0, 1].repeat(100_000);
        assert_eq!(decode_all(&arrays), Err(AmfError::Depth));
    }

    #[test]
    fn counts_are_bounded_and_never_believed() {
        assert_eq!(decode_all(&[0x05; 5000]), Err(AmfError::Count));
        let mut array = vec![0x0A, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(decode_all(&array), Err(AmfError::Short));
        array.extend([0x05; 5000]);
        assert_eq!(decode_all(&array), Err(AmfError::Count));
        assert_eq!(
            decode_all(&[0x0C, 0xFF, 0xFF, 0xFF, 0xFF, b'a']),
            Err(AmfError::Short)
        );
    }

    #[test]
    fn every_truncation_is_taken_calmly() {
        let bytes = encode_all(&[
            text("connect"),
            Value::Number(1.0),
            object([("app", text("live")), ("list", Value::Array(vec![text("av01")]))]),
        ]);
        for end in 0..bytes.len() {
            let _ = decode_all(&bytes[..end]);
        }
    }

    #[test]
    fn an_unknown_type_is_named() {
        assert_eq!(decode_all(&[0x11, 0x01]), Err(AmfError::Type(0x11)));
    }
}
