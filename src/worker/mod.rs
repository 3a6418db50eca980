//! The media worker: what needs a decoder runs in a process of its own, and not in the recorder.
//!
//! The recorder hands over the bytes of a file and takes a picture back, over a Unix socket. The worker runs ffmpeg for it. A publisher's
//! video is decoded there and nowhere else, so the worst that a malicious keyframe gets is a process without network and files that may use
//! what recording leaves. Without a worker, all the rest works.
//!
//! | file | what it is |
//! |---|---|
//! | `protocol` | the bytes of a request and of an answer, drawn |
//! | `jpeg` | whether bytes are a JPEG, and its size |
//! | `ask` | the recorder's side: one request at a time, with a deadline |
//! | `serve` | the worker's side: a connection of systemd's, or a socket of its own |
//! | `decoder` | a run of ffmpeg, with its limits |

mod ask;
mod decoder;
mod jpeg;
mod protocol;
mod serve;
#[cfg(test)]
mod tests;

pub use ask::{MediaWorker, NoPicture, Read, Turn};
pub use decoder::Decoder;
pub use jpeg::size as jpeg_size;
pub use protocol::{
    LARGEST_SIDE, LUMA, MOST_KEYFRAMES, MOST_LUMA, MOST_MEDIA, PICTURE, SHEET_PIXELS, Sheet, Wanted,
};
pub use serve::{ServeError, listen, serve_input};
