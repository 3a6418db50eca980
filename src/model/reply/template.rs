//! `template.…`.

use serde::Serialize;

use super::Origin;
use crate::config::TemplateSource;

/// The templates that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TemplateList {
    /// By name.
    pub templates: Vec<Template>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Template {
    /// The template as it was added or configured, with its formats always given.
    #[serde(flatten)]
    pub source: TemplateSource,
    /// Where it comes from.
    pub from: Origin,
}

/// A template that is in force now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TemplatePut {
    /// The template.
    #[serde(flatten)]
    pub template: Template,
    /// Warnings; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A template that is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TemplateDeleted {
    /// Its name.
    pub name: String,
    /// Warnings about what remains without it; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
