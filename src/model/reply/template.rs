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
    /// What `after` of the next request is; null where the list ends.
    pub next: Option<String>,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Template {
    /// As it was put or configured; its formats are said even where they are the usual ones.
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
    /// What its author probably does not mean; only where there is something to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A template that is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TemplateDeleted {
    /// Its name.
    pub name: String,
    /// What does not fit together without it; only where there is something to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
