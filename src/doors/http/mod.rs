//! The door for viewers: recordings and live streams over HTTP, the commands, and what monitoring reads.
//!
//! ```text
//! /r/<recording>.mp4 .fmp4 .flv .m4a .aac      a recording as a file, any range of it
//! /r/<recording>/master.m3u8                   a recording as HLS
//! /<app>/<stream>.m3u8                         a stream as it is now, or as it was: `?start=…`, `?delay=…`
//! /r/<recording>/frame.mp4 .jpg                a picture
//! /k/<key>                                     a key of an encrypted recording
//! /channel/<name>.m3u8                         recordings that are shown again at set times
//! /t/<token>/…                                 the same, for whoever has the token
//! /api/v1/<command>                            the commands
//! /compat/aliyun, /compat/tencent              the clouds' questions about recordings
//! /                                            a page that lists and plays what there is
//! /openapi.yaml                                the description of this interface
//! /healthz /readyz /metrics                    for monitoring
//! ```
//!
//! The door runs on a thread of its own, whose reads go after those of the recorder. What viewers cost is bounded: connections,
//! memory, bytes a second. A path is read by [`target`] into a type. Everything else is decided by that type.

mod activity;
mod answer;
mod arrival;
mod body;
mod channel;
mod client;
mod commands;
mod compat;
mod connection;
mod cors;
mod door;
mod encrypted;
mod events;
mod files;
mod fingerprints;
mod flow;
mod folder;
mod fuzz;
mod gate;
mod held;
mod layouts;
mod leases;
mod live;
mod metrics;
mod packed;
mod page;
mod patience;
mod pictures;
mod query;
mod range;
mod route;
mod seen;
mod server;
mod session;
mod shift;
mod sprites;
mod still;
mod tally;
mod target;
#[cfg(test)]
mod tests;

pub use door::Inside;
#[doc(hidden)]
pub use fuzz::{fuzz_range, fuzz_target};
pub use live::DATES;
pub use server::{HttpError, Running, Server};
