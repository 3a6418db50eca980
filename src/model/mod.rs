//! What more than one room says of the same thing, said once: the answers of commands, and the rows of lists.
//!
//! Pure: no I/O, no clock. Whoever has the facts makes these values of them; whoever shows them knows no others.

mod about;
pub mod reply;

pub use about::{About, Origin};
