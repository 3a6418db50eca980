//! The HTTP interface, described for others: `docs/openapi.yaml`, OpenAPI 3.1. It is made of the table of commands and of the types
//! that answers and events are written from. The media paths have no types: they are described by hand.
//!
//! | module | what it is |
//! |---|---|
//! | `document` | the document around the paths |
//! | `commands` | a path for each command |
//! | `media` | the paths of players, and what else the door answers |

mod commands;
mod document;
mod media;
mod tests;
