//! `category.…`: the tree that recordings are filed in.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::typed;
use super::command::{Command, Effect, Kind, PAGE, Reach, Right, carries_out, needs, takes};
use super::paged::{Window, paged};
use crate::model::reply::{self, CategoryDeleted, CategoryList};
use crate::model::{Categories, Category, CategoryId, CategoryRefusal, Words};
use crate::store::{CategoryChange, FactsError};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "category.put",
        about: "Add a category for recordings, or replace the one with the same id",
        effect: Effect::Changes,
        right: Right::Moderate,
        reach: Reach::Box,
        arguments: &[
            needs(
                "category",
                Kind::Text,
                "its id: 1 to 64 letters and digits of ASCII, '.', '_' and '-'",
            ),
            takes(
                "name",
                Kind::Text,
                "its name for people, at most 64 characters; default the id",
            ),
            takes(
                "parent",
                Kind::Text,
                "the id of the category that it is in; default none",
            ),
        ],
        carry_out: carries_out!(put -> reply::Category),
    },
    Command {
        name: "category.list",
        about: "List all categories",
        effect: Effect::Reads,
        right: Right::Watch,
        // The tree has nothing of any stream: who may see recordings may see what they are filed in.
        reach: Reach::Streams,
        arguments: PAGE,
        carry_out: carries_out!(list -> CategoryList),
    },
    Command {
        name: "category.delete",
        about: "Remove a category that has no other categories and no recordings in it",
        effect: Effect::Ends,
        right: Right::Moderate,
        reach: Reach::Box,
        arguments: &[needs("category", Kind::Text, "the id of the category")],
        carry_out: carries_out!(delete -> CategoryDeleted),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    category: CategoryId,
    name: Option<String>,
    parent: Option<String>,
}

async fn put(api: &Api, arguments: Map<String, Value>) -> Result<reply::Category, Failure> {
    let Put {
        category,
        name,
        parent,
    } = typed(arguments)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let name = given(name).unwrap_or_else(|| category.to_string());
    let name = Words::try_from(name).map_err(|error| Failure::bad(format!("name: {error}")).about("name"))?;
    let parent = given(parent).map(CategoryId::try_from).transpose();
    let parent = parent.map_err(|error| Failure::bad(format!("parent: {error}")).about("parent"))?;
    let one = Category {
        category,
        name,
        parent,
    };
    let change = CategoryChange::Put(one.clone());
    api.recorder.change_categories(change).await.map_err(|error| {
        let mut failure = Failure::from(error);
        failure.field = failure.field.map(|_| "parent".to_owned());
        failure
    })?;
    Ok(shown(&tree(api).await?, &one))
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<CategoryList, Failure> {
    let window = Window::of(arguments)?;
    let tree = tree(api).await?;
    let all: Vec<&Category> = tree.iter().collect();
    let (categories, next) = paged(window, &all, |category| shown(&tree, category));
    Ok(CategoryList { categories, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    category: CategoryId,
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<CategoryDeleted, Failure> {
    let One { category } = typed(arguments)?;
    let change = CategoryChange::Delete(category.clone());
    api.recorder.change_categories(change).await?;
    Ok(CategoryDeleted { category })
}

async fn tree(api: &Api) -> Result<Categories, Failure> {
    let all = api.read(|library| library.categories()).await?;
    Ok(Categories::of(all).0)
}

fn shown(tree: &Categories, of: &Category) -> reply::Category {
    reply::Category {
        path: tree.path(&of.category),
        category: of.clone(),
    }
}

impl From<FactsError> for Failure {
    fn from(error: FactsError) -> Self {
        let (code, field) = match &error {
            FactsError::NoRecording(_) => (Code::NotFound, Some("recording")),
            FactsError::Category(CategoryRefusal::Unknown(_)) => (Code::NotFound, Some("category")),
            FactsError::Category(CategoryRefusal::Circle { .. }) => (Code::Conflict, Some("parent")),
            FactsError::Category(CategoryRefusal::Parent { .. }) | FactsError::InUse { .. } => {
                (Code::Conflict, Some("category"))
            }
            FactsError::Category(CategoryRefusal::Deep(_)) => (Code::Refused, Some("parent")),
            FactsError::Category(CategoryRefusal::Full) => (Code::Refused, None),
            FactsError::Reviewed(_) => (Code::Conflict, Some("recording")),
            FactsError::Unwritten(_) | FactsError::Waits(_) => (Code::Unavailable, None),
        };
        let mut failure = Self::new(code, error.to_string());
        failure.field = field.map(str::to_owned);
        if let FactsError::InUse { recordings, .. } = &error {
            failure.recordings = recordings.iter().map(ToString::to_string).collect();
        }
        failure
    }
}
