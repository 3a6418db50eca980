//! The doors: how the world outside reaches the box, and how the box reaches the world.
//!
//! A door speaks one protocol and knows nothing of what a command does; a command knows nothing of doors. Doors do not know
//! each other.

pub mod mqtt;
pub mod rtmp;
pub mod socket;
pub mod webhook;
