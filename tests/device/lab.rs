//! The box and the servers outside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::guest::{Guest, OUTSIDE, Parts};
use crate::mosquitto::{Listening, Mosquitto};
use crate::push::{Push, clip};
use crate::support::bucket::{BUCKET, Bucket, KEY_ID, SECRET};
use crate::support::{home, wait_for};
use crate::time_server::TimeServer;

/// The box's name.
pub(crate) const DEVICE: &str = "box-7";

pub(crate) struct Lab {
    /// The files that were made before (system, kernel, key) and those that are made here.
    pub(crate) parts: Parts,
    pub(crate) package: PathBuf,
    pub(crate) bucket: Bucket,
    pub(crate) broker: Mosquitto,
    pub(crate) listening: Listening,
    pub(crate) time: TimeServer,
    pub(crate) clip: PathBuf,
    guest: Option<Guest>,
    _homes: [TempDir; 2],
}

impl Lab {
    /// Starts everything outside. The box is as it leaves the factory, without power.
    pub(crate) fn prepare() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("box");
        let package = package(&folder.with_file_name("packages"));
        let data = folder.join("data.img");
        copy(&folder.join("root.img"), &folder.join("disk.img"));
        format(&data, "1G", None);
        let (store, place) = (home(), home());
        let broker = Mosquitto::start(place.path());
        let listening = broker.listen();
        Self {
            bucket: Bucket::start(store.path()),
            listening,
            broker,
            time: TimeServer::start(),
            clip: clip(&folder, 4_000),
            parts: Parts { folder, data },
            package,
            guest: None,
            _homes: [store, place],
        }
    }

    /// The box. It gets power if it has none.
    pub(crate) fn guest(&mut self) -> &Guest {
        let parts = &self.parts;
        self.guest.get_or_insert_with(|| Guest::boot(parts, None))
    }

    /// Gives the box power, with this time on its clock.
    pub(crate) fn boot_at(&mut self, clock: &str) -> &Guest {
        self.guest = None;
        let parts = &self.parts;
        self.guest.insert(Guest::boot(parts, Some(clock)))
    }

    /// Pulls the plug of the box.
    pub(crate) fn cut_power(&mut self) {
        self.guest = None;
    }

    /// Shuts the box down in order.
    pub(crate) fn shut_down(&mut self) {
        if let Some(guest) = self.guest.take() {
            guest.shut_down();
        }
    }

    pub(crate) fn push(&mut self, stream: &str) -> Push {
        let port = self.guest().rtmp_port;
        Push::start(&self.clip, port, stream)
    }

    /// The configuration of the box, with all servers outside; `more` is at its end.
    pub(crate) fn configuration(&self, more: &str) -> String {
        let endpoint = self.bucket.address().port();
        format!(
            "[device]\nid = \"{DEVICE}\"\n\
             [rtmp]\nlisten = [\"0.0.0.0:1935\"]\nallow_anonymous = true\n\
             [storage]\ndir = \"/var/lib/edgereel/store\"\nmin_free = \"64 MiB\"\n\
             [[template]]\nname = \"all\"\nformats = [\"mp4\"]\nresume_window = \"2s\"\n[[rule]]\ntemplate = \"all\"\n\
             [sync]\nurl = \"s3://{BUCKET}/box\"\nendpoint = \"http://{OUTSIDE}:{endpoint}\"\nregion = \"us-east-1\"\n\
             access_key_id = \"{KEY_ID}\"\nsecret_access_key_file = \"bucket-key\"\nwhen = \"live\"\n\
             [mqtt]\nurl = \"mqtt://{OUTSIDE}:{}\"\n{more}",
            self.broker.port
        )
    }

    /// The recordings of a stream, as `ls` lists them.
    pub(crate) fn recordings(&mut self, stream: &str) -> Vec<Value> {
        let answer = self
            .guest()
            .json(&format!("edgereel ls --json --stream {stream}"));
        answer["recordings"].as_array().unwrap().clone()
    }

    /// Seconds of all recordings of a stream.
    pub(crate) fn recorded(&mut self, stream: &str) -> Duration {
        let recordings = self.recordings(stream);
        let seconds = recordings
            .iter()
            .map(|recording| recording["duration_s"].as_f64().unwrap());
        Duration::from_secs_f64(seconds.sum())
    }

    /// Waits until the status line has these words. Returns the line.
    #[track_caller]
    pub(crate) fn wait_status(&mut self, words: &str) -> String {
        let guest = self.guest();
        wait_for(&format!("the status to say '{words}'"), || {
            Some(guest.property("StatusText")).filter(|status| status.contains(words))
        })
    }

    /// The secret that signs requests to the bucket, in the unit's folder of credentials.
    pub(crate) fn secret(&self) -> &'static [u8] {
        SECRET.as_bytes()
    }

    /// Ends everything, and removes the files of this run.
    pub(crate) fn tidy(&mut self) {
        self.shut_down();
        for name in ["disk.img", "data.img", "long.img"] {
            let _ = std::fs::remove_file(self.parts.folder.join(name));
        }
    }
}

/// The newest package for the box.
fn package(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let packages = files
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with("_arm64.deb"));
    let newest = packages.max_by_key(|path| path.metadata().and_then(|about| about.modified()).ok());
    newest.expect("a package in target/packages: make deb ARCH=arm64")
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp")
        .arg("--sparse=always")
        .arg(from)
        .arg(to)
        .status();
    assert!(done.unwrap().success(), "cannot copy {}", from.display());
}

/// A disk for recordings, with the files of a folder.
pub(crate) fn format(image: &Path, size: &str, files: Option<&Path>) {
    let _ = std::fs::remove_file(image);
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-t", "ext4", "-L", "data"]);
    if let Some(files) = files {
        command.arg("-d").arg(files);
    }
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let done = command.arg(image).arg(size).env("PATH", path).status();
    assert!(done.unwrap().success(), "cannot format {}", image.display());
}
