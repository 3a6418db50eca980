//! The messages over MQTT, described for others: `docs/asyncapi.yaml` for people and their tools, and `docs/schemas.json` for
//! the tests that look on from outside. Both are made of the types that the messages are written from, and of the table of
//! commands, by `api::described`. The tests here check that nothing in the files is old.
//!
//! | module | what it is |
//! |---|---|
//! | `messages` | every message, its topic and its schema: both files are made of these |
//! | `dialects` | the callbacks of the clouds, by hand: no types stand behind them |
//! | `document` | the AsyncAPI document around the messages |
//! | `samples` | one of each event, for the tests |

mod dialects;
mod document;
mod messages;
mod samples;
mod tests;
