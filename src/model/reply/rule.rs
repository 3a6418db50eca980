//! `rule.…`.

use serde::Serialize;

use crate::config::{Pattern, RecordWhen};

/// The rules that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RuleList {
    /// In the order in which they apply.
    pub rules: Vec<Rule>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rule {
    /// The host that publishers address; `*` is any.
    #[cfg_attr(test, schemars(with = "String"))]
    pub domain: Pattern,
    /// The streams; `*` is any.
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream: Pattern,
    /// The template.
    pub template: String,
    /// When they are recorded.
    pub record: RecordWhen,
    /// Where it comes from.
    pub from: Origin,
}

/// Where a rule or a template comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A command added it.
    Command,
    /// It is in the configuration, or is built in.
    Configuration,
}

/// A rule that is in force now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RulePut {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Warnings; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A rule that is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RuleDeleted {
    /// The host that it was for.
    #[cfg_attr(test, schemars(with = "String"))]
    pub domain: Pattern,
    /// The streams that it was for.
    #[cfg_attr(test, schemars(with = "String"))]
    pub stream: Pattern,
    /// Warnings about what remains without it; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
