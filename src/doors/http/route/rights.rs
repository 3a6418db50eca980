//! Who may have what is asked for.

use std::time::Duration;

use hyper::Method;
use tokio::time::Instant;

use super::Asking;
use crate::access::viewer::{By, MediaAddress, Viewer, What};
use crate::config::stream_path;
use crate::doors::http::answer::Refusal;
use crate::doors::http::files::{self, Bounds};
use crate::doors::http::held::{Grant, Sight};
use crate::doors::http::target::{Asked, Target};
use crate::doors::http::{cors, gate};
use crate::format::hls::{MASTER, PLAYLIST};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{Right, recording_path};
use crate::store::RecordingRow;

/// A recording that a viewer may have.
pub(super) struct Permitted {
    pub(super) row: RecordingRow,
    pub(super) viewer: Viewer,
    /// The time that the viewer may have media of.
    pub(super) bounds: Bounds,
    pub(super) grant: Grant,
}

impl Asking<'_> {
    /// Who asks.
    pub(super) async fn viewer(
        &self,
        asked: &Asked<'_>,
        media: Option<MediaAddress<'_>>,
    ) -> Result<Viewer, Refusal> {
        let viewer = gate::viewer(self.door, self.client, self.headers, asked.token, media).await?;
        (self.lets_in)();
        Ok(viewer)
    }

    /// Lets a viewer have some of a stream.
    pub(super) async fn stream(&self, asked: &Asked<'_>, what: &What<'_>) -> Result<Viewer, Refusal> {
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

    /// A recording, for a viewer that has a right on it.
    pub(super) async fn recording(
        &self,
        asked: &Asked<'_>,
        recording: RecordingId,
        right: Right,
    ) -> Result<Permitted, Refusal> {
        let row = files::row(self.door, recording).await;
        // A stranger does not learn which recordings there are.
        let stream = row.as_ref().ok().map(|row| row.stream.clone());
        let playlists = playlists(self.uri.path(), &asked.target);
        let paths = [self.uri.path(), &playlists[0], &playlists[1]];
        let media = stream.as_ref().map(|stream| MediaAddress {
            stream,
            paths: &paths,
            query: self.uri.query().unwrap_or_default(),
        });
        let viewer = self.viewer(asked, media).await?;
        let row = row?;
        let still = matches!(asked.target, Target::Frame(..));
        let streams = row.streams();
        let of_streams: Vec<What<'_>> = streams.map(|stream| of_row(&row, stream, still)).collect();
        let mut bounds: Bounds = (None, None);
        let (mut until, mut sight) = (None, Sight::all());
        // Who may not have all streams of a composition has nothing of it.
        for what in &of_streams {
            gate::allow(&viewer, right, what)?;
            let (from, to) = viewer.bounds(right, what);
            bounds = (bounds.0.max(from), bounds.1.into_iter().chain(to).min());
            let grant = self.grant(&viewer, right, what);
            until = until.into_iter().chain(grant.until).min();
            sight = sight.and(grant.sight);
        }
        sight.recording(&row)?;
        Ok(Permitted {
            bounds: narrowed(bounds, &row),
            grant: Grant { until, sight },
            viewer,
            row,
        })
    }

    /// Lets a viewer have media of a stream between two moments (UTC), as far as it may. Gives the time that it may have.
    pub(super) async fn past(
        &self,
        asked: &Asked<'_>,
        stream: &StreamName,
        (from, to): (Micros, Micros),
    ) -> Result<(Viewer, Bounds, Sight), Refusal> {
        let what = What {
            stream,
            recording: None,
            // A moment alone is within a time that begins with it.
            span: Some((from, to.max(from.saturating_add(1)))),
            still: false,
        };
        let viewer = self.stream(asked, &what).await?;
        let bounds = viewer.bounds(Right::Watch, &what);
        let sight = Sight::of(self.door, &viewer, &what);
        Ok((viewer, bounds, sight))
    }

    /// What the viewer may have of this media.
    pub(super) fn grant(&self, viewer: &Viewer, right: Right, what: &What<'_>) -> Grant {
        Grant {
            until: viewer.until(right, what).map(|until| self.moment(until)),
            sight: Sight::of(self.door, viewer, what),
        }
    }

    /// The moment of a time, UTC in microseconds. It is not in the past.
    pub(super) fn moment(&self, utc: Micros) -> Instant {
        let left = utc.saturating_sub(self.door.utc()).max(0);
        Instant::now() + Duration::from_micros(left.unsigned_abs())
    }

    /// Checks that no page of another origin sends the request, with what its viewer's browser adds by itself.
    pub(super) fn comes_from_here(&self, host: &str) -> Result<(), Refusal> {
        if cors::may_command(self.headers, self.http, &self.own(host)) {
            Ok(())
        } else {
            Err(Refusal::refused(
                "a page of another origin may send no commands: name its origin in http.cors",
            ))
        }
    }

    /// Lets somebody have what is for monitoring: programs of this machine, who are no viewers, and viewers with that right.
    pub(super) async fn monitor(&self, asked: &Asked<'_>) -> Result<Option<Viewer>, Refusal> {
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

    /// The origin of the door's own pages, as the viewer's browser sees it.
    fn own(&self, host: &str) -> String {
        let scheme = if self.client.is_secure { "https" } else { "http" };
        format!("{scheme}://{host}")
    }
}

/// The paths of the playlists that lead to a file of a recording, or to its key: a signature may be of one of them.
fn playlists(path: &str, target: &Target) -> [String; 2] {
    let folder = match target {
        // A key is beside the folders of recordings.
        Target::Key(id) => recording_path(id.recording),
        _ => path
            .rsplit_once('/')
            .map_or(path, |(folder, _)| folder)
            .to_owned(),
    };
    [PLAYLIST, MASTER].map(|name| format!("{folder}/{name}"))
}

/// The part of a recording that is of a stream, as a viewer's rights are asked about it.
fn of_row<'a>(row: &RecordingRow, stream: &'a StreamName, still: bool) -> What<'a> {
    What {
        stream,
        recording: Some(row.id),
        span: Some((row.start, row.end)),
        still,
    }
}

/// What is live of a stream, as a viewer's rights are asked about it.
pub(super) fn of_stream(stream: &StreamName, now: Micros) -> What<'_> {
    What {
        stream,
        recording: None,
        span: Some((now, now)),
        still: false,
    }
}

/// A stream at any time, as a viewer's rights are asked about it.
pub(super) fn of_any_time(stream: &StreamName) -> What<'_> {
    What {
        stream,
        recording: None,
        span: Some((Micros::MIN, Micros::MAX)),
        still: false,
    }
}

/// The signature of a cloud that let a viewer in. It is written into the addresses of a playlist.
pub(super) fn inherited(viewer: &Viewer) -> Option<&str> {
    match viewer.by() {
        By::Signature { inherit } => Some(inherit),
        _ => None,
    }
}

/// Whether metrics name a stream to a viewer.
pub(super) fn sees(viewer: &Viewer, stream: &StreamName) -> bool {
    let what = What {
        stream,
        recording: None,
        span: None,
        still: false,
    };
    viewer.may(Right::Metrics, &what)
}

/// The bounds that cut something off a recording. A composition of several ranges cannot be cut from one time to another, and needs
/// not where the bounds are around all of it.
fn narrowed((from, to): Bounds, row: &RecordingRow) -> Bounds {
    (
        from.filter(|from| !row.composed || *from > row.start),
        to.filter(|to| !row.composed || *to < row.end),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_token_around_all_of_a_composition_cut_nothing_off_it() {
        let row = RecordingRow {
            composed: true,
            form: Default::default(),
            start: 10,
            end: 20,
            ..crate::api::tests::closed_row()
        };
        for (bounds, wanted) in [
            ((Some(10), Some(20)), (None, None)),
            ((Some(11), Some(21)), (Some(11), None)),
            ((Some(9), Some(19)), (None, Some(19))),
            ((None, None), (None, None)),
        ] {
            assert_eq!(narrowed(bounds, &row), wanted, "{bounds:?}");
        }
        let plain = RecordingRow {
            composed: false,
            form: Default::default(),
            ..row
        };
        assert_eq!(narrowed((Some(9), Some(21)), &plain), (Some(9), Some(21)));
    }

    #[test]
    fn a_signature_of_a_playlist_is_one_of_its_files_and_keys() {
        let id = "0198f3a2-5b7c-7d00-8000-0123456789ab";
        let wanted = [format!("/r/{id}/index.m3u8"), format!("/r/{id}/master.m3u8")];
        for path in [
            format!("/r/{id}/00001-0a1b2c3d.m4s"),
            format!("/r/{id}/index.m3u8"),
            format!("/k/{id}-5f2a90c1-7"),
        ] {
            let asked = Asked::parse(&path).unwrap();
            assert_eq!(playlists(&path, &asked.target), wanted, "{path}");
        }
    }
}
