//! A box with the door open, and what is published to it: numbered pictures, a break, and another picture size.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use tempfile::TempDir;

use crate::browser::origin;
use crate::numbered::draw;
use crate::programs::FFMPEG;
use crate::support::flv::SCRIPT;
use crate::support::{
    Flv, Recording, Service, Tag, edgereel_of, home, http, publish_file, recordings, wait_for, wait_until,
};

/// Pictures a second, and of a GOP.
pub(super) const RATE: usize = 25;
/// The numbers of the pictures in the three parts: before the break, behind it, and in the other size.
pub(super) const PARTS: [Range<usize>; 3] = [0..200, 200..325, 325..450];
/// The widths of the parts.
pub(super) const WIDTHS: [u32; 3] = [96, 96, 192];

const CODECS: &str = "-c:v libx264 -preset veryfast -sc_threshold 0 -pix_fmt yuv420p -bf 0 -g 25";
const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";

/// What is pushed before the break, and behind it.
pub(super) struct Programme {
    pub(super) before: Flv,
    pub(super) after: Flv,
}

impl Programme {
    pub(super) fn draw(folder: &Path) -> Self {
        let seconds = u32::try_from(PARTS[2].end / RATE).unwrap();
        let drawn = [1, 2].map(|size| {
            let path = folder.join(format!("size-{size}.flv"));
            clip(&path, size, seconds);
            Flv::read(&path)
        });
        // The first picture is later than the first sound by less than a picture.
        let starts = |part: usize| (PARTS[part].start * 1_000 / RATE) as u32;
        let part = |flv: &Flv, times: Range<u32>| {
            let headers = flv.only(Tag::is_header).tags;
            let headers = headers.into_iter().map(|tag| Tag {
                time: times.start,
                ..tag
            });
            let media = flv.only(|tag| !tag.is_header() && times.contains(&tag.time));
            headers.chain(media.tags).collect::<Vec<Tag>>()
        };
        let mut after = part(&drawn[0], starts(1)..starts(2));
        let large = part(&drawn[1], starts(2)..u32::MAX);
        after.extend(large.into_iter().filter(|tag| tag.kind != SCRIPT));
        Self {
            before: Flv {
                tags: part(&drawn[0], 0..starts(1)),
            },
            after: Flv { tags: after },
        }
    }
}

/// A service with the door on loopback. Recordings wait for their publisher, and the browser's page may read everything.
pub(super) struct OpenDoor {
    pub(super) home: TempDir,
    pub(super) service: Service,
    address: SocketAddr,
}

impl OpenDoor {
    #[track_caller]
    pub(super) fn start() -> Self {
        Self::with("formats = [\"mp4\"]", "")
    }

    /// With these keys of the template, and these sections.
    #[track_caller]
    pub(super) fn with(template: &str, sections: &str) -> Self {
        let home = home();
        let service = Service::start_with(
            home.path(),
            &format!(
                "[http]\nlisten = [\"127.0.0.1:0\"]\nmax_connections_per_address = 100\ncors = [\"{}\"]\ntoken_key = \"{TOKEN_KEY}\"\n\
                 [[viewer]]\nname = \"here\"\naddresses = [\"127.0.0.1\"]\n\
                 [[template]]\nname = \"waits\"\n{template}\nresume_window = \"1min\"\nresume_after = \"any\"\n\
                 [[rule]]\ntemplate = \"waits\"\n{sections}",
                origin()
            ),
        );
        Self {
            address: service.http(),
            service,
            home,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until the playlist of the stream has so many chunks.
    #[track_caller]
    pub(super) fn wait_listed(&self, chunks: usize) {
        self.wait_listed_at("/live/cam1.m3u8", chunks);
    }

    /// Waits until a playlist has so many chunks.
    #[track_caller]
    pub(super) fn wait_listed_at(&self, path: &str, chunks: usize) {
        wait_until("a playlist", || {
            let got = http::get(self.address, path, &[]);
            got.status == 200 && got.text().matches(".m4s").count() >= chunks
        });
    }

    /// What the door answers.
    #[track_caller]
    pub(super) fn text(&self, path: &str) -> String {
        let got = http::get(self.address, path, &[]);
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        got.text().to_owned()
    }

    /// Runs `edgereel` with a command for this box. Gives its output.
    #[track_caller]
    pub(super) fn typed(&self, words: &[&str]) -> String {
        edgereel_of(self.home.path(), words).ok().text()
    }

    /// Publishes a file as fast as it is taken.
    #[track_caller]
    pub(super) fn publish(&self, file: &Path, stream: &str) {
        publish_file(file, &self.service.url(stream));
    }

    /// The only recording, in this state.
    #[track_caller]
    pub(super) fn recording(&self, state: &str) -> Recording {
        wait_for("the recording", || {
            let all = recordings(&self.service.data());
            assert!(all.len() <= 1, "{all:#?}");
            all.into_iter().find(|recording| recording.state == state)
        })
    }

    /// Closes the recording, which waits for its publisher.
    #[track_caller]
    pub(super) fn finish(&self) {
        self.typed(&["recording", "finish", "live/cam1"]);
    }

    /// The beginning of addresses that a token of this length of time opens.
    #[track_caller]
    pub(super) fn token(&self, valid: &str) -> String {
        let made = self.typed(&[
            "token", "create", "--stream", "live/*", "--json", "--valid", valid,
        ]);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        self.url(&format!("/t/{}", made["result"]["token"].as_str().unwrap()))
    }
}

/// Draws so many seconds of numbered pictures, each `size` times as wide and high as it must be.
pub(super) fn clip(path: &Path, size: usize, seconds: u32) {
    draw(FFMPEG, path, size, (RATE as u32, seconds), CODECS);
}

/// The pictures at the beginning of what a player decoded, up to the first one that does not follow the one before.
#[track_caller]
pub(super) fn run(numbers: &[usize]) -> Range<usize> {
    let first = *numbers.first().expect("a picture");
    let count = numbers
        .iter()
        .zip(first..)
        .take_while(|(one, next)| **one == *next);
    first..first + count.count()
}
