//! HLS of a stream that is on the air: the last chunks of its tape, or of its ring.
//!
//! ```text
//! cam1.m3u8                       the last chunks; the number of the first one moves on
//! cam1/master.m3u8                codecs, size and rates of these chunks
//! cam1/c/init-3f2a90c1.mp4        a moov for each configuration, named by its content
//! cam1/c/4711.m4s                 chunk 4711 of the stream: styp moof mdat
//! cam1/c/4711-4713.m4s            chunks 4711 to 4713 of one segment, one behind the other
//! cam1/c/k/5f2a90c1-100-47/4711.m4s   chunk 4711, encrypted with this key
//! cam1/c/k/5f2a90c1-100-47/key        the key
//! ```
//!
//! A stream counts its chunks, and the frames of a chunk never change. So a chunk is a pure function of its frames and its
//! number, and has the same bytes whether the frames come from the tape ([`ChunkFile`]) or from memory ([`ChunkBytes`]).
//!
//! Times are those of the tape: they go on over a discontinuity. Players that do not know discontinuities play on.

mod file;
mod init;
mod joined;
mod master;
mod playlist;
mod samples;
mod sound;

pub(in crate::format) use file::facts;
pub use file::{ChunkBytes, ChunkFile, ChunkPlace};
pub use init::{Init, InitName};
pub use joined::{JoinedChunk, JoinedPlaylist, Shape, joined_numbers};
pub use master::{ChunkRate, master};
pub use playlist::{KEY, LiveChunk, Playlist, SEALED, chunk_name, chunk_number};
pub use samples::{ChunkFacts, ChunkFrames};

#[cfg(test)]
mod tests;
