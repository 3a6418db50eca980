//! Sends the chunks of a channel over a connection, each sample at its time.

use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::due::{MOST_LAG, Timing, Turn};
use super::entry::{batch, enter};
use super::layouts::Place;
use super::retry::Failure;
use super::session::Session;
use super::timestamps::Timestamps;
use crate::api::{Api, CLOSED, LaidOut, NotLaid, laid_out};
use crate::channel::{ItemKey, Next, Shown};
use crate::doors::rtmp::{IngestError, Publisher, TagKind};
use crate::format::FileError;
use crate::format::hls::{ChunkTag, Hls, headers};
use crate::media::{Micros, RecordingId, TrackKind, Tracks};
use crate::store::{LibrarySource, StoreError};

/// How a connection ended, other than by a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The push is not wanted any more.
    Stopped,
    /// The channel shows nothing any more.
    Nothing,
    /// What comes next is not what was sent last: the channel or the clock was set.
    Elsewhere,
}

/// Why a connection ended that should have gone on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The server, or the way to it.
    #[error(transparent)]
    Rtmp(#[from] IngestError),
    /// The server takes less than is sent.
    #[error("the server takes media more slowly than it is sent, and is {} s behind", MOST_LAG.as_secs())]
    Slow,
}

/// What a server says of a stream that somebody publishes. After a connection was lost, that may be this box.
const IN_USE: &str = "NetStream.Publish.BadName";

impl Failed {
    /// How the failure is followed.
    pub(super) fn kind(&self) -> Failure {
        match self {
            Failed::Rtmp(IngestError::Refused(why)) if !why.contains(IN_USE) => Failure::Refused,
            Failed::Rtmp(_) => Failure::Lost,
            Failed::Slow => Failure::Slow,
        }
    }
}

/// An item that is laid out: its HLS and its tape.
pub(super) struct Laid {
    recording: RecordingId,
    laid: LaidOut,
}

/// Media that cannot be read: the recording is gone, or the storage device.
struct Unreadable(String);

impl From<StoreError> for Unreadable {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<FileError> for Unreadable {
    fn from(error: FileError) -> Self {
        Self(error.to_string())
    }
}

/// What is sent over one connection.
pub(super) struct Sender<'a> {
    session: &'a mut Session,
    /// The layout of the item that is shown.
    place: Option<Arc<Place<Laid>>>,
    stamps: Timestamps,
    /// The `onMetaData` that the server has.
    announced: Vec<u8>,
    /// The tracks whose headers the server has.
    tracks: Tracks,
    /// True until decoding can begin.
    enters: bool,
    timing: Timing,
}

/// How far a chunk was sent.
enum Sent {
    /// To its end.
    All,
    /// To a sample that is not of this moment.
    Part,
}

/// A chunk that is open: it holds files of the tape.
struct Open {
    hls: Arc<Hls<LibrarySource>>,
    tags: Arc<[ChunkTag]>,
    tracks: Tracks,
    /// The body of the message that announces the tracks.
    metadata: Vec<u8>,
    /// Media time at which the chunk begins, in milliseconds.
    begins_ms: u64,
    at: Micros,
    laid: Arc<Laid>,
}

impl Open {
    /// Fails where the recording is held back from viewers.
    fn expect_shown(&self, api: &Api) -> Result<(), Unreadable> {
        let Laid { recording, laid } = &*self.laid;
        if api.held().has(*recording, &laid.ranges) {
            return Err(Unreadable(format!("recording {recording} is held back")));
        }
        Ok(())
    }

    /// UTC at which a media time is shown.
    fn due(&self, at_ms: u64) -> Micros {
        let since_ms =
            i64::try_from(at_ms).unwrap_or(i64::MAX) - i64::try_from(self.begins_ms).unwrap_or(i64::MAX);
        self.at.saturating_add(since_ms.saturating_mul(1_000))
    }
}

impl<'a> Sender<'a> {
    pub(super) fn new(session: &'a mut Session) -> Self {
        Self {
            session,
            place: None,
            stamps: Timestamps::default(),
            announced: Vec::new(),
            tracks: Tracks::default(),
            enters: true,
            timing: Timing::default(),
        }
    }

    /// Sends what is shown now, and what follows.
    pub(super) async fn run(mut self, publisher: &mut Publisher) -> Result<Ended, Failed> {
        let mut last: Option<Shown> = None;
        loop {
            match self.session.next(last.map(|last| last.sequence)) {
                Some((_, Next::Chunk(chunk))) => {
                    if let Sent::Part = self.chunk(publisher, &chunk).await? {
                        return Ok(Ended::Elsewhere);
                    }
                    last = Some(chunk);
                }
                Some((_, Next::NotBefore(at))) => {
                    self.session.until(at).await;
                }
                Some((_, Next::Nothing(_))) => {
                    // The last picture is shown until its end.
                    if let Some(last) = last {
                        self.session.until(last.ends_at()).await;
                    }
                    return Ok(Ended::Nothing);
                }
                Some((_, Next::Elsewhere)) | None => return Ok(Ended::Elsewhere),
            }
        }
    }

    /// Sends a chunk. One that cannot be read is left out, and decoding begins anew behind it.
    async fn chunk(&mut self, publisher: &mut Publisher, chunk: &Shown) -> Result<Sent, Failed> {
        let open = match self.open(chunk).await {
            Ok(open) => open,
            Err(why) => return self.leave_out(publisher, chunk, &why).await,
        };
        let now = self.session.api.believed_utc().unwrap_or(chunk.at);
        let first = if self.enters {
            enter(&open.tags, |at_ms| open.due(at_ms), now)
        } else {
            Some(0)
        };
        let Some(first) = first.filter(|first| *first < open.tags.len()) else {
            self.session.until(chunk.ends_at()).await;
            return Ok(Sent::All);
        };
        let begins_ms = open.tags.get(first).map_or(open.begins_ms, |tag| tag.at_ms);
        if self.enters {
            self.timing.enters(open.due(begins_ms), now);
        }
        if open.metadata != self.announced {
            let stamp = self.stamps.of(TrackKind::Video, begins_ms);
            patiently(
                &mut self.timing,
                publisher.send(TagKind::Data, stamp, &open.metadata),
            )
            .await?;
            self.announced.clone_from(&open.metadata);
        }
        for (kind, body) in headers(&open.tracks, &self.tracks) {
            let stamp = self.stamps.of(kind, begins_ms);
            patiently(&mut self.timing, publisher.send(tag_kind(kind), stamp, &body)).await?;
        }
        self.tracks = open.tracks.clone();
        self.enters = false;
        let mut next = first;
        while next < open.tags.len() {
            let range = batch(&open.tags, next);
            next = range.end;
            let (hls, tags, of) = (open.hls.clone(), open.tags.clone(), range.clone());
            let read = self.session.reader.read(move |_| -> Result<_, Unreadable> {
                Ok(hls.bodies(tags.get(of).unwrap_or_default())?)
            });
            let bodies = read.await;
            let bodies = match bodies.and_then(|bodies| open.expect_shown(&self.session.api).map(|()| bodies))
            {
                Ok(bodies) => bodies,
                Err(why) => return self.leave_out(publisher, chunk, &why).await,
            };
            let mut bytes = 0;
            for (tag, body) in open.tags.get(range).unwrap_or_default().iter().zip(&bodies) {
                if let Turn::Elsewhere = self.turn(publisher, open.due(tag.at_ms)).await? {
                    return Ok(Sent::Part);
                }
                let stamp = self.stamps.of(tag.kind, tag.at_ms);
                patiently(&mut self.timing, publisher.send(tag_kind(tag.kind), stamp, body)).await?;
                bytes += body.len() as u64;
            }
            self.session.count(bytes);
        }
        patiently(&mut self.timing, publisher.flush()).await?;
        if let Some(place) = &self.place {
            place.reads().await;
        }
        Ok(Sent::All)
    }

    /// Waits until a sample is due, and says what becomes of it then. What was sent before goes out first.
    async fn turn(&mut self, publisher: &mut Publisher, due: Micros) -> Result<Turn, Failed> {
        let Some(now) = self.session.api.believed_utc() else {
            return Ok(Turn::Now);
        };
        match self.timing.turn(due, now) {
            Turn::Slow => Err(Failed::Slow),
            Turn::Wait => {
                patiently(&mut self.timing, publisher.flush()).await?;
                let is_due = self.session.until(due).await;
                Ok(if is_due { Turn::Now } else { Turn::Elsewhere })
            }
            turn => Ok(turn),
        }
    }

    /// Sends nothing until a chunk is over.
    async fn leave_out(
        &mut self,
        publisher: &mut Publisher,
        chunk: &Shown,
        Unreadable(why): &Unreadable,
    ) -> Result<Sent, Failed> {
        tracing::debug!("a chunk of channel '{}' is not sent: {why}", self.session.name());
        self.enters = true;
        if let Some(place) = &self.place {
            place.fails(why).await;
        }
        self.session.lacks(why);
        patiently(&mut self.timing, publisher.flush()).await?;
        self.session.until(chunk.ends_at()).await;
        Ok(Sent::All)
    }

    /// Opens a chunk of the tape.
    async fn open(&mut self, chunk: &Shown) -> Result<Open, Unreadable> {
        let laid = self.laid(chunk.name.item).await?;
        let number = chunk.name.chunk as usize;
        let hls = Arc::new(laid.laid.hls.with(laid.laid.source.renewed()));
        let (of, offset_ms) = (hls.clone(), chunk.name.offset_ms);
        let tags = self
            .session
            .reader
            .read(move |_| -> Result<_, Unreadable> { Ok(of.chunk_tags(number, offset_ms)?) });
        Ok(Open {
            tags: tags.await?.into(),
            tracks: hls.chunk_tracks(number).cloned().unwrap_or_default(),
            metadata: hls.chunk_metadata(number).unwrap_or_default(),
            begins_ms: hls.chunk_begins_ms(number).saturating_add(offset_ms),
            at: chunk.at,
            hls,
            laid,
        })
    }

    /// The layout of an item. It is made when the first push comes to the item.
    async fn laid(&mut self, item: ItemKey) -> Result<Arc<Laid>, Unreadable> {
        let before = self.place.take();
        let gone = || Unreadable("it is no item of the channel any more".to_owned());
        let channel = self.session.api.channel(self.session.name()).ok_or_else(gone)?;
        let (shown, list) = channel.find(item).ok_or_else(gone)?;
        if shown
            .streams()
            .any(|stream| self.session.api.is_closed(stream, None))
        {
            return Err(Unreadable(format!("recording {}: {CLOSED}", shown.recording)));
        }
        let place = before
            .filter(|place| place.key() == (item, list))
            .unwrap_or_else(|| self.session.layouts.place((item, list)));
        self.place = Some(place.clone());
        let lay = self.session.reader.read(move |library| {
            let none = || NotLaid::Unfit("it is no item of the channel any more".to_owned());
            let (item, _) = channel.find(item).ok_or_else(none)?;
            Ok(Laid {
                recording: item.recording,
                laid: laid_out(library, item, list)?,
            })
        });
        place.layout(lay).await.map_err(Unreadable)
    }
}

/// Waits for the server, but not for ever.
async fn patiently(
    timing: &mut Timing,
    sending: impl Future<Output = Result<(), IngestError>>,
) -> Result<(), Failed> {
    let began = Instant::now();
    let sent = timeout(MOST_LAG, sending).await;
    timing.took(began.elapsed());
    match sent {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(Failed::Slow),
    }
}

fn tag_kind(kind: TrackKind) -> TagKind {
    match kind {
        TrackKind::Video => TagKind::Video,
        TrackKind::Audio => TagKind::Audio,
    }
}
