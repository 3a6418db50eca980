//! Reading from a runtime, which must not wait for the storage device.

mod events;
mod reader;
mod subscription;

pub use events::{EventReader, NextEvent};
pub use reader::Reader;
pub use subscription::Subscription;
