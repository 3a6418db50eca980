//! Categories: a tree that recordings are filed in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Words;

/// The most categories.
pub(super) const MOST_CATEGORIES: usize = 1_000;
/// The most categories within each other.
pub(super) const MOST_LEVELS: usize = 16;
/// The most characters of an id.
const MOST_ID: usize = 64;

/// The id of a category, as commands name it: 1 to 64 letters and digits of ASCII, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "String", into = "String")]
pub struct CategoryId(String);

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Category {
    /// Its id.
    pub category: CategoryId,
    /// Its name, for people.
    pub name: Words<64>,
    /// The category that it is in; null at the top.
    pub parent: Option<CategoryId>,
}

/// All categories, by id. No category is within itself, every parent is there, and no more than 16 are within each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories(BTreeMap<CategoryId, Category>);

/// The reason why the tree stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CategoryRefusal {
    /// There is no such category.
    #[error("there is no category '{0}'; category list shows all of them")]
    Unknown(CategoryId),
    /// The category would be within itself.
    #[error("category '{category}' cannot be in '{parent}', which is in '{category}' itself")]
    Circle {
        /// The category.
        category: CategoryId,
        /// The parent that was asked for.
        parent: CategoryId,
    },
    /// The category has others in it.
    #[error("category '{category}' has {count} categories in it, as '{one}'; move or delete those first")]
    Parent {
        /// The category.
        category: CategoryId,
        /// The number of categories in it.
        count: usize,
        /// One of them.
        one: CategoryId,
    },
    /// The category, or one within it, would be too deep.
    #[error(
        "category '{0}' would make more than {MOST_LEVELS} categories within each other; no more are taken"
    )]
    Deep(CategoryId),
    /// There are too many.
    #[error("there are {MOST_CATEGORIES} categories, and no more are taken; delete one first")]
    Full,
}

impl TryFrom<String> for CategoryId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        if (1..=MOST_ID).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text))
        } else {
            Err(format!(
                "the id of a category has 1 to {MOST_ID} letters and digits of ASCII, '.', '_' and '-'"
            ))
        }
    }
}

impl From<CategoryId> for String {
    fn from(id: CategoryId) -> Self {
        id.0
    }
}

impl CategoryId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Categories {
    /// A tree of these categories. Those that cannot be in it are given back: their parent is missing, they are within
    /// themselves, or they are too many or too deep.
    pub fn of(all: impl IntoIterator<Item = Category>) -> (Self, Vec<Category>) {
        let mut left: Vec<Category> = all.into_iter().collect();
        let mut tree = Self::default();
        loop {
            let before = left.len();
            left.retain(|category| tree.put(category.clone()).is_err());
            if left.len() == before || left.is_empty() {
                return (tree, left);
            }
        }
    }

    /// Adds a category, or replaces the one with its id.
    pub fn put(&mut self, category: Category) -> Result<(), CategoryRefusal> {
        if let Some(parent) = &category.parent {
            if *parent != category.category && !self.has(parent) {
                return Err(CategoryRefusal::Unknown(parent.clone()));
            }
            if *parent == category.category || self.above(parent).any(|above| *above == category.category) {
                return Err(CategoryRefusal::Circle {
                    category: category.category,
                    parent: parent.clone(),
                });
            }
        }
        let above = category
            .parent
            .as_ref()
            .map_or(0, |parent| self.above(parent).count() + 1);
        if above + 1 + self.levels_below(&category.category) > MOST_LEVELS {
            return Err(CategoryRefusal::Deep(category.category));
        }
        if self.0.len() >= MOST_CATEGORIES && !self.has(&category.category) {
            return Err(CategoryRefusal::Full);
        }
        self.0.insert(category.category.clone(), category);
        Ok(())
    }

    /// Removes a category that has no others in it. The caller knows that no recording is in it.
    pub fn delete(&mut self, id: &CategoryId) -> Result<(), CategoryRefusal> {
        if !self.has(id) {
            return Err(CategoryRefusal::Unknown(id.clone()));
        }
        let children = || self.0.values().filter(|other| other.parent.as_ref() == Some(id));
        if let Some(one) = children().next() {
            return Err(CategoryRefusal::Parent {
                category: id.clone(),
                count: children().count(),
                one: one.category.clone(),
            });
        }
        self.0.remove(id);
        Ok(())
    }

    /// True when there is such a category.
    pub fn has(&self, id: &CategoryId) -> bool {
        self.0.contains_key(id)
    }

    /// Every category, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Category> {
        self.0.values()
    }

    /// The names on the way from the top to a category, as in `School / Mathematics`.
    pub fn path(&self, id: &CategoryId) -> String {
        let mut names: Vec<&str> = std::iter::once(id)
            .chain(self.above(id))
            .filter_map(|id| self.0.get(id))
            .map(|category| category.name.as_str())
            .collect();
        names.reverse();
        names.join(" / ")
    }

    /// The most categories within each other that are within a category.
    fn levels_below(&self, id: &CategoryId) -> usize {
        if !self.has(id) {
            return 0;
        }
        let below = |other| self.above(other).position(|above| above == id);
        let levels = self.0.keys().filter_map(below).map(|between| between + 1);
        levels.max().unwrap_or(0)
    }

    /// The parents of a category, the nearest first.
    fn above<'a>(&'a self, id: &'a CategoryId) -> impl Iterator<Item = &'a CategoryId> {
        let mut seen = BTreeSet::new();
        let parent = |id: &CategoryId| self.0.get(id)?.parent.as_ref();
        // No category is within itself, so the way ends.
        std::iter::successors(parent(id), move |id| parent(id)).take_while(move |id| seen.insert(*id))
    }
}
