//! `recording.set` and `recording.tag`: what people set of a recording.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::row_of;
use crate::api::Api;
use crate::api::answer::Failure;
use crate::api::arguments::typed;
use crate::model::reply::{RecordingFacts, RecordingTagged};
use crate::model::{CategoryId, Custom, Description, Facts, FactsChange, Notes, Tags, Title};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    recording: String,
    #[serde(default, deserialize_with = "text")]
    title: Option<Option<Title>>,
    #[serde(default, deserialize_with = "text")]
    description: Option<Option<Description>>,
    #[serde(default, deserialize_with = "list")]
    tags: Option<Tags>,
    #[serde(default, deserialize_with = "text")]
    category: Option<Option<CategoryId>>,
    #[serde(default, deserialize_with = "list")]
    notes: Option<Notes>,
    #[serde(default, deserialize_with = "object")]
    custom: Option<Option<Custom>>,
}

/// A text, or null or an empty text to remove it.
pub(super) fn text<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
    T::Error: std::fmt::Display,
{
    let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
    text.map(T::try_from)
        .transpose()
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// A list, or null to remove all of it.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(Some(Option::<T>::deserialize(from)?.unwrap_or_default()))
}

/// An object, or null or an empty object to remove it.
pub(super) fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Custom>>, D::Error> {
    Ok(Some(
        Option::<Custom>::deserialize(from)?.filter(|custom| !custom.is_empty()),
    ))
}

pub(super) async fn set(api: &Api, arguments: Map<String, Value>) -> Result<RecordingFacts, Failure> {
    let asked: Set = typed(arguments)?;
    let change = FactsChange {
        title: asked.title,
        description: asked.description,
        tags: asked.tags,
        category: asked.category,
        notes: asked.notes,
        custom: asked.custom,
    };
    let recording = row_of(api, asked.recording).await?.id;
    api.is_about(recording);
    let facts = api.recorder.set_facts(recording, change).await?;
    let Facts {
        title,
        description,
        tags,
        category,
        notes,
        custom,
    } = facts;
    Ok(RecordingFacts {
        recording: recording.to_string(),
        title,
        description,
        tags,
        category,
        notes,
        custom,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    recording: String,
    #[serde(default)]
    tags: Tags,
}

pub(super) async fn tag(api: &Api, arguments: Map<String, Value>) -> Result<RecordingTagged, Failure> {
    let Tag { recording, tags } = typed(arguments)?;
    let recording = row_of(api, recording).await?.id;
    api.is_about(recording);
    let change = FactsChange {
        tags: Some(tags),
        ..FactsChange::default()
    };
    let facts = api.recorder.set_facts(recording, change).await?;
    Ok(RecordingTagged {
        recording: recording.to_string(),
        tags: facts.tags.texts(),
    })
}
