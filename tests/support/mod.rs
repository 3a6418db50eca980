//! Shared by the tests from outside: a running service, its commands, publishers, and readers of every format that share no
//! code with the product.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of this")]

pub(crate) mod adts;
pub(crate) mod broker;
pub(crate) mod bucket;
pub(crate) mod cli;
pub(crate) mod contract;
pub(crate) mod delivered;
pub(crate) mod feed;
pub(crate) mod fleet;
pub(crate) mod flv;
pub(crate) mod fragmented;
pub(crate) mod hls;
pub(crate) mod http;
pub(crate) mod kept;
pub(crate) mod media;
pub(crate) mod mp4_file;
pub(crate) mod port;
pub(crate) mod programme;
pub(crate) mod proxy;
pub(crate) mod pusher;
pub(crate) mod random;
pub(crate) mod rtmp;
pub(crate) mod service;
pub(crate) mod told;
pub(crate) mod wait;
pub(crate) mod webhook;
pub(crate) mod worker;

use std::path::PathBuf;

pub(crate) use cli::{
    Done, Recording, edgereel, edgereel_in, edgereel_of, export, only_recording, publish_file, recordings,
    typed, verified, wait_all_closed, wait_closed, wait_closed_of,
};
pub(crate) use feed::{Feed, Plan, Sent};
pub(crate) use flv::{Flv, Tag};
pub(crate) use kept::{Kept, gone_in_order, kept};
pub(crate) use media::{Media, Sample};
pub(crate) use pusher::Pusher;
pub(crate) use service::Service;
pub(crate) use told::Told;
pub(crate) use wait::{wait_for, wait_until};

/// The clip that is pushed: 20 s of H.264 with B-frames and AAC.
pub(crate) fn sample_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/sample.flv")
}

/// The clip, read.
pub(crate) fn sample() -> Flv {
    Flv::read(&sample_path())
}

/// Publishes the clip as fast as the service takes it. Gives its recording, once that is closed. Fails where the stream has another
/// one.
#[track_caller]
pub(crate) fn record_sample(service: &Service, stream: &str) -> Recording {
    publish_file(&sample_path(), &service.url(stream));
    let closed = wait_closed_of(&service.data(), stream);
    let all = recordings(&service.data()).into_iter();
    let others: Vec<String> = all
        .filter(|one| one.stream == stream && one.id != closed.id)
        .map(|one| one.id)
        .collect();
    assert!(others.is_empty(), "{stream} has other recordings: {others:?}");
    closed
}

/// A folder that only this test uses.
pub(crate) fn home() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("edgereel-test-")
        .tempdir()
        .expect("a temporary folder")
}

/// The same in memory, if the machine has such a folder. Then a test of crashes does not depend on how busy the machine's own
/// disk is.
pub(crate) fn home_in_memory() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("edgereel-test-");
    let made = if std::env::var_os("TMPDIR").is_none() && memory.is_dir() {
        builder.tempdir_in(memory).or_else(|_| builder.tempdir())
    } else {
        builder.tempdir()
    };
    made.expect("a temporary folder")
}
