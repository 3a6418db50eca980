//! Reading from a runtime, which must not wait for the storage device.

mod reader;
mod subscription;

pub use reader::Reader;
pub use subscription::Subscription;
