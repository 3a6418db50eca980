//! Files of streams and channels, and how long a file may be kept.

use hyper::header::{CACHE_CONTROL, HeaderValue};
use tokio::time::Instant;

use super::Asking;
use super::rights::{inherited, of_any_time, of_stream};
use crate::channel::Name;
use crate::doors::http::answer::{Answer, Refusal, set};
use crate::doors::http::files::Bounds;
use crate::doors::http::held::{Grant, Of};
use crate::doors::http::query::Query;
use crate::doors::http::target::{Asked, ChannelFile, Sealed, StreamFile};
use crate::doors::http::{channel, encrypted, live, shift, still};
use crate::format::hls::encryption::StreamEncryption;
use crate::media::StreamName;
use crate::model::Right;
use crate::timeshift::Shift;

/// The longest time for which a player or a proxy may keep a file without asking again, in seconds.
const LONGEST_KEPT_S: u64 = 3_600;

impl Asking<'_> {
    /// Answers with a file of a stream that is on the air.
    pub(super) async fn live(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        (file, query): (&StreamFile, &Query),
    ) -> Result<Answer, Refusal> {
        let what = match file {
            // A chunk is of any time, and is held against the time that the viewer may have when it is found.
            StreamFile::Chunk(_) | StreamFile::Joined(..) | StreamFile::Init(_) | StreamFile::Sealed(..) => {
                of_any_time(stream)
            }
            StreamFile::Playlist | StreamFile::Master | StreamFile::Frame(_) => {
                of_stream(stream, self.door.utc())
            }
        };
        let viewer = self.stream(asked, &what).await?;
        let (how, inherited) = ((self.method, self.headers), inherited(&viewer));
        let bounds = viewer.bounds(Right::Watch, &what);
        let grant = self.grant(&viewer, Right::Watch, &what);
        let in_clear = || encrypted::stream_in_clear(self.door, stream);
        let encryption = || encrypted::of_stream(self.door, stream);
        let mut answer = match file {
            StreamFile::Frame(shown) => {
                in_clear()?;
                still::of_stream(self.door, stream, (query, bounds, *shown), (&grant, how)).await?
            }
            StreamFile::Playlist => {
                let encryption = encryption()?;
                let sealing = (encryption.as_ref(), bounds);
                let asked = (query, inherited, &grant.sight);
                live::playlist(self.door, stream, asked, sealing, how).await?
            }
            StreamFile::Master => {
                let is_encrypted = encryption()?.is_some();
                live::master(self.door, stream, (inherited, is_encrypted, &grant.sight), how).await?
            }
            StreamFile::Init(name) => {
                let mut answer = live::init(self.door, stream, name, how).await?;
                self.keep(&mut answer, grant.until);
                return Ok(answer);
            }
            StreamFile::Chunk(number) => {
                in_clear()?;
                return self
                    .chunks(stream, (*number, *number), (bounds, None), &grant)
                    .await;
            }
            StreamFile::Joined(first, last) => {
                in_clear()?;
                return self.chunks(stream, (*first, *last), (bounds, None), &grant).await;
            }
            StreamFile::Sealed(id, sealed) => {
                let encryption = encryption()?;
                let encryption = encryption.ok_or_else(|| {
                    Refusal::not_found(format!("{stream} is not encrypted: read its playlist again"))
                })?;
                return match sealed {
                    // A key that has other chunks than those of now may open what nobody has yet.
                    Sealed::Key if encryption.counts_like(id) => {
                        let asked = (*id, bounds, &grant.sight);
                        encrypted::key_of_stream(self.door, stream, asked, self.method).await
                    }
                    Sealed::Chunks(first, last) if encryption.key_id(*first) == *id => {
                        let sealing = (bounds, Some(&encryption));
                        self.chunks(stream, (*first, *last), sealing, &grant).await
                    }
                    Sealed::Key | Sealed::Chunks(..) => Err(Refusal::gone(format!(
                        "{stream} has other keys by now: read its playlist again"
                    ))),
                };
            }
        };
        self.cache(&mut answer);
        Ok(answer)
    }

    /// Answers with chunks of a stream, which are one file.
    async fn chunks(
        &self,
        stream: &StreamName,
        (first, last): (u64, u64),
        (bounds, encryption): (Bounds, Option<&StreamEncryption>),
        grant: &Grant,
    ) -> Result<Answer, Refusal> {
        let how = (self.method, self.headers);
        let mut answer = if first == last {
            let allowed = self.door.allowed(stream, bounds).await?;
            live::chunk(
                self.door,
                stream,
                (first, allowed, encryption),
                (Of::Stream, grant, how),
            )
            .await?
        } else {
            let wanted = ((first, last), bounds, encryption);
            shift::joined(self.door, stream, wanted, (grant, how)).await?
        };
        self.keep(&mut answer, grant.until);
        Ok(answer)
    }

    /// Answers with a file of a channel.
    pub(super) async fn channel(
        &self,
        asked: &Asked<'_>,
        name: &Name,
        file: &ChannelFile,
    ) -> Result<Answer, Refusal> {
        let viewer = self.viewer(asked, None).await?;
        let of = channel::of(self.door, name, &viewer)?;
        let until = channel::until(&of, &viewer).map(|until| self.moment(until));
        let sight = channel::sight(self.door, &of, &viewer);
        let grant = Grant { until, sight };
        let how = (&grant, (self.method, self.headers));
        let mut answer = channel::answer(self.door, &of, file, how).await?;
        if channel::is_for_good(file) {
            self.keep(&mut answer, until);
        } else {
            self.cache(&mut answer);
        }
        Ok(answer)
    }

    /// Answers with a playlist of a stream at another time than now.
    pub(super) async fn shifted(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        shift: Shift,
        (query, is_master): (&Query, bool),
    ) -> Result<Answer, Refusal> {
        let (viewer, bounds, sight) = self
            .past(asked, stream, shift::span(shift, self.door.utc()))
            .await?;
        let encryption = encrypted::of_stream(self.door, stream)?;
        let how = (self.method, self.headers);
        let wanted = |inherited| shift::Wanted {
            stream,
            shift,
            bounds,
            sight: &sight,
            inherited,
            encryption: encryption.as_ref(),
        };
        let mut answer = if is_master {
            // The playlist that it names is asked for in the same words.
            shift::master(self.door, wanted(self.uri.query()), how).await?
        } else {
            let wanted = (shift::Address::Stream, wanted(inherited(&viewer)));
            shift::playlist(self.door, wanted, query, how).await?
        };
        self.cache(&mut answer);
        Ok(answer)
    }

    /// Says how long a file that does not change may be kept: no longer than its viewer may have it.
    fn keep(&self, answer: &mut Answer, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs());
        let seconds = left.map_or(LONGEST_KEPT_S, |left| left.min(LONGEST_KEPT_S));
        let who = if self.http.public { "public" } else { "private" };
        set(
            answer,
            CACHE_CONTROL,
            &format!("{who}, max-age={seconds}, immutable"),
        );
    }

    /// Says who may keep media. Every use asks again, so that a recording that is deleted is not played out of a cache.
    pub(super) fn cache(&self, answer: &mut Answer) {
        let cache = if self.http.public {
            "public, no-cache"
        } else {
            "private, no-cache"
        };
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    }
}
