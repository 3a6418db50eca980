//! The schemas that several messages contain. A document has each of them once, below `components/schemas`.

use serde_json::{Value, json};

use super::{failed, schema};
use crate::event::Short;
use crate::model::reply;

/// The schemas that several messages contain, with the name that they are referred to by.
pub(crate) fn shared() -> Vec<(&'static str, Value)> {
    let template = schema::untitled(schema::of::<reply::Template>());
    vec![
        ("failed", failed()),
        ("format", template["properties"]["hls"].clone()),
        ("health", schema::untitled(schema::of::<reply::Health>())),
        ("recording", schema::untitled(schema::of::<reply::Recording>())),
        ("short", schema::untitled(schema::of::<Short>())),
        ("task", schema::untitled(schema::of::<reply::Task>())),
        ("template", template),
    ]
}

/// The same schema with references to the shared ones. A description that differs stays beside the reference.
pub(crate) fn referring(schema: &Value, shared: &[(&'static str, Value)]) -> Value {
    let is_object = schema.get("type").is_some();
    let same = |(_, other): &&(&str, Value)| is_object && without_about(other) == without_about(schema);
    if let Some((name, _)) = shared.iter().find(same) {
        return json!({ "$ref": format!("#/components/schemas/{name}") });
    }
    match schema {
        Value::Object(object) => object
            .iter()
            .map(|(name, schema)| (name.clone(), referring(schema, shared)))
            .collect(),
        Value::Array(several) => several.iter().map(|schema| referring(schema, shared)).collect(),
        other => other.clone(),
    }
}

fn without_about(schema: &Value) -> Value {
    let mut bare = schema.clone();
    if let Some(object) = bare.as_object_mut() {
        object.remove("description");
    }
    bare
}
