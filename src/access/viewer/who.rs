//! A viewer that was let in: its name, and what it may do.

use crate::config::Pattern;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{Right, Rights};

/// A viewer that was let in. What it may do is asked right by right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub(super) name: String,
    pub(super) by: By,
    pub(super) scopes: Vec<Scope>,
}

/// What let a viewer in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Without any `[[viewer]]`: the request comes from this machine.
    Machine,
    /// An entry that asks for no proof.
    Address,
    /// A key in a header, which no web page sends by itself.
    Key,
    /// The cookie of a session, which a browser sends by itself.
    Session,
    /// A token in the path.
    Token,
    /// A signature of a cloud.
    Signature {
        /// The signature as part of a query, to be written into the addresses of a playlist: `txSecret=…&txTime=…`.
        inherit: String,
    },
}

/// Something that a viewer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// The recording of the stream, if it is about one.
    pub recording: Option<RecordingId>,
    /// The time from and to which the media goes, UTC microseconds. For a playlist it is the time of all its chunks.
    pub span: Option<(Micros, Micros)>,
    /// True for a still of the recording.
    pub still: bool,
}

/// Rights on some media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) rights: Rights,
    pub(super) of: Media,
    /// The time that the media is from and to, UTC microseconds.
    pub(super) from: Option<Micros>,
    pub(super) to: Option<Micros>,
    /// UTC in microseconds when what the viewer showed expires.
    pub(super) until: Option<Micros>,
}

/// The media of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// The streams that fit one of the patterns.
    Fitting(Vec<Pattern>),
    /// This stream, whatever its name means as a pattern.
    Stream(StreamName),
    /// This recording.
    Recording(RecordingId),
    /// The stills of this recording.
    Frames(RecordingId),
}

impl Viewer {
    /// The name of the viewer's entry, for the log and the audit.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What let the viewer in.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// True when the viewer has the right, on some streams at least.
    pub fn has(&self, right: Right) -> bool {
        self.scopes.iter().any(|scope| scope.rights.has(right))
    }

    /// True when the viewer has the right on this media. Media that is partly within the time of a token counts as within.
    pub fn may(&self, right: Right, what: &What<'_>) -> bool {
        self.scopes.iter().any(|scope| scope.allows(right, what))
    }

    /// True where the viewer is who was asked to review this: it gets stills of what is to be reviewed.
    pub fn reviews(&self, what: &What<'_>) -> bool {
        let asked = |scope: &&Scope| matches!(scope.of, Media::Frames(_));
        self.scopes
            .iter()
            .filter(asked)
            .any(|scope| scope.allows(Right::Watch, what))
    }

    /// The earliest and the latest time of the media of `what` that the viewer may have, UTC microseconds. Where the viewer may
    /// have all of it, or nothing at all, there is no bound.
    pub fn bounds(&self, right: Right, what: &What<'_>) -> (Option<Micros>, Option<Micros>) {
        let mut allowed = self.scopes.iter().filter(|scope| scope.allows(right, what));
        let Some(first) = allowed.next() else {
            return (None, None);
        };
        let widest =
            |a: Option<Micros>, b: Option<Micros>, pick: fn(Micros, Micros) -> Micros| Some(pick(a?, b?));
        allowed.fold((first.from, first.to), |(from, to), scope| {
            (widest(from, scope.from, Ord::min), widest(to, scope.to, Ord::max))
        })
    }

    /// UTC in microseconds until when the viewer may have this media, if what it showed expires. A response that lasts longer has
    /// to end soon behind it.
    pub fn until(&self, right: Right, what: &What<'_>) -> Option<Micros> {
        let allowed = self.scopes.iter().filter(|scope| scope.allows(right, what));
        let ends: Option<Vec<Micros>> = allowed.map(|scope| scope.until).collect();
        ends?.into_iter().max()
    }

    /// The patterns of the streams on which the viewer has the right whatever is asked about them, and every right that it has
    /// on all of these streams. Tokens and signatures give no such right.
    pub fn scope(&self, right: Right) -> (Rights, Vec<Pattern>) {
        let patterns = |right: Right| -> Vec<Pattern> {
            let having = self.scopes.iter().filter(|scope| scope.rights.has(right));
            let of = having.filter_map(|scope| match (&scope.of, scope.from, scope.to) {
                (Media::Fitting(patterns), None, None) if self.by != By::Token => Some(patterns),
                _ => None,
            });
            of.flatten().cloned().collect()
        };
        let streams = patterns(right);
        let covered = |other: &Right| {
            let theirs = patterns(*other);
            streams
                .iter()
                .all(|stream| theirs.iter().any(|pattern| pattern.covers(stream)))
        };
        let rights = Right::ALL
            .into_iter()
            .filter(|other| *other == right || covered(other));
        if streams.is_empty() {
            (Rights::NONE, streams)
        } else {
            (rights.collect(), streams)
        }
    }
}

impl Viewer {
    /// Adds what another entry lets the same request do. What shows more than an address names the viewer.
    pub(super) fn join(&mut self, other: Viewer) {
        self.scopes.extend(other.scopes);
        if self.by == By::Address && other.by != By::Address {
            (self.name, self.by) = (other.name, other.by);
        }
    }
}

impl Scope {
    fn allows(&self, right: Right, what: &What<'_>) -> bool {
        let is_of = match &self.of {
            Media::Fitting(patterns) => patterns.iter().any(|pattern| pattern.fits(what.stream.as_str())),
            Media::Stream(stream) => stream == what.stream,
            Media::Recording(recording) => what.recording == Some(*recording),
            Media::Frames(recording) => what.still && what.recording == Some(*recording),
        };
        let is_within = match (self.from, self.to, what.span) {
            (None, None, _) => true,
            (_, _, None) => false,
            (from, to, Some((begins, ends))) => {
                from.is_none_or(|from| ends > from) && to.is_none_or(|to| begins < to)
            }
        };
        self.rights.has(right) && is_of && is_within
    }
}
