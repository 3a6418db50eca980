//! Tests that span files of this room.

mod chunks;
mod corpus;
mod loopback;
mod sessions;
mod tags;
