//! `docs/openapi.yaml` describes what the code does, and is a document of OpenAPI 3.1.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::document::document;
use crate::api::described::{assert_kept, to_yaml};
use crate::api::{Answer, Code, Effect, Failure, Kind, commands};

const HEAD: &str = "# Made of the code: see src/api/openapi. EDGEREEL_BLESS=1 cargo test --lib openapi\n";
const METHODS: [&str; 3] = ["get", "head", "post"];

/// Every operation: its path, its method and itself.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let of_path = paths.flat_map(|(path, item)| {
        let methods = item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| METHODS.contains(&name.as_str()));
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    of_path.collect()
}

/// Calls `each` for every object of a document, with its place.
fn walk(value: &Value, place: &str, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(object) => {
            each(place, value);
            for (name, inner) in object {
                walk(inner, &format!("{place}/{name}"), each);
            }
        }
        Value::Array(several) => {
            for (number, inner) in several.iter().enumerate() {
                walk(inner, &format!("{place}/{number}"), each);
            }
        }
        _ => {}
    }
}

#[test]
fn the_document_is_what_the_code_says() {
    assert_kept(
        "openapi.yaml",
        &format!("{HEAD}{}", to_yaml(&document())),
        "openapi",
    );
}

#[test]
fn every_command_is_there_and_those_that_only_read_twice() {
    let document = document();
    let found: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .filter(|(path, ..)| path.starts_with("/api/") && *path != "/api/v1/events")
        .map(|(path, method, _)| (path.to_owned(), method.to_owned()))
        .collect();
    let mut expected = BTreeSet::new();
    for command in commands() {
        let path = format!("/api/v1/{}", command.name);
        expected.insert((path.clone(), "post".to_owned()));
        if command.effect == Effect::Reads {
            expected.insert((path.clone(), "get".to_owned()));
            // A query has names and texts, and no objects.
            let fits = |kind: Kind| !matches!(kind, Kind::Object | Kind::Lines);
            assert!(
                command.arguments.iter().all(|argument| fits(argument.kind)),
                "{path}"
            );
        }
        let operation = &document["paths"][&path]["post"];
        assert_eq!(operation["x-right"], command.right.as_str(), "{path}");
        let named = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
            .as_object()
            .unwrap();
        assert_eq!(named.len(), command.arguments.len() + 1, "{path}");
    }
    assert_eq!(found, expected);
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |place, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference
                .strip_prefix('#')
                .unwrap_or_else(|| panic!("{place}: {reference}"));
            assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
            used.insert(pointer.to_owned());
        }
    });
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(
                used.contains(&format!("/components/{kind}/{name}")),
                "{kind}/{name} is not used"
            );
        }
    }
}

/// The fields that OpenAPI 3.1.0 requires and allows, as far as the document has such objects (sections 4.8.1 to 4.8.27).
#[test]
fn the_document_has_the_structure_of_openapi_3_1() {
    let document = document();
    let only = |value: &Value, place: &str, required: &[&str], allowed: &[&str]| {
        let object = value
            .as_object()
            .unwrap_or_else(|| panic!("{place} is no object"));
        for name in required {
            assert!(object.contains_key(*name), "{place} has no {name}");
        }
        for name in object.keys().filter(|name| !name.starts_with("x-")) {
            assert!(
                required.contains(&name.as_str()) || allowed.contains(&name.as_str()),
                "{place} has {name}"
            );
        }
    };
    only(
        &document,
        "the document",
        &["openapi", "info", "paths"],
        &["servers", "security", "tags", "components"],
    );
    assert_eq!(document["openapi"], "3.1.0");
    only(
        &document["info"],
        "info",
        &["title", "version"],
        &["description", "license"],
    );
    only(
        &document["info"]["license"],
        "license",
        &["name"],
        &["identifier"],
    );
    for server in document["servers"].as_array().unwrap() {
        only(server, "server", &["url"], &["description", "variables"]);
    }
    only(
        &document["components"],
        "components",
        &[],
        &["schemas", "responses", "securitySchemes"],
    );
    let schemes: BTreeSet<&String> = document["components"]["securitySchemes"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    for requirement in document["security"].as_array().unwrap() {
        assert!(
            requirement
                .as_object()
                .unwrap()
                .keys()
                .all(|name| schemes.contains(name))
        );
    }
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        only(
            operation,
            &place,
            &["operationId", "responses", "tags", "summary"],
            &["description", "parameters", "requestBody"],
        );
        assert!(path.starts_with('/'), "{place}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{place}: its operationId is there twice"
        );
        assert!(
            operation["tags"]
                .as_array()
                .unwrap()
                .iter()
                .all(|tag| tags.contains(tag.as_str().unwrap())),
            "{place}"
        );
        let item = &document["paths"][path];
        only(item, path, &[], &["get", "head", "post", "parameters"]);
        let both = [&item["parameters"], &operation["parameters"]]
            .into_iter()
            .filter_map(Value::as_array);
        let mut in_path = BTreeSet::new();
        for parameter in both.flatten() {
            only(
                parameter,
                &place,
                &["name", "in", "schema"],
                &["description", "required", "style", "explode"],
            );
            if parameter["in"] == "path" {
                assert_eq!(parameter["required"], true, "{place}");
                in_path.insert(parameter["name"].as_str().unwrap().to_owned());
            }
        }
        let templated: BTreeSet<String> = path
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().unwrap().to_owned())
            .collect();
        assert_eq!(in_path, templated, "{place}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("200"), "{place}");
        for (status, response) in responses {
            assert!(
                status
                    .parse::<u16>()
                    .is_ok_and(|status| (100..600).contains(&status)),
                "{place}: {status}"
            );
            if response.get("$ref").is_none() {
                only(response, &place, &["description"], &["content", "headers"]);
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        only(response, name, &["description"], &["content", "headers"]);
    }
}

/// A validator of JSON Schema 2020-12, the dialect of OpenAPI 3.1, for a schema in the document.
fn validator(document: &Value, pointer: &str) -> Validator {
    let schema = json!({ "$ref": format!("#{pointer}"), "components": document["components"], "paths": document["paths"] });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

#[test]
fn every_schema_is_one_of_the_dialect_of_openapi_3_1() {
    let document = document();
    let names = document["components"]["schemas"].as_object().unwrap().keys();
    for name in names {
        validator(&document, &format!("/components/schemas/{name}"));
    }
    let escaped = |path: &str| path.replace('~', "~0").replace('/', "~1");
    for (path, method, operation) in operations(&document) {
        let place = format!("/paths/{}/{method}", escaped(path));
        for content in [
            "/responses/200/content/application~1json/schema",
            "/requestBody/content/application~1json/schema",
        ] {
            if operation.pointer(content).is_some() {
                validator(&document, &format!("{place}{content}"));
            }
        }
    }
}

#[test]
fn answers_are_what_is_said_of_them() {
    let document = document();
    let of = |code: Code| Answer {
        id: Some("1".to_owned()),
        result: Err(Failure::new(code, "no")),
    };
    let refusal = validator(&document, "/components/schemas/refusal");
    for code in Code::ALL {
        let answer: Value = serde_json::from_str(&of(code).to_json()).unwrap();
        assert!(refusal.is_valid(&answer), "{answer}");
        // What is refused before it reaches a command.
        assert!(refusal.is_valid(&json!({ "error": answer["error"] })));
        // Each code has a response with its status.
        let response = &document["components"]["responses"][code.as_str()];
        assert!(
            response["description"]
                .as_str()
                .unwrap()
                .starts_with(&format!("`{}`", code.as_str()))
        );
    }
    assert!(!refusal.is_valid(&json!({ "error": { "code": "sick", "message": "" } })));
    let list = validator(
        &document,
        "/paths/~1api~1v1~1stream.list/get/responses/200/content/application~1json/schema",
    );
    let answer = Answer {
        id: None,
        result: Ok(json!({ "streams": [], "next": null })),
    };
    let answer: Value = serde_json::from_str(&answer.to_json()).unwrap();
    assert!(list.is_valid(&answer), "{answer}");
    let failed: Value = serde_json::from_str(&of(Code::Refused).to_json()).unwrap();
    assert!(!list.is_valid(&failed), "a refusal has another status");
}

#[test]
fn objects_have_no_fields_that_nobody_described() {
    let document = document();
    let closed = |value: &Value| value.get("additionalProperties") == Some(&Value::Bool(false));
    walk(&document["components"]["schemas"], "", &mut |place, value| {
        if value.get("properties").is_some_and(Value::is_object)
            && value.get("type").is_some_and(|of| of == "object")
        {
            assert!(closed(value), "{place}");
        }
    });
}
