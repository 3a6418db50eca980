//! The doors: how the world outside reaches the box, and how the box reaches the world.
//!
//! A door speaks one protocol and does not know what a command does. A command does not know doors. Doors do not know each
//! other.

pub mod http;
pub mod mqtt;
pub mod rtmp;
pub mod socket;
pub mod webhook;
