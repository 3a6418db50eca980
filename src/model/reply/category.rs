//! `category.…`.

use serde::Serialize;

use crate::model::{self, CategoryId};

/// The categories of recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CategoryList {
    /// By id.
    pub categories: Vec<Category>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Category {
    /// The category as it was put.
    #[serde(flatten)]
    pub category: model::Category,
    /// The names on the way to it from the top, as in `School / Mathematics`.
    pub path: String,
}

/// A category that is removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CategoryDeleted {
    /// Its id.
    pub category: CategoryId,
}
