//! Makes the schema of a type's JSON: JSON Schema draft 07, which AsyncAPI is a superset of. Nothing in it means something else in
//! draft 2020-12, the dialect of OpenAPI 3.1.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Fields of these names are times wherever the box writes them as text.
const TIMES: [&str; 7] = ["time", "start", "end", "from", "to", "at", "oldest"];

/// The schema of a type, without references. It allows no field that the type does not have.
pub(crate) fn of<T: JsonSchema>() -> Value {
    described_by(|generator| generator.into_root_schema_for::<T>())
}

/// The schema of a type that the caller's function describes.
pub(crate) fn described_by(describe: impl FnOnce(SchemaGenerator) -> Schema) -> Value {
    let settings = SchemaSettings::draft07().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        // The titles tell the variants of `Event` apart.
        settings.untagged_enum_variant_titles = true;
    });
    let mut schema = describe(settings.into_generator()).to_value();
    tidy(&mut schema);
    schema
}

/// The schema without the names of types and variants, which nobody outside knows.
pub(crate) fn untitled(mut schema: Value) -> Value {
    remove_titles(&mut schema);
    schema
}

fn remove_titles(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // A field may be called `title`: its schema is no text.
            if object.get("title").is_some_and(Value::is_string) {
                object.remove("title");
            }
            object.values_mut().for_each(remove_titles);
        }
        Value::Array(several) => several.iter_mut().for_each(remove_titles),
        _ => {}
    }
}

/// An object with these fields and no others. A field whose name ends in `?` may be missing.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let required = fields
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.ends_with('?'));
    let required: Vec<&str> = required.collect();
    let properties = fields
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone()));
    let properties: Map<String, Value> = properties.collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

/// The schema of a text.
pub(crate) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// The schema of a whole number.
pub(crate) fn whole(about: &str) -> Value {
    json!({ "type": "integer", "description": about })
}

/// The schema of a text that is always the same.
pub(crate) fn always(word: &str) -> Value {
    json!({ "type": "string", "const": word })
}

/// The schema of one of these texts.
pub(crate) fn one_of(words: &[&str], about: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": about })
}

/// Takes a text out of a schema.
pub(crate) fn taken(schema: &mut Value, name: &str) -> String {
    let taken = schema.as_object_mut().and_then(|schema| schema.remove(name));
    taken
        .and_then(|text| text.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Closes objects, marks times, and puts descriptions in one line. A field that may be missing is never null: it is left out
/// instead.
fn tidy(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::String(about)) = object.get_mut("description") {
        *about = about.replace('\n', " ");
    }
    let is_object = match object.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == "object"),
        one => one.is_some_and(|one| one == "object"),
    };
    // A schema that allows fields of any name says so.
    if is_object && (object.contains_key("properties") || !object.contains_key("additionalProperties")) {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    let required = object.get("required").cloned().unwrap_or_else(|| json!([]));
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            if !is_required(name) {
                no_null(property);
            }
            if TIMES.contains(&name.as_str()) && property["type"] == "string" {
                property["format"] = "date-time".into();
            }
            tidy(property);
        }
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        let schemas = object.get_mut(several).and_then(Value::as_array_mut);
        schemas.into_iter().flatten().for_each(tidy);
    }
    if let Some(items) = object.get_mut("items") {
        tidy(items);
    }
}

fn no_null(schema: &mut Value) {
    if let Some(Value::Array(several)) = schema.get_mut("anyOf") {
        several.retain(|one| one["type"] != "null");
        if let [one] = several.as_mut_slice() {
            let mut one = one.take();
            // The description of the field says more than that of its type.
            if let Some(about) = schema.get("description") {
                one["description"] = about.clone();
            }
            *schema = one;
        }
        return;
    }
    let Some(Value::Array(types)) = schema.get_mut("type") else {
        return;
    };
    types.retain(|one| one != "null");
    if let [one] = types.as_slice() {
        let one = one.clone();
        schema["type"] = one;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema, serde::Serialize)]
    struct Inner {
        /// Who, and
        /// where.
        #[serde(skip_serializing_if = "Option::is_none")]
        who: Option<String>,
    }

    #[derive(JsonSchema, serde::Serialize)]
    struct Outer {
        at: String,
        found: Option<Inner>,
        #[serde(flatten)]
        inner: Inner,
    }

    #[test]
    fn what_is_flattened_stands_with_the_rest_and_nothing_else_does() {
        let inner = json!({
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": { "who": { "type": "string", "description": "Who, and where." } },
        });
        let expected = json!({
            "title": "Outer",
            "type": "object",
            "additionalProperties": false,
            "required": ["at", "found"],
            "properties": {
                "at": { "type": "string", "format": "date-time" },
                "found": inner,
                "who": { "type": "string", "description": "Who, and where." },
            },
        });
        assert_eq!(of::<Outer>(), expected);
    }

    #[test]
    fn a_field_may_be_missing_if_its_name_says_so() {
        let expected = json!({
            "type": "object",
            "required": ["a"],
            "additionalProperties": false,
            "properties": { "a": { "type": "string", "const": "x" }, "b": { "type": "integer", "description": "y" } },
        });
        assert_eq!(object([("a", always("x")), ("b?", whole("y"))]), expected);
    }
}
