//! Commands, answers and events as JSON Schema, for the documents in `docs/`. They are made of the table of commands and of the types
//! that answers and events are written from.
//!
//! | module | what it is |
//! |---|---|
//! | `schema` | from a type to the schema of what it is written as |
//! | `command` | the arguments and the answers of a command |
//! | `event` | every kind of event |
//! | `shared` | the schemas that several messages contain |
//! | `kept` | a file in `docs/` that is made of the code |
//! | `yaml` | a value as YAML, always the same |

mod command;
mod event;
mod kept;
pub(crate) mod schema;
mod shared;
mod yaml;

pub(crate) use command::{answer, answered, argument, arguments, failed, results};
pub(crate) use event::{EventKind, kinds};
pub(crate) use kept::assert_kept;
pub(crate) use shared::{referring, shared};
pub(crate) use yaml::document as to_yaml;
