//! What the outside tests share: a running service, its commands, publishers, and readers of every rendition
//! that share no code with the product.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of this")]

pub(crate) mod adts;
pub(crate) mod cli;
pub(crate) mod flv;
pub(crate) mod fragmented;
pub(crate) mod hls;
pub(crate) mod media;
pub(crate) mod mp4_file;
pub(crate) mod pusher;
pub(crate) mod random;
pub(crate) mod rtmp;
pub(crate) mod service;
pub(crate) mod wait;

use std::path::PathBuf;

pub(crate) use cli::{Done, Recording, edgereel, edgereel_in, export, only_recording, recordings};
pub(crate) use flv::{Flv, Tag};
pub(crate) use media::{Media, Sample};
pub(crate) use pusher::Pusher;
pub(crate) use service::Service;
pub(crate) use wait::{wait_for, wait_until};

/// The clip that is pushed: 20 s of H.264 with B-frames and AAC.
pub(crate) fn sample_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/sample.flv")
}

/// The clip, read.
pub(crate) fn sample() -> Flv {
    Flv::read(&sample_path())
}

/// A folder of this test alone.
pub(crate) fn home() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("edgereel-test-")
        .tempdir()
        .expect("a temporary folder")
}
