//! Channels: recordings that are shown again, one after the other, at set times, as if they were live.
//!
//! ```text
//! start                    border                 border
//!   |  item 1   |  item 2   |  item 1   |  item 2   |  …          play: loop
//!   lap 0                   lap 1
//! ```
//!
//! What a channel shows at a moment is a function of its list, of its start and of the moment. Nothing counts along, so a restart
//! changes nothing, and the cost does not grow with the years. Only a change of the list is remembered: it takes effect at a border
//! between two items, with an [`Anchor`] that says how many chunks, discontinuities and milliseconds came before it.
//!
//! Pure: the list of a recording's chunks is given by whoever makes the channel, and the time by whoever asks.

mod chunks;
mod item;
mod lap;
mod name;
mod programme;
mod push;
mod schedule;
mod sent;
#[cfg(test)]
mod tests;

pub use chunks::{Chunk, Chunks};
pub use item::{ChunkName, Item, ItemKey, ListSum};
pub use lap::Lap;
pub use name::{BadName, Name};
pub use programme::{Anchor, Play, Programme, Shown};
pub use push::{BadTarget, Push, Target};
pub use schedule::{Changed, Channel, Now, Over, Window};
pub use sent::{Next, Why};

/// The most items of a channel.
pub const MAX_ITEMS: usize = 100;

/// The most servers that a channel is sent to.
pub const MAX_PUSHES: usize = 4;

/// The most chunks of a channel's list: 83 hours of chunks of six seconds.
pub const MAX_CHUNKS: usize = 50_000;
