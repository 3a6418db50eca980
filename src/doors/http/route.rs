//! From a request to its answer.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;

use super::activity::{Activity, Busy};
use super::answer::{Answer, Refusal, bytes, empty, json, set};
use super::client::Client;
use super::cors::{self, Sharing};
use super::door::Door;
use super::files::Bounds;
use super::metrics::{self, Facts};
use super::query::Query;
use super::tally::{About, Counted};
use super::target::{Asked, ChannelFile, MAX_TARGET, OTHER, StreamFile, Target};
use super::{channel, commands, events, files, folder, gate, live, page, session, shift, still};
use crate::access::viewer::{By, MediaAddress, Redacted, Viewer, What};
use crate::channel::Name;
use crate::config::{Http, stream_path};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::Right;
use crate::store::RecordingRow;
use crate::timeshift::Shift;

/// The longest time for which a player or a proxy may keep a file without asking again, in seconds.
const LONGEST_KEPT_S: u64 = 3_600;

/// How a request came to the box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// The other end of the connection.
    pub(super) peer: IpAddr,
    /// True under TLS.
    pub(super) is_tls: bool,
}

/// Answers a request, whatever it is.
///
/// While the answer to somebody who was let in is made and sent, the connection is busy. It is not for anybody else: who shows
/// nothing cannot keep the places of viewers, however slowly it sends or waits.
pub(super) async fn answer(
    door: &Arc<Door>,
    (arrived, activity): (Arrived, &Activity),
    request: Request<Incoming>,
) -> (Response<Counted>, Option<Busy>) {
    let http = door.http();
    let (head, body) = request.into_parts();
    let asked = read(&head.uri);
    let (has_token, is_media) = match &asked {
        Ok(asked) => (asked.token.is_some(), asked.target.is_media()),
        Err(_) => (false, false),
    };
    let client = Client::of(arrived.peer, arrived.is_tls, &head.headers, &http.behind);
    let about = About {
        route: asked.as_ref().map_or(OTHER, |asked| asked.target.route()),
        viewer: is_media.then_some(client.address),
    };
    let sharing = Sharing::of(&head.headers, &http, has_token, is_media);
    if head.method == Method::OPTIONS {
        // A browser asks this before it sends a key, so it needs none.
        let mut answer = empty(StatusCode::NO_CONTENT);
        sharing.apply_beforehand(&mut answer);
        return (door.tally.count(about, answer), None);
    }
    let busy = OnceLock::new();
    let answered = match asked {
        Ok(asked) => {
            let request = Asking {
                door,
                http: &http,
                client,
                method: &head.method,
                headers: &head.headers,
                uri: &head.uri,
                lets_in: &|| {
                    busy.get_or_init(|| activity.begin());
                },
            };
            request.answer(&asked, body).await
        }
        Err(refusal) => Err(refusal),
    };
    let mut answer = answered.unwrap_or_else(|refusal| refusal.answer());
    sharing.apply(&mut answer);
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    tracing::debug!(peer = %arrived.peer, route = about.route, status = answer.status().as_u16(), "{} {}", head.method, Redacted(target));
    (door.tally.count(about, answer), busy.into_inner())
}

fn read(uri: &Uri) -> Result<Asked<'_>, Refusal> {
    let length = uri.path_and_query().map_or(0, |both| both.as_str().len());
    if length > MAX_TARGET {
        return Err(Refusal {
            status: StatusCode::URI_TOO_LONG,
            ..Refusal::bad_request(format!("the address has {length} bytes; at most {MAX_TARGET}"))
        });
    }
    Asked::parse(uri.path()).ok_or_else(|| {
        Refusal::not_found("there is nothing at this address: docs/playback.md lists the addresses")
    })
}

/// A request for something that can be had.
struct Asking<'a> {
    door: &'a Arc<Door>,
    http: &'a Http,
    client: Client,
    method: &'a Method,
    headers: &'a HeaderMap,
    uri: &'a Uri,
    /// Notes that the request was let in.
    lets_in: &'a (dyn Fn() + Sync),
}

impl Asking<'_> {
    async fn answer(&self, asked: &Asked<'_>, body: Incoming) -> Result<Answer, Refusal> {
        let host = gate::host(self.uri, self.headers, self.http, &self.door.machine)?;
        let query = Query::parse(self.uri.query().unwrap_or_default())?;
        if asked.target.is_media() && !matches!(*self.method, Method::GET | Method::HEAD) {
            return Err(Refusal::method(
                "media can only be read: GET or HEAD",
                "GET, HEAD, OPTIONS",
            ));
        }
        let how = (self.method, self.headers);
        match &asked.target {
            Target::Home => page::home(self.door, how),
            Target::OpenApi => page::openapi(self.door, how),
            Target::File(recording, format) => {
                let right = if query.is_set("download") {
                    Right::Download
                } else {
                    Right::Watch
                };
                let (row, viewer) = self.recording(asked, *recording, right).await?;
                let until = self.until(&viewer, right, &of_row(&row));
                let bounds = viewer.bounds(right, &of_row(&row));
                let how = (until, how);
                let mut answer = files::file(self.door, &row, *format, (&query, bounds), how).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Folder(recording, name) => {
                let (row, viewer) = self.recording(asked, *recording, Right::Watch).await?;
                let until = self.until(&viewer, Right::Watch, &of_row(&row));
                let bounds = viewer.bounds(Right::Watch, &of_row(&row));
                let asked = (&query, inherited(&viewer), bounds);
                let mut answer = folder::file(self.door, &row, name, asked, (until, how)).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Frame(recording) => {
                let (row, viewer) = self.recording(asked, *recording, Right::Watch).await?;
                let until = self.until(&viewer, Right::Watch, &of_row(&row));
                let bounds = viewer.bounds(Right::Watch, &of_row(&row));
                let how = (until, how);
                let mut answer = still::of_recording(self.door, &row, (&query, bounds), how).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Stream(stream, file @ (StreamFile::Playlist | StreamFile::Master)) => {
                match shift::asked(&query, self.http)? {
                    Some(shift) => {
                        let is_master = *file == StreamFile::Master;
                        self.shifted(asked, stream, shift, (&query, is_master)).await
                    }
                    None => self.live(asked, stream, (file, &query)).await,
                }
            }
            Target::Stream(stream, file) => self.live(asked, stream, (file, &query)).await,
            Target::Channel(name, file) => self.channel(asked, name, file).await,
            Target::OldTimeShift(stream) => {
                let shift = shift::asked_of_old(&query, self.http)?;
                let (viewer, bounds) = self
                    .past(asked, stream, shift::span(shift, self.door.utc()))
                    .await?;
                let inherited = inherited(&viewer);
                let wanted = shift::Wanted {
                    stream,
                    shift,
                    bounds,
                    inherited,
                };
                let asked = (shift::Address::OldTencent, wanted);
                let mut answer = shift::playlist(self.door, asked, &query, how).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::ShiftTimeline => {
                let wanted = shift::timeline_asked(&query, self.http)?;
                let span = (wanted.from, wanted.to);
                let (_, bounds) = self.past(asked, &wanted.stream, span).await?;
                shift::timeline(self.door, wanted, bounds).await
            }
            Target::Events => {
                if *self.method != Method::GET {
                    return Err(Refusal::method("events are read with GET", "GET"));
                }
                let viewer = self.viewer(asked, None).await?;
                events::answer(self.door, (&viewer, self.client), &query, self.headers)
            }
            Target::Session => {
                self.comes_from_here(host)?;
                session::answer(self.door, self.client, (self.method, self.headers, body)).await
            }
            Target::Command(name) => {
                if *self.method == Method::POST {
                    self.comes_from_here(host)?;
                }
                let viewer = self.viewer(asked, None).await?;
                let how = (self.method, self.headers, body);
                commands::answer(self.door, &viewer, name, &query, how).await
            }
            Target::Health => {
                self.monitor(asked).await?;
                let healthy = self.door.api.healthy();
                Ok(json(probed(healthy.healthy), &healthy))
            }
            Target::Ready => {
                self.monitor(asked).await?;
                let ready = self.door.api.ready();
                Ok(json(probed(ready.ready), &ready))
            }
            Target::Metrics => {
                let viewer = self.monitor(asked).await?;
                let facts = Facts {
                    figures: self.door.api.figures().await,
                    http: self.door.tally.figures(),
                };
                let accept = self.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
                let (content_type, text) = metrics::answer(&facts, accept, |stream| {
                    viewer.as_ref().is_none_or(|viewer| sees(viewer, stream))
                });
                Ok(bytes(StatusCode::OK, content_type, text))
            }
        }
    }

    /// Checks that no page of another origin sends the request, with what its viewer's browser adds by itself.
    fn comes_from_here(&self, host: &str) -> Result<(), Refusal> {
        if cors::may_command(self.headers, self.http, &self.own(host)) {
            Ok(())
        } else {
            Err(Refusal::refused(
                "a page of another origin may send no commands: name its origin in http.cors",
            ))
        }
    }

    /// Lets somebody have what is for monitoring: programs of this machine, who are no viewers, and viewers with that right.
    async fn monitor(&self, asked: &Asked<'_>) -> Result<Option<Viewer>, Refusal> {
        if !matches!(*self.method, Method::GET | Method::HEAD) {
            return Err(Refusal::method("this can only be read: GET or HEAD", "GET, HEAD"));
        }
        if self.client.is_local {
            (self.lets_in)();
            return Ok(None);
        }
        let viewer = self.viewer(asked, None).await?;
        gate::allow_some(&viewer, Right::Metrics)?;
        Ok(Some(viewer))
    }

    /// Who asks.
    async fn viewer(&self, asked: &Asked<'_>, media: Option<MediaAddress<'_>>) -> Result<Viewer, Refusal> {
        let viewer = gate::viewer(self.door, self.client, self.headers, asked.token, media).await?;
        (self.lets_in)();
        Ok(viewer)
    }

    /// The origin of the door's own pages, as the viewer's browser sees it.
    fn own(&self, host: &str) -> String {
        let scheme = if self.client.is_secure { "https" } else { "http" };
        format!("{scheme}://{host}")
    }

    /// Answers with a file of a stream that is on the air.
    async fn live(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        (file, query): (&StreamFile, &Query),
    ) -> Result<Answer, Refusal> {
        let what = match file {
            // A chunk is of any time, and is held against the time that the viewer may have when it is found.
            StreamFile::Chunk(_) | StreamFile::Joined(..) | StreamFile::Init(_) => of_any_time(stream),
            StreamFile::Playlist | StreamFile::Master | StreamFile::Frame => {
                of_stream(stream, self.door.utc())
            }
        };
        let viewer = self.stream(asked, &what).await?;
        let (how, inherited) = ((self.method, self.headers), inherited(&viewer));
        let bounds = viewer.bounds(Right::Watch, &what);
        let until = self.until(&viewer, Right::Watch, &what);
        match file {
            StreamFile::Frame => {
                let mut answer = still::of_stream(self.door, stream, (query, bounds), (until, how)).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            StreamFile::Playlist | StreamFile::Master => {
                let mut answer = match file {
                    StreamFile::Master => live::master(self.door, stream, inherited, how).await?,
                    _ => live::playlist(self.door, stream, (query, inherited), how).await?,
                };
                self.cache(&mut answer);
                Ok(answer)
            }
            StreamFile::Chunk(_) | StreamFile::Joined(..) | StreamFile::Init(_) => {
                let mut answer = match file {
                    StreamFile::Init(name) => live::init(self.door, stream, name, how).await?,
                    StreamFile::Chunk(number) => {
                        let allowed = self.door.allowed(stream, bounds).await?;
                        live::chunk(self.door, stream, (*number, allowed), (until, how)).await?
                    }
                    StreamFile::Joined(first, last) => {
                        let wanted = ((*first, *last), bounds);
                        shift::joined(self.door, stream, wanted, (until, how)).await?
                    }
                    _ => return Err(Refusal::internal("a file of a stream is of no kind")),
                };
                self.keep(&mut answer, until);
                Ok(answer)
            }
        }
    }

    /// Answers with a file of a channel.
    async fn channel(&self, asked: &Asked<'_>, name: &Name, file: &ChannelFile) -> Result<Answer, Refusal> {
        let viewer = self.viewer(asked, None).await?;
        let of = channel::of(self.door, name, &viewer)?;
        let until = channel::until(&of, &viewer).map(|until| self.moment(until));
        let how = (until, (self.method, self.headers));
        let mut answer = channel::answer(self.door, &of, file, how).await?;
        if channel::is_for_good(file) {
            self.keep(&mut answer, until);
        } else {
            self.cache(&mut answer);
        }
        Ok(answer)
    }

    /// Answers with a playlist of a stream at another time than now.
    async fn shifted(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        shift: Shift,
        (query, is_master): (&Query, bool),
    ) -> Result<Answer, Refusal> {
        let (viewer, bounds) = self
            .past(asked, stream, shift::span(shift, self.door.utc()))
            .await?;
        let how = (self.method, self.headers);
        let wanted = |inherited| shift::Wanted {
            stream,
            shift,
            bounds,
            inherited,
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

    /// Lets a viewer have media of a stream between two moments (UTC), as far as it may. Gives the time that it may have.
    async fn past(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        (from, to): (Micros, Micros),
    ) -> Result<(Viewer, Bounds), Refusal> {
        let what = What {
            stream,
            recording: None,
            // A moment alone is within a time that begins with it.
            span: Some((from, to.max(from.saturating_add(1)))),
        };
        let viewer = self.stream(asked, &what).await?;
        let bounds = viewer.bounds(Right::Watch, &what);
        Ok((viewer, bounds))
    }

    /// When the viewer's right to this media ends, if it does.
    fn until(&self, viewer: &Viewer, right: Right, what: &What<'_>) -> Option<Instant> {
        viewer.until(right, what).map(|until| self.moment(until))
    }

    /// The moment of a time, UTC in microseconds. It is not in the past.
    fn moment(&self, utc: Micros) -> Instant {
        let left = utc.saturating_sub(self.door.utc()).max(0);
        Instant::now() + Duration::from_micros(left.unsigned_abs())
    }

    /// Lets a viewer have some of a stream.
    async fn stream(&self, asked: &Asked<'_>, what: &What<'_>) -> Result<Viewer, Refusal> {
        let (path, stream) = (self.uri.path(), what.stream);
        // A signature is of the playlist that leads here.
        let playlist = stream_path(stream) + ".m3u8";
        let paths = [path, &playlist];
        let media = MediaAddress {
            stream,
            paths: &paths,
            query: self.uri.query().unwrap_or_default(),
        };
        let viewer = self.viewer(asked, Some(media)).await?;
        gate::allow(&viewer, Right::Watch, what)?;
        Ok(viewer)
    }

    /// The row of a recording, for a viewer that has a right on it.
    async fn recording(
        &self,
        asked: &Asked<'_>,
        recording: RecordingId,
        right: Right,
    ) -> Result<(RecordingRow, Viewer), Refusal> {
        let row = files::row(self.door, recording).await;
        // A stranger does not learn which recordings there are.
        let stream = row.as_ref().ok().map(|row| row.stream.clone());
        let path = self.uri.path();
        let playlist = path
            .rsplit_once('/')
            .map(|(folder, _)| format!("{folder}/index.m3u8"));
        let paths = [path, playlist.as_deref().unwrap_or(path)];
        let media = stream.as_ref().map(|stream| MediaAddress {
            stream,
            paths: &paths,
            query: self.uri.query().unwrap_or_default(),
        });
        let viewer = self.viewer(asked, media).await?;
        let row = row?;
        gate::allow(&viewer, right, &of_row(&row))?;
        Ok((row, viewer))
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
    fn cache(&self, answer: &mut Answer) {
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

/// A recording, as a viewer's rights are asked about it.
fn of_row(row: &RecordingRow) -> What<'_> {
    What {
        stream: &row.stream,
        recording: Some(row.id),
        span: Some((row.start, row.end)),
    }
}

/// What is live of a stream, as a viewer's rights are asked about it.
fn of_stream(stream: &StreamName, now: Micros) -> What<'_> {
    What {
        stream,
        recording: None,
        span: Some((now, now)),
    }
}

/// A stream at any time, as a viewer's rights are asked about it.
fn of_any_time(stream: &StreamName) -> What<'_> {
    What {
        stream,
        recording: None,
        span: Some((Micros::MIN, Micros::MAX)),
    }
}

/// The signature of a cloud that let a viewer in. It is written into the addresses of a playlist.
fn inherited(viewer: &Viewer) -> Option<&str> {
    match viewer.by() {
        By::Signature { inherit } => Some(inherit),
        _ => None,
    }
}

/// The status of an answer to a probe.
fn probed(is_well: bool) -> StatusCode {
    if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// Whether metrics name a stream to a viewer.
fn sees(viewer: &Viewer, stream: &StreamName) -> bool {
    let what = What {
        stream,
        recording: None,
        span: None,
    };
    viewer.may(Right::Metrics, &what)
}
