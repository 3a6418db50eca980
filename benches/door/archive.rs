//! A long recording, made by pushing unpaced, that several figures are measured on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::push::Pace;
use crate::common::service::{Lines, Setup};
use crate::common::source::{self, Source};

/// The recording is one, however long it is.
const TEMPLATE: &str = "\n[[template]]\nname = \"long\"\nformats = [\"mp4\", \"hls\"]\nsplit = \"12h\"\n[[rule]]\ntemplate = \"long\"\n";

/// A store with a recording of 4 Mbit/s.
pub(crate) struct Archive {
    edgereel: PathBuf,
    dir: TempDir,
    pub(crate) source: Source,
    /// The recording.
    pub(crate) id: String,
    pub(crate) minutes: u64,
    /// Bytes of its MP4.
    pub(crate) length: u64,
}

impl Archive {
    pub(crate) fn make(arguments: &Arguments, dir: &Path) -> anyhow::Result<Self> {
        let minutes: u64 = arguments.pick(20, 120);
        eprintln!("recording {minutes} min of 4 Mbit/s unpaced …");
        let mut archive = Self {
            edgereel: arguments.edgereel.clone(),
            dir: tempfile::Builder::new().prefix("archive-").tempdir_in(dir)?,
            source: source::clip(4_000, 20)?,
            id: String::new(),
            minutes,
            length: 0,
        };
        let setup = archive.setup("")?;
        let service = setup.start()?;
        let loops = minutes * 60 / u64::from(archive.source.seconds);
        setup.push(0, &archive.source, loops, Pace::Unpaced)?.finish()?;
        service.stop()?;
        let rows = setup.recordings()?;
        ensure!(rows.len() == 1, "{} recordings in place of one", rows.len());
        archive.id = rows.into_iter().next().map(|(id, _)| id).unwrap_or_default();

        let service = setup.start()?;
        let path = archive.path();
        let (answer, _) = Connection::open(setup.http)?.fetch(&path, &["Range: bytes=0-0"])?;
        let length = answer
            .header("content-range")
            .and_then(|range| range.split('/').nth(1));
        archive.length = length.context("no Content-Range")?.parse()?;
        service.stop()?;
        Ok(archive)
    }

    /// The path of the recording as an MP4.
    pub(crate) fn path(&self) -> String {
        format!("/r/{}.mp4", self.id)
    }

    /// The service over this store, with lines for `[http]`.
    pub(crate) fn setup(&self, http: &str) -> anyhow::Result<Setup> {
        let lines = Lines {
            http: Some(http),
            sections: TEMPLATE,
            ..Lines::default()
        };
        Setup::new(&self.edgereel, self.dir.path(), &self.store(), lines)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// A file beside the store.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
