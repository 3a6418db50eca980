//! The dialects of time shift, each in its own file. Each reads the parameters of a query into a [`Shift`](super::Shift).

mod aliyun;
mod native;
mod tencent;
mod time;

pub(super) use aliyun::read as aliyun;
pub use aliyun::{TimelineAsked, timeline};
pub(super) use native::read as native;
pub(super) use tencent::read as tencent;
pub use tencent::read_old as old_tencent;
