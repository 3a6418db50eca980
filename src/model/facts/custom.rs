//! An object of the user's own: edgereel carries it, and reads nothing in it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::misleads;

/// The most bytes of the object, as JSON without spaces.
const MOST_BYTES: usize = 2 << 10;
/// The most objects and lists within each other, the outermost one included. Readers of JSON have limits of their own, and the
/// object is within others in files, events and lists.
const MOST_LEVELS: usize = 16;

/// A JSON object of at most 2 KiB and 16 levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "Map<String, Value>")]
pub struct Custom(Map<String, Value>);

impl Custom {
    /// True for an object without a field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as JSON without spaces.
    pub fn to_json(&self) -> String {
        // An object of texts and values alone: nothing can fail.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl TryFrom<Map<String, Value>> for Custom {
    type Error = String;

    fn try_from(object: Map<String, Value>) -> Result<Self, String> {
        if !object.values().all(|value| is_within(value, MOST_LEVELS - 1)) {
            return Err(format!(
                "the object has more than {MOST_LEVELS} objects and lists within each other"
            ));
        }
        let custom = Self(object);
        let json = custom.to_json();
        // JSON escapes the controls of C0, and no others.
        match json.chars().find(|character| misleads(*character)) {
            _ if json.len() > MOST_BYTES => Err(format!(
                "the object has {} bytes as JSON; at most {MOST_BYTES} are taken",
                json.len()
            )),
            Some(character) => Err(format!(
                "the object has the character U+{:04X}, which is not taken; write it as an escape of your own",
                u32::from(character)
            )),
            None => Ok(custom),
        }
    }
}

/// True when a value has at most so many levels of objects and lists.
fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Object(fields) => levels > 0 && fields.values().all(|value| is_within(value, levels - 1)),
        Value::Array(values) => levels > 0 && values.iter().all(|value| is_within(value, levels - 1)),
        _ => true,
    }
}
