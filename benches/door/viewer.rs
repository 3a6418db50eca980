//! A viewer that plays HLS as hls.js does: a playlist, the init, and chunks as they are needed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::common::http::Connection;

/// How much a viewer has ahead of what it shows, of a recording.
const AHEAD: f64 = 12.0;
/// The chunks before the end of a live playlist that a player begins with.
const BEHIND: usize = 3;
/// After this time a viewer asks again for a playlist that is not there yet.
const NOT_YET: Duration = Duration::from_secs(1);
/// The pause after which a viewer looks whether it has to do something.
const LOOK: Duration = Duration::from_millis(50);

/// What a viewer watches.
#[derive(Clone, Debug)]
pub(crate) enum Programme {
    /// A stream, by its name.
    Live(String),
    /// A recording, by its id, from this share of it on.
    Recording(String, f64),
}

/// What a viewer got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) bytes: u64,
    /// Seconds of media.
    pub(crate) seconds: f64,
    /// How often the next chunk was not there when the one before was over.
    pub(crate) stalls: u32,
}

/// The viewers of one service.
pub(crate) struct Audience<'scope> {
    viewers: Vec<ScopedJoinHandle<'scope, anyhow::Result<Watched>>>,
}

impl<'scope> Audience<'scope> {
    /// Lets a viewer watch each of these, until it is told to leave.
    pub(crate) fn gather<'env>(
        scope: &'scope Scope<'scope, 'env>,
        port: u16,
        programmes: Vec<Programme>,
        leave: &'env AtomicBool,
    ) -> Self {
        let watch = |programme: Programme| {
            scope.spawn(move || {
                Player::new(port, leave)?
                    .watch(&programme)
                    .with_context(|| format!("{programme:?}"))
            })
        };
        Self {
            viewers: programmes.into_iter().map(watch).collect(),
        }
    }

    /// What each viewer got. They must have been told to leave.
    pub(crate) fn watched(self) -> anyhow::Result<Vec<Watched>> {
        let joined = self.viewers.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|it| it.unwrap_or_else(|_| Err(anyhow::anyhow!("a viewer panicked"))))
            .collect()
    }
}

/// Half of the viewers watch the streams `live/cam0` and on, the other half recordings, from different places on and far from
/// both ends.
pub(crate) fn programmes(viewers: usize, streams: usize, recordings: &[String]) -> Vec<Programme> {
    (0..viewers)
        .map(|number| match recordings.get(number % recordings.len().max(1)) {
            Some(id) if number % 2 == 1 => {
                Programme::Recording(id.clone(), 0.3 + number as f64 / viewers as f64 * 0.4)
            }
            _ => Programme::Live(format!("live/cam{}", number / 2 % streams)),
        })
        .collect()
}

struct Player<'a> {
    connection: Connection,
    leave: &'a AtomicBool,
    watched: Watched,
    /// When the first chunk was shown, without the time of stalls.
    begun: Option<Instant>,
}

/// A playlist, as far as a viewer needs it.
struct Playlist {
    target: Duration,
    init: Option<String>,
    /// Each chunk with its length in seconds.
    chunks: Vec<(f64, String)>,
}

impl<'a> Player<'a> {
    fn new(port: u16, leave: &'a AtomicBool) -> anyhow::Result<Self> {
        Ok(Self {
            connection: Connection::open(port)?,
            leave,
            watched: Watched::default(),
            begun: None,
        })
    }

    fn watch(mut self, programme: &Programme) -> anyhow::Result<Watched> {
        match programme {
            Programme::Live(stream) => self.live(stream)?,
            Programme::Recording(id, from) => self.recording(id, *from)?,
        }
        Ok(self.watched)
    }

    fn live(&mut self, stream: &str) -> anyhow::Result<()> {
        let folder = stream.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (path, beside) = (format!("/{stream}.m3u8"), format!("/{folder}/"));
        let mut last: Option<String> = None;
        let mut init = None;
        while !self.is_over() {
            let Some(playlist) = self.playlist(&path)? else {
                self.rest(NOT_YET);
                continue;
            };
            let known = last
                .as_ref()
                .and_then(|last| playlist.chunks.iter().position(|(_, name)| name == last));
            let next = match (&last, known) {
                (None, _) => playlist.chunks.len().saturating_sub(BEHIND),
                (Some(_), Some(known)) => known + 1,
                (Some(last), None) => anyhow::bail!("{last} is not in the playlist any more"),
            };
            self.init(&beside, &playlist, &mut init)?;
            let new = playlist.chunks.get(next..).unwrap_or_default();
            for (seconds, name) in new {
                self.chunk(&(beside.clone() + name), *seconds)?;
                last = Some(name.clone());
            }
            // RFC 8216 section 6.3.4: half of it, where nothing is new.
            self.rest(if new.is_empty() {
                playlist.target / 2
            } else {
                playlist.target
            });
        }
        Ok(())
    }

    /// The playlist of a stream, if it has one by now.
    fn playlist(&mut self, path: &str) -> anyhow::Result<Option<Playlist>> {
        let answer = self.connection.get(path, &[])?;
        let mut body = Vec::new();
        self.connection
            .read(&answer, |piece| body.extend_from_slice(piece))?;
        if answer.status == 503 {
            return Ok(None);
        }
        answer.succeeded().with_context(|| path.to_owned())?;
        Playlist::read(&String::from_utf8(body)?).map(Some)
    }

    fn recording(&mut self, id: &str, from: f64) -> anyhow::Result<()> {
        let beside = format!("/r/{id}/");
        let playlist = Playlist::read(&self.connection.text(&format!("{beside}index.m3u8"))?)?;
        self.init(&beside, &playlist, &mut None)?;
        let first = (playlist.chunks.len() as f64 * from) as usize;
        for (seconds, name) in playlist.chunks.iter().skip(first) {
            while self.ahead() > AHEAD && !self.is_over() {
                self.rest(LOOK);
            }
            if self.is_over() {
                return Ok(());
            }
            self.chunk(&(beside.clone() + name), *seconds)?;
        }
        Ok(())
    }

    fn init(&mut self, beside: &str, playlist: &Playlist, known: &mut Option<String>) -> anyhow::Result<()> {
        if let Some(name) = &playlist.init
            && known.as_ref() != Some(name)
        {
            self.connection.fetch(&(beside.to_owned() + name), &[])?;
            *known = Some(name.clone());
        }
        Ok(())
    }

    fn chunk(&mut self, path: &str, seconds: f64) -> anyhow::Result<()> {
        let answer = self
            .connection
            .get(path, &[])?
            .succeeded()
            .with_context(|| path.to_owned())?;
        self.connection.read(&answer, |_| ())?;
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        let shown = begun + Duration::from_secs_f64(self.watched.seconds);
        if now > shown {
            self.watched.stalls += 1;
            self.begun = Some(begun + (now - shown));
        }
        self.watched.seconds += seconds;
        self.watched.bytes += answer.length;
        Ok(())
    }

    /// Seconds of media that are not shown yet.
    fn ahead(&self) -> f64 {
        let shown = self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        self.watched.seconds - shown
    }

    fn is_over(&self) -> bool {
        self.leave.load(Ordering::Relaxed)
    }

    fn rest(&self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && !self.is_over() {
            std::thread::sleep(LOOK.min(time.saturating_sub(begun.elapsed())));
        }
    }
}

impl Playlist {
    fn read(text: &str) -> anyhow::Result<Self> {
        let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
        let target = value("#EXT-X-TARGETDURATION:").context("a playlist without a target duration")?;
        let init = value("#EXT-X-MAP:URI=\"").and_then(|rest| rest.split('"').next());
        let mut chunks = Vec::new();
        let mut seconds = 0.0;
        for line in text.lines() {
            if let Some(length) = line.strip_prefix("#EXTINF:") {
                seconds = length.trim_end_matches(',').parse()?;
            } else if !line.starts_with('#') && !line.is_empty() {
                chunks.push((seconds, line.to_owned()));
            }
        }
        ensure!(!chunks.is_empty(), "a playlist without chunks");
        Ok(Self {
            target: Duration::from_secs(target.parse()?),
            init: init.map(str::to_owned),
            chunks,
        })
    }
}
