//! The time line itself: spans, clips, buckets and days. It becomes coarser until it is as small as wanted.

use std::collections::BTreeSet;

use crate::media::{Micros, RecordingId};
use crate::model::Origin;
use crate::store::journal::RecordingSpan;
use crate::store::short::GAP;

/// A span names at most this many recordings.
const MOST_NAMED: usize = 8;
/// The finest resolution.
const FINEST: Micros = 1_000_000;

/// What is asked of a time line.
#[derive(Clone, Debug)]
pub struct TimelineQuery {
    /// UTC at which it begins.
    pub from: Micros,
    /// UTC at which it ends.
    pub to: Micros,
    /// The length of a bucket; at least a second.
    pub resolution: Micros,
    /// UTC at which each day begins, and at which the last one ends.
    pub days: Vec<Micros>,
    /// The most items: spans and the recordings that they name, clips, buckets and days.
    pub most: usize,
}

/// The time line of a stream.
#[derive(Clone, Debug)]
pub struct Timeline {
    from: Micros,
    to: Micros,
    resolution: Micros,
    stretches: Vec<Stretch>,
    clips: Vec<ClipSpan>,
    more_clips: usize,
    buckets: Vec<u64>,
    days: Vec<Bin>,
    /// UTC at which days begin.
    edges: Vec<Micros>,
    /// The time that each recording has of the line, by its place.
    extents: Vec<Option<(Micros, Micros)>>,
    /// The id of each recording, by its place.
    ids: Vec<RecordingId>,
}

/// A part of the time with tape, of the same recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineSpan<'a> {
    /// UTC at which it begins.
    pub from: Micros,
    /// UTC at which it ends.
    pub to: Micros,
    /// The recordings that it is of, without clips: the first ones.
    pub recordings: Vec<RecordingId>,
    /// The number of further recordings.
    pub more_recordings: usize,
    /// The reason why no tape follows, if none does and the reason is known.
    pub stops: Option<&'a str>,
}

/// A clip, as far as it lies on the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipSpan {
    /// The recording that it is.
    pub recording: RecordingId,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// UTC at which it begins.
    pub from: Micros,
    /// UTC at which it ends.
    pub to: Micros,
}

/// A sum over a part of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// The length of the tape.
    pub duration: Micros,
    /// Bytes of the tape.
    pub bytes: u64,
}

/// A piece of tape that the same recordings share.
pub(super) struct Piece<'a> {
    /// UTC.
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) bytes: u64,
    /// The places of the recordings.
    pub(super) recordings: &'a [usize],
    /// The reason why the tape stops at its end, if it does.
    pub(super) stops: Option<String>,
}

/// Pieces that are one span.
#[derive(Clone, Debug)]
struct Stretch {
    from: Micros,
    to: Micros,
    recordings: BTreeSet<usize>,
    stops: Option<String>,
}

impl Timeline {
    /// A time line without tape. Its resolution is the one that is asked for, doubled until there are few enough buckets.
    pub(super) fn new(query: &TimelineQuery) -> Self {
        let length = query.to.saturating_sub(query.from).max(1).unsigned_abs();
        let buckets = |resolution: Micros| {
            let buckets = length.div_ceil(resolution.unsigned_abs());
            usize::try_from(buckets).unwrap_or(usize::MAX)
        };
        let mut resolution = query.resolution.max(FINEST);
        while buckets(resolution) > query.most.max(1) {
            resolution = resolution.saturating_mul(2);
        }
        Self {
            from: query.from,
            to: query.to,
            resolution,
            stretches: Vec::new(),
            clips: Vec::new(),
            more_clips: 0,
            buckets: vec![0; buckets(resolution)],
            days: vec![Bin::default(); query.days.len().saturating_sub(1)],
            edges: query.days.clone(),
            extents: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// The length of a bucket, microseconds. Spans that are closer than that are one span.
    pub fn resolution(&self) -> Micros {
        self.resolution
    }

    /// The parts of the time with tape, in order.
    pub fn spans(&self) -> impl Iterator<Item = TimelineSpan<'_>> {
        let next = self.stretches.iter().skip(1).map(|next| next.from);
        let stretches = self.stretches.iter().zip(next.chain([self.to]));
        stretches.map(|(stretch, next)| {
            let ids = stretch.recordings.iter().filter_map(|place| self.ids.get(*place));
            let stops = next.saturating_sub(stretch.to) > GAP;
            TimelineSpan {
                from: stretch.from,
                to: stretch.to,
                recordings: ids.take(MOST_NAMED).copied().collect(),
                more_recordings: stretch.recordings.len().saturating_sub(MOST_NAMED),
                stops: stretch.stops.as_deref().filter(|_| stops),
            }
        })
    }

    /// Clips, in the order of their starts on the tape, and the number of further ones.
    pub fn clips(&self) -> (&[ClipSpan], usize) {
        (&self.clips, self.more_clips)
    }

    /// Bytes of tape in each bucket. The first bucket begins with the time line, and the last one may be shorter.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// What the time line has of each day.
    pub fn days(&self) -> &[Bin] {
        &self.days
    }

    /// The number of items: spans and the recordings that they name, clips, buckets and days.
    pub fn items(&self) -> usize {
        let named = |stretch: &Stretch| 1 + stretch.recordings.len().min(MOST_NAMED);
        let spans: usize = self.stretches.iter().map(named).sum();
        spans + self.clips.len() + self.buckets.len() + self.days.len()
    }

    /// Makes the time line coarser until it has at most so many items, as far as that is possible. Days stay.
    pub fn shrink(&mut self, most: usize) {
        while self.items() > most && self.coarsen() {}
    }

    /// Leaves half as many buckets, or half as many clips where those are the most of it; false when nothing can be left out.
    fn coarsen(&mut self) -> bool {
        let clips = self.clips.len();
        if clips > self.buckets.len().max(self.stretches.len()) {
            self.clips.truncate(clips / 2);
            self.more_clips += clips - self.clips.len();
            return true;
        }
        if self.buckets.len() <= 1 {
            return false;
        }
        self.resolution = self.resolution.saturating_mul(2);
        let sum = |pair: &[u64]| pair.iter().fold(0_u64, |sum, of| sum.saturating_add(*of));
        self.buckets = self.buckets.chunks(2).map(sum).collect();
        self.merge();
        true
    }

    /// Adds the next piece of tape.
    pub(super) fn add(&mut self, piece: Piece<'_>) {
        let (from, to) = (piece.from.max(self.from), piece.to.min(self.to));
        if from >= to {
            return;
        }
        let whole = piece.to - piece.from;
        let bytes = share(piece.bytes, from - piece.from, to - piece.from, whole);
        self.count(from, to, bytes);
        for place in piece.recordings {
            if self.extents.len() <= *place {
                self.extents.resize(place + 1, None);
            }
            if let Some(extent) = self.extents.get_mut(*place) {
                let (begins, ends) = extent.unwrap_or((from, to));
                *extent = Some((begins.min(from), ends.max(to)));
            }
        }
        self.push(Stretch {
            from,
            to,
            recordings: piece.recordings.iter().copied().collect(),
            stops: piece.stops,
        });
    }

    /// Adds bytes to the buckets and the days in which they lie.
    fn count(&mut self, from: Micros, to: Micros, bytes: u64) {
        let whole = to - from;
        let first = (from - self.from) / self.resolution;
        let buckets = self
            .buckets
            .iter_mut()
            .zip(0..)
            .skip(usize::try_from(first).unwrap_or(0));
        for (bucket, place) in buckets {
            let begins = self.from + place * self.resolution;
            let (begins, ends) = (begins.max(from), (begins + self.resolution).min(to));
            if begins >= ends {
                break;
            }
            *bucket = bucket.saturating_add(share(bytes, begins - from, ends - from, whole));
        }
        let first = self.edges.partition_point(|edge| *edge <= from).saturating_sub(1);
        for (day, edges) in self.days.iter_mut().zip(self.edges.windows(2)).skip(first) {
            let [begins, ends] = edges else { continue };
            let (begins, ends) = ((*begins).max(from), (*ends).min(to));
            if begins >= ends {
                break;
            }
            day.duration += ends - begins;
            day.bytes = day
                .bytes
                .saturating_add(share(bytes, begins - from, ends - from, whole));
        }
    }

    /// Tells the clips from the other recordings, when all pieces are there.
    pub(super) fn finish(&mut self, recordings: &[RecordingSpan]) {
        self.ids = recordings.iter().map(|recording| recording.id).collect();
        let is_clip = |place: &usize| {
            let found = recordings.get(*place);
            found.is_some_and(|found| found.spec.about.origin == Origin::Clip)
        };
        for (place, extent) in std::mem::take(&mut self.extents).into_iter().enumerate() {
            let clip = recordings.get(place).filter(|_| is_clip(&place));
            if let (Some((from, to)), Some(clip)) = (extent, clip) {
                self.clips.push(ClipSpan {
                    recording: clip.id,
                    name: clip.spec.about.name.clone(),
                    from,
                    to,
                });
            }
        }
        for stretch in &mut self.stretches {
            stretch.recordings.retain(|place| !is_clip(place));
        }
        // A box may have had another date before: the order of the tape is not always that of UTC.
        self.stretches.sort_by_key(|stretch| stretch.from);
        self.merge();
    }

    fn merge(&mut self) {
        for stretch in std::mem::take(&mut self.stretches) {
            self.push(stretch);
        }
    }

    fn push(&mut self, next: Stretch) {
        match self.stretches.last_mut() {
            Some(last) if last.joins(&next, self.resolution) => last.join(next),
            _ => self.stretches.push(next),
        }
    }
}

impl Stretch {
    /// True when two neighbours are one at this resolution: nothing lies between them that is as long, and they are of the same
    /// recordings, or one of them is too short to be shown alone.
    fn joins(&self, next: &Stretch, resolution: Micros) -> bool {
        let is_short = |stretch: &Stretch| stretch.to - stretch.from < resolution;
        let apart = next.from.saturating_sub(self.to);
        next.from >= self.from
            && apart < resolution
            && (self.recordings == next.recordings || is_short(self) || is_short(next))
    }

    fn join(&mut self, next: Stretch) {
        if next.to >= self.to {
            (self.to, self.stops) = (next.to, next.stops);
        }
        self.recordings.extend(next.recordings);
    }
}

/// The share of the part from `from` to `to` of a whole that has so many bytes. The shares of all parts are the whole together.
pub(super) fn share(bytes: u64, from: Micros, to: Micros, whole: Micros) -> u64 {
    let whole = u128::from(whole.unsigned_abs().max(1));
    let up_to = |at: Micros| u128::from(bytes) * u128::from(at.unsigned_abs()) / whole;
    u64::try_from(up_to(to).saturating_sub(up_to(from))).unwrap_or(bytes)
}
