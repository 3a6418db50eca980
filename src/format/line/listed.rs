//! A segment on the line by the list of its fragments, without its samples.
//!
//! Nearly every segment goes on where the one before ends, and its times need no change. Of such a segment the list says all
//! that [chunks](super::Laying::in_chunks) need. What the tables of other formats count (samples at which decoding can begin,
//! runs of equal durations) is not counted.

use crate::format::index::{FragmentList, RunFacts};
use crate::format::{FileError, ViewSegment};
use crate::media::TrackKind;

use super::contradiction;
use super::outline::{Extent, Line, Part, Stretch, Summary, Tail};
use super::walk::{Placement, Spot};

/// Times beyond this are left to those who look at each sample.
const FAR: i64 = 1 << 60;

impl Line {
    /// True when a segment can be laid by its list: its samples begin no earlier than those before, in ticks of the line.
    pub(super) fn takes(&self, segment: &ViewSegment, zero_ms: i64, list: &FragmentList) -> bool {
        [TrackKind::Video, TrackKind::Audio].into_iter().all(|kind| {
            let mut runs = runs(list, kind).peekable();
            if runs.peek().is_none() {
                return true;
            }
            let Some((_, placement)) = self.placement(segment, zero_ms, kind) else {
                return false;
            };
            let mut floor = self.tail(kind).map_or(i64::MIN, |tail| tail.spot.dts);
            placement.own == placement.line
                && runs.all(|run| {
                    let begins = placement.place_own(run.first_dts);
                    let is_near = run.last_dts() < FAR.unsigned_abs() && (-FAR..FAR).contains(&begins);
                    let is_later = begins >= floor;
                    floor = placement.place_own(run.last_dts());
                    is_near && is_later
                })
        })
    }

    /// Adds a segment that the line [takes](Self::takes). The media time zero of its publish lies at `zero_ms`.
    pub(super) fn add_listed(
        &mut self,
        number: usize,
        segment: &ViewSegment,
        (zero_ms, breaks): (i64, bool),
        list: &FragmentList,
    ) -> Result<(), FileError> {
        self.stretches.push(Stretch {
            first_part: self.parts.len(),
            parts: list.fragments.len(),
            zero_ms,
            breaks,
            ..Stretch::default()
        });
        let place = fitted!(number, "the number of a segment in a view");
        for fragment in &list.fragments {
            self.parts.push(Part {
                segment: place,
                video: Extent::of_facts(&fragment.video, segment.id)?,
                audio: Extent::of_facts(&fragment.audio, segment.id)?,
            });
        }
        for kind in [TrackKind::Video, TrackKind::Audio] {
            self.add_listed_track(number, segment, (zero_ms, kind), list)?;
        }
        Ok(())
    }

    fn add_listed_track(
        &mut self,
        number: usize,
        segment: &ViewSegment,
        (zero_ms, kind): (i64, TrackKind),
        list: &FragmentList,
    ) -> Result<(), FileError> {
        let Some((config, placement)) = self.placement(segment, zero_ms, kind) else {
            return Ok(());
        };
        let mut summary = Summary {
            placement,
            previous_dts: self.tail(kind).map(|tail| tail.spot.dts),
            ..Summary::default()
        };
        self.count_chunks(number, kind, &mut summary);
        let mut last: Option<Spot> = None;
        for run in runs(list, kind) {
            let (first, own_last) = spots(run, placement);
            match last {
                None => {
                    self.end_last(kind, Some(first.dts));
                    summary.config = self.enter(kind, placement.line, &config, &first, &mut summary);
                }
                Some(last) => {
                    let duration = first.dts.saturating_sub(last.dts).unsigned_abs();
                    if let Some(track) = self.track_mut(kind) {
                        track.longest = track.longest.max(duration);
                        let ends = last.dts.saturating_add_unsigned(duration);
                        track.end_pts = track.end_pts.max(ends.saturating_add(last.cts.into()));
                    }
                }
            }
            if let Some(track) = self.track_mut(kind) {
                track.first_pts = track.first_pts.min(first.dts.saturating_add(run.shown));
                if run.samples > 1 {
                    track.end_pts = track.end_pts.max(first.dts.saturating_add(run.known_ends));
                    track.longest = track.longest.max(run.longest.into());
                }
                track.bytes = track.bytes.saturating_add(run.bytes);
            }
            let samples = summary.samples.checked_add(run.samples);
            summary.samples =
                samples.ok_or_else(|| contradiction(segment.id, "more samples than a file can count"))?;
            last = Some(own_last);
        }
        if let (Some(spot), Some(track)) = (last, self.track_mut(kind)) {
            track.tail = Some(Tail {
                stretch: number,
                spot,
                before: None,
            });
            track.chunks += summary.chunks;
            let samples = track.samples.checked_add(summary.samples);
            track.samples =
                samples.ok_or_else(|| contradiction(segment.id, "more samples than a file can count"))?;
        }
        if let Some(stretch) = self.stretches.get_mut(number) {
            *stretch.track_mut(kind) = summary;
        }
        Ok(())
    }
}

/// The runs of a track that have samples.
fn runs(list: &FragmentList, kind: TrackKind) -> impl Iterator<Item = &RunFacts> {
    let runs = list.fragments.iter().map(move |fragment| fragment.run(kind));
    runs.filter(|run| !run.is_empty())
}

/// The first and the last sample of a run on the line.
fn spots(run: &RunFacts, placement: Placement) -> (Spot, Spot) {
    let spot = |dts: u64, duration: u32, cts: i32| Spot {
        fragment: 0,
        dts: placement.place_own(dts),
        duration: duration.into(),
        cts,
        key: false,
        offset: 0,
        size: 0,
    };
    (
        spot(run.first_dts, run.shortest, run.first_cts),
        spot(run.last_dts(), run.last_duration, run.last_cts),
    )
}
