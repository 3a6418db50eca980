//! The facts of a recording that people set: its title, its description, its tags, its category, notes, and an object of their
//! own. Each type checks its limits when it is made, so that no other code has to.
//!
//! Lengths of texts count Unicode scalar values, as `wc -m` does.

mod category;
mod custom;
mod note;
mod words;

use serde::{Deserialize, Serialize};

pub use category::{Categories, Category, CategoryId, CategoryRefusal};
pub use custom::Custom;
pub use note::{Note, Notes};
pub use words::{Tags, Words, misleads};

/// The title of a recording.
pub type Title = Words<64>;
/// The description of a recording.
pub type Description = Words<512>;

/// All facts of one recording. `Default` has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Its tags, in order.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// Its notes, in the order of their time marks.
    #[serde(skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
    /// An object of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
}

/// The facts of a recording that events carry: they find the recording in somebody else's system. Absent ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Label {
    /// The title that somebody gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// The id of its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// The object of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
}

/// A change of facts. `None` leaves a fact as it is; `Some` of an empty value removes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactsChange {
    /// Another title, or none.
    pub title: Option<Option<Title>>,
    /// Another description, or none.
    pub description: Option<Option<Description>>,
    /// Other tags.
    pub tags: Option<Tags>,
    /// Another category, or none.
    pub category: Option<Option<CategoryId>>,
    /// Other notes.
    pub notes: Option<Notes>,
    /// Another object, or none.
    pub custom: Option<Option<Custom>>,
}

impl Facts {
    /// The facts after a change.
    pub fn changed(mut self, change: FactsChange) -> Self {
        if let Some(title) = change.title {
            self.title = title;
        }
        if let Some(description) = change.description {
            self.description = description;
        }
        if let Some(tags) = change.tags {
            self.tags = tags;
        }
        if let Some(category) = change.category {
            self.category = category;
        }
        if let Some(notes) = change.notes {
            self.notes = notes;
        }
        if let Some(custom) = change.custom {
            self.custom = custom;
        }
        self
    }

    /// True where no fact is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests;
