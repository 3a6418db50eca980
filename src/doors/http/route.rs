//! From a request to its answer. `rights` decides who may have it; `media` answers with files of streams and channels.

mod media;
mod rights;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use hyper::body::Incoming;
use hyper::header::ACCEPT;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};

use rights::{inherited, sees};

use super::activity::{Activity, Busy};
use super::answer::{Answer, Refusal, bytes, empty, json};
use super::client::Client;
use super::cors::Sharing;
use super::door::Door;
use super::held::Of;
use super::metrics::{self, Facts};
use super::query::Query;
use super::tally::{About, Counted};
use super::target::{Asked, MAX_TARGET, OTHER, StreamFile, Target};
use super::{commands, compat, encrypted, events, files, folder, gate, page, session, shift, sprites, still};
use crate::access::viewer::Redacted;
use crate::config::Http;
use crate::model::Right;

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
    let asks_itself = asked.as_ref().is_ok_and(|asked| asked.target == Target::Session)
        || gate::session(&head.headers, client.is_secure).is_some();
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
    if asks_itself {
        session::leave_to_the_page(&mut answer);
    }
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
            Target::Asset(asset) => page::asset(self.door, *asset, how),
            Target::OpenApi => page::openapi(self.door, how),
            Target::File(recording, format) => {
                let right = if query.is_set("download") {
                    Right::Download
                } else {
                    Right::Watch
                };
                let of = self.recording(asked, *recording, right).await?;
                let how = (&of.grant, how);
                let mut answer = files::file(self.door, &of.row, *format, (&query, of.bounds), how).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Folder(recording, name) => {
                let of = self.recording(asked, *recording, Right::Watch).await?;
                let asked = (&query, inherited(&of.viewer), of.bounds);
                let mut answer = folder::file(self.door, &of.row, name, asked, (&of.grant, how)).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Key(id) => {
                let of = self.recording(asked, id.recording, Right::Watch).await?;
                of.grant.sight.tape(&of.row.tape, Of::Recording(of.row.id))?;
                encrypted::key(self.door, &of.row, (id, of.bounds), self.method)
            }
            Target::Frame(recording, shown) => {
                let of = self.recording(asked, *recording, Right::Watch).await?;
                let asked = (&query, of.bounds, *shown);
                let mut answer = still::of_recording(self.door, &of.row, asked, (&of.grant, how)).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::Sprites(recording, file) => {
                let of = self.recording(asked, *recording, Right::Watch).await?;
                let asked = (&query, inherited(&of.viewer), of.bounds);
                let mut answer = sprites::answer(self.door, &of.row, *file, asked, (&of.grant, how)).await?;
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
                let (viewer, bounds, sight) = self
                    .past(asked, stream, shift::span(shift, self.door.utc()))
                    .await?;
                let encryption = encrypted::of_stream(self.door, stream)?;
                let inherited = inherited(&viewer);
                let wanted = shift::Wanted {
                    stream,
                    shift,
                    bounds,
                    sight: &sight,
                    inherited,
                    encryption: encryption.as_ref(),
                };
                let asked = (shift::Address::OldTencent, wanted);
                let mut answer = shift::playlist(self.door, asked, &query, how).await?;
                self.cache(&mut answer);
                Ok(answer)
            }
            Target::ShiftTimeline => {
                let wanted = shift::timeline_asked(&query, self.http)?;
                let span = (wanted.from, wanted.to);
                let (_, bounds, _) = self.past(asked, &wanted.stream, span).await?;
                shift::timeline(self.door, wanted, bounds).await
            }
            Target::Compat(cloud) => {
                compat::is_on(self.http)?;
                let viewer = self.viewer(asked, None).await;
                compat::answer(
                    self.door,
                    *cloud,
                    viewer,
                    (self.uri, self.method, self.headers, body),
                )
                .await
            }
            Target::Events => {
                if *self.method != Method::GET {
                    return Err(Refusal::method("events are read with GET", "GET"));
                }
                let viewer = self.viewer(asked, None).await?;
                events::answer(self.door, (&viewer, self.client), &query, self.headers)
            }
            Target::Session if matches!(*self.method, Method::GET | Method::HEAD) => {
                Ok(session::known(&self.viewer(asked, None).await?))
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
}

/// The status of an answer to a probe.
fn probed(is_well: bool) -> StatusCode {
    if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
