//! The RTMP door: encoders come in here and leave as publishes.
//!
//! [`Server`] accepts connections and gives each a [`Session`]. A session is a plain state machine: bytes in, answers and
//! [`Event`]s out, no socket and no clock. It uses the [`ChunkReader`], which takes memory only as bytes really arrive, the
//! AMF0 decoder, which bounds depth and count, and the tag parser, which makes
//! [`media::MediaMessage`](crate::media::MediaMessage)s. [`Client`] and [`Publisher`] are the other end of the same protocol,
//! for `edgereel publish`, for tests, and for channels that are sent to other servers ([`Pushing`]).
//!
//! All code here reads what strangers send before they have proved anything. No input may panic, exhaust the stack by nesting,
//! or take more memory than its [`Allowance`].
//!
//! Sources: Adobe's *Real-Time Messaging Protocol* 1.0 and *Action Message Format 0*, and *Enhanced RTMP* v2
//! (veovera.org), named below as RTMP, AMF0 and E-RTMP.

mod admission;
mod aggregate;
mod allowance;
mod amf0;
mod chunk;
mod chunk_header;
mod chunk_writer;
mod client;
mod colour_info;
mod command;
mod connection;
mod error;
mod event;
mod fuzz;
mod handshake;
mod host;
mod left_out;
mod message;
mod metadata;
mod pace;
mod publisher;
mod push;
mod server;
mod session;
mod tag;
mod tag_audio;
mod tag_video;
mod trust;
mod wire;

#[cfg(test)]
mod tests;

pub use admission::{PUBLISHER, limits, refusal_kinds};
pub use allowance::{Allowance, WhenFull};
pub use amf0::{AmfError, Value};
pub use chunk::{ChunkError, ChunkReader};
pub use chunk_writer::ChunkWriter;
pub use client::{Client, ClientEvent};
pub use error::IngestError;
pub use event::{Declined, Event, PublishAsked, Split};
#[doc(hidden)]
pub use fuzz::{fuzz_amf0, fuzz_chunks, fuzz_tags};
pub use handshake::HandshakeError;
pub use message::Message;
pub use publisher::{Publisher, TagKind};
pub use push::{Pushing, PushingError};
pub use server::{Listen, Server, Settings};
pub use session::Session;
pub use tag::TagError;
pub use trust::Trust;

pub use crate::model::{RtmpUrl, UrlError};
