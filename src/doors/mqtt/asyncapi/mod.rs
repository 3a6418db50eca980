//! What is said over MQTT, for those who are not of this house: `docs/asyncapi.yaml` for people and their tools, and
//! `docs/schemas.json` for the tests that look on from outside. Both are made of the types that the messages are written
//! from, and of the table of commands; the tests here see that nothing in them is old.
//!
//! | module | what it is |
//! |---|---|
//! | `schema` | from a type to the schema of what it is written as |
//! | `messages` | every message, its topic and its schema: what both files are made of |
//! | `dialects` | the callbacks of the clouds, by hand: no types stand behind them |
//! | `document` | the AsyncAPI document around the messages |
//! | `yaml` | a value as YAML, always the same |
//! | `samples` | one of each event, for the tests |

mod dialects;
mod document;
mod messages;
mod samples;
mod schema;
mod tests;
mod yaml;
