//! The ranges of tape of recordings: which they are, and which of them a part of a recording is on.

use std::collections::HashMap;

use super::composition::{SessionPiece, TapeRange, ToCompose};
use super::journal::{Journal, RecordingData, Sealing};
use super::library::Library;
use super::tally::{Run, Tally};
use super::{StoreError, TapeSpan};
use crate::format::{Gaps, View};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::Form;
use crate::store::LibrarySource;

/// An end that is asked for lies at most so far behind the end of the recording: players round, and sound may be longer than pictures.
const ROUNDED: Micros = 1_000_000;

/// A range that a composition was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposedRange {
    /// The recording that it was taken from.
    pub recording: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// UTC at which it is shown first.
    pub start: Micros,
    /// UTC at which it ends, by the clock of its beginning.
    pub end: Micros,
}

/// A part of a recording, as ranges of tape.
pub struct Cut {
    /// The ranges, in the order in which they are played.
    pub ranges: Vec<TapeRange>,
    /// The tape of each range.
    pub views: Vec<View<LibrarySource>>,
    /// How long the whole recording plays, in microseconds.
    pub plays: Micros,
    /// Where the part begins and ends, in microseconds of playing the whole.
    pub bounds: (Micros, Micros),
}

/// Why a recording has no such part.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoCut {
    /// A bound is before the beginning or behind the end.
    #[error("{what} is {bound_s} s, and recording {recording} plays {plays_s} s")]
    Outside {
        /// The recording.
        recording: RecordingId,
        /// `from_s` or `to_s`.
        what: &'static str,
        /// The bound, seconds from the beginning.
        bound_s: f64,
        /// How long the recording plays, in seconds.
        plays_s: f64,
    },
    /// The end is not behind the beginning.
    #[error("the part of recording {recording} is empty: it would be from {from_s} s to {to_s} s")]
    Empty {
        /// The recording.
        recording: RecordingId,
        /// The beginning, seconds.
        from_s: f64,
        /// The end, seconds.
        to_s: f64,
    },
    /// It is played in another way than its tape, so there is no tape between two of its moments.
    #[error(
        "recording {recording} is {form}, and has no ranges to take: take the recordings that it is made of"
    )]
    Formed {
        /// The recording.
        recording: RecordingId,
        /// How its ranges are played.
        form: Form,
    },
    /// There is no tape of it.
    #[error("recording {0} has no footage any more")]
    NoTape(RecordingId),
    /// A segment of it is still written for another recording.
    #[error(
        "the end of recording {0} is in a segment that is still written for another recording; try again in some seconds"
    )]
    Unsealed(RecordingId),
}

/// The longest gap that files keep.
const LONGEST_GAP: Micros = 24 * 3_600 * 1_000_000;

/// The tape of one range, as it is played.
struct Played {
    /// Each with UTC less tape time.
    runs: Vec<(Run, Micros)>,
    gaps: Gaps,
}

/// A place on the tape of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    range: usize,
    tape: Micros,
}

/// Ranges one after the other, as they are played.
struct Line {
    ranges: Vec<Played>,
}

impl Line {
    /// The pieces of tape, each with the moment of playing at which it begins. A gap that is kept, and one within a publish, lasts as
    /// long as on the tape.
    fn pieces(&self) -> impl Iterator<Item = (Micros, usize, Run)> {
        let mut at = 0_i64;
        self.ranges.iter().enumerate().flat_map(move |(range, played)| {
            let mut before: Option<(Micros, i64)> = None;
            let pieces = played.runs.iter().map(|(run, utc)| {
                let begins = run.from.saturating_add(*utc);
                let gap = before.map_or(0, |(end, _)| begins.saturating_sub(end));
                let is_within = before.is_some_and(|(_, publish)| publish == run.publish);
                if (played.gaps == Gaps::Keep || is_within) && (0..=LONGEST_GAP).contains(&gap) {
                    at = at.saturating_add(gap);
                }
                before = Some((run.to.saturating_add(*utc), run.publish));
                let begins = at;
                at = at.saturating_add(run.to.saturating_sub(run.from));
                (begins, range, *run)
            });
            pieces.collect::<Vec<_>>()
        })
    }

    fn plays(&self) -> Micros {
        let last = self.pieces().last();
        last.map_or(0, |(at, _, run)| {
            at.saturating_add(run.to.saturating_sub(run.from))
        })
    }

    /// The place at which a part begins. A moment in a gap is the place behind it.
    fn from(&self, at: Micros) -> Option<Place> {
        self.pieces().find_map(|(begins, range, run)| {
            let length = run.to.saturating_sub(run.from);
            (at < begins.saturating_add(length)).then(|| Place {
                range,
                tape: run.from.saturating_add(at.saturating_sub(begins).max(0)),
            })
        })
    }

    /// The place at which a part ends. A moment in a gap is the place before it.
    fn to(&self, at: Micros) -> Option<Place> {
        let pieces = self.pieces().take_while(|(begins, ..)| *begins < at);
        pieces.last().map(|(begins, range, run)| Place {
            range,
            tape: run.from.saturating_add(at.saturating_sub(begins)).min(run.to),
        })
    }
}

fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

/// A bound from the beginning: a negative one counts from the end.
fn absolute(bound: Micros, plays: Micros) -> Micros {
    if bound < 0 {
        plays.saturating_add(bound)
    } else {
        bound
    }
}

impl Library {
    /// The ranges of tape of a recording, with the streams that they are on: one for an ordinary recording, and each of a composition.
    /// Nothing for a recording that is not there.
    pub fn tape_spans(&self, recording: RecordingId) -> Result<Vec<TapeSpan>, StoreError> {
        let journal = self.journal();
        journal.snapshot(|| {
            let Some(row) = journal.recording(recording)? else {
                return Ok(Vec::new());
            };
            let span = |range: RecordingData| TapeSpan {
                from: range.start,
                to: range.limit().unwrap_or(Micros::MAX),
                stream: range.stream,
            };
            Ok(journal.ranges(&row)?.into_iter().map(span).collect())
        })
    }

    /// The sessions that are to be composed when they are over, at most so many.
    pub fn to_compose(&self, most: usize) -> Result<Vec<ToCompose>, StoreError> {
        self.journal().to_compose(most)
    }

    /// The recordings of such a session, in the order of the tape, and at most so many; without those of outputs that are given up.
    pub fn session(&self, of: &ToCompose, most: usize) -> Result<Vec<SessionPiece>, StoreError> {
        self.journal().session(of, most)
    }

    /// How many recordings were begun of one output of such a session that goes on: of the one that has most, but for those that are given
    /// up.
    pub fn session_reached(&self, of: &ToCompose) -> Result<u32, StoreError> {
        self.journal().session_reached(of)
    }

    /// The ranges that a composition was made of, in the order in which they are played; none of any other recording.
    pub fn composed_of(&self, recording: RecordingId) -> Result<Vec<ComposedRange>, StoreError> {
        let journal = self.journal();
        let (rows, ranges) = journal.snapshot(|| match journal.recording(recording)? {
            Some(row) if row.composed => Ok((journal.ranges(&row)?, journal.tape_ranges(&row)?)),
            _ => Ok((Vec::new(), Vec::new())),
        })?;
        let composed = rows.into_iter().zip(ranges).map(|(row, range)| {
            let utc = |tape: Micros| row.utc_start.saturating_add(tape.saturating_sub(row.start));
            ComposedRange {
                start: utc(range.from),
                end: utc(range.to.unwrap_or(range.end)),
                recording: range.recording,
                stream: range.stream,
            }
        });
        Ok(composed.collect())
    }

    /// The number, from 1 on, of the first of these ranges of which no clock says which of its moments were those of the others; with the
    /// boot that it was recorded in.
    pub fn undated(&self, ranges: &[TapeRange]) -> Result<Option<(usize, [u8; 16])>, StoreError> {
        self.journal().undated(ranges)
    }

    /// The compositions that have footage of a recording, and at most so many.
    pub fn needed_by(&self, recording: RecordingId, most: usize) -> Result<Vec<RecordingId>, StoreError> {
        let journal = self.journal();
        journal.snapshot(|| match journal.recording(recording)? {
            Some(row) => journal.needed_by(&row, None, most),
            None => Ok(Vec::new()),
        })
    }

    /// The compositions that a recording went into, while they have footage of it, and at most so many. Others may have the same footage.
    pub fn made_of(&self, recording: RecordingId, most: usize) -> Result<Vec<RecordingId>, StoreError> {
        let journal = self.journal();
        journal.snapshot(|| match journal.recording(recording)? {
            Some(row) => journal.needed_by(&row, Some(recording), most),
            None => Ok(Vec::new()),
        })
    }

    /// The part of a recording that is over, between two moments of playing it, in microseconds; negative ones count from the end.
    /// Reads the indexes of the segments in which the part begins.
    pub fn cut(
        &self,
        recording: RecordingId,
        (from, to): (Option<Micros>, Option<Micros>),
    ) -> Result<Result<Cut, NoCut>, StoreError> {
        let journal = self.journal();
        let found = journal.snapshot(|| {
            let row = journal.recording(recording)?.ok_or(StoreError::NoRecording {
                text: recording.to_string(),
            })?;
            if !row.form.is_joined() {
                return Ok(Err(NoCut::Formed {
                    recording,
                    form: row.form,
                }));
            }
            let sources = if row.composed {
                let ranges = journal.tape_ranges(&row)?.into_iter();
                ranges.map(|range| range.recording).collect()
            } else {
                vec![row.id]
            };
            let (mut ranges, mut publishes) = (Vec::new(), Vec::new());
            for (range, source) in journal.ranges(&row)?.into_iter().zip(sources) {
                let tally = tally_of(&journal, &range)?;
                publishes.extend(tally.runs.iter().map(|run| run.publish));
                let sealing = journal.is_sealed(&range.stream, [range.start, range.end])?;
                let segments = journal.segments_of(&range)?;
                ranges.push((range, source, tally, sealing, segments));
            }
            publishes.sort_unstable();
            publishes.dedup();
            let mut zeros: HashMap<i64, Micros> = HashMap::new();
            journal.zeros(&publishes, |publish, zero| {
                zeros.insert(publish, zero);
            })?;
            Ok(Ok((ranges, zeros)))
        })?;
        drop(journal);
        let (found, zeros) = match found {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if found
            .iter()
            .any(|(_, _, _, sealing, _)| *sealing == Sealing::Open)
        {
            return Ok(Err(NoCut::Unsealed(recording)));
        }
        let played = found.iter().map(|(range, _, tally, ..)| Played {
            runs: tally
                .runs
                .iter()
                .map(|run| (*run, zeros.get(&run.publish).copied().unwrap_or(0)))
                .collect(),
            gaps: range.spec.output.gaps,
        });
        let line = Line {
            ranges: played.collect(),
        };
        let plays = line.plays();
        let bounds = (
            from.map_or(0, |from| absolute(from, plays)),
            to.map_or(plays, |to| absolute(to, plays)),
        );
        let (first, last) = match within(recording, bounds, plays)
            .and_then(|(from, to)| line.from(from).zip(line.to(to)).ok_or(NoCut::NoTape(recording)))
        {
            Ok(places) => places,
            Err(error) => return Ok(Err(error)),
        };
        let whole = (bounds.0 <= 0, bounds.1 >= plays);
        let mut cut = Cut {
            ranges: Vec::new(),
            views: Vec::new(),
            plays,
            bounds: (bounds.0.max(0), bounds.1.min(plays)),
        };
        for (at, (range, source, tally, _, segments)) in found.into_iter().enumerate() {
            if at < first.range || at > last.range || tally.runs.is_empty() {
                continue;
            }
            let begins = (at == first.range && !whole.0).then_some(first.tape);
            let ends = (at == last.range && !whole.1).then_some(last.tape);
            let view = self.view_of_range(range.clone(), segments, true)?;
            let mut of = as_range(&range, source);
            if let Some(from) = begins.filter(|from| *from > of.from) {
                let entry = view.entry_before(from)?.unwrap_or(of.start);
                of.gradual &= entry <= of.start;
                (of.start, of.from) = (entry.max(of.start), from);
            }
            if let Some(to) = ends {
                of.to = Some(of.to.map_or(to, |before| before.min(to)));
                of.end = of.end.min(to);
            }
            let view = view.cut(of.start, of.end)?;
            cut.ranges.push(of);
            cut.views.push(view);
        }
        Ok(Ok(cut))
    }
}

fn within(
    recording: RecordingId,
    (from, to): (Micros, Micros),
    plays: Micros,
) -> Result<(Micros, Micros), NoCut> {
    let outside = |what, bound| NoCut::Outside {
        recording,
        what,
        bound_s: seconds(bound),
        plays_s: seconds(plays),
    };
    if plays <= 0 {
        return Err(NoCut::NoTape(recording));
    }
    if from < 0 || from >= plays {
        return Err(outside("from_s", from));
    }
    if to < 0 || to > plays.saturating_add(ROUNDED) {
        return Err(outside("to_s", to));
    }
    let to = to.min(plays);
    if to <= from {
        return Err(NoCut::Empty {
            recording,
            from_s: seconds(from),
            to_s: seconds(to),
        });
    }
    Ok((from, to))
}

fn tally_of(journal: &Journal, range: &RecordingData) -> Result<Tally, StoreError> {
    match &range.tally {
        Some(tally) => Ok(tally.clone()),
        None => journal.added_up(range.key),
    }
}

/// A recording, or a range of one, as a range of a composition.
fn as_range(of: &RecordingData, source: RecordingId) -> TapeRange {
    TapeRange {
        recording: source,
        stream: of.stream.clone(),
        start: of.start,
        end: of.end,
        from: of.bounds().from,
        to: of.spec.shown_to(),
        media: of.spec.output.media,
        gradual: of.spec.gradual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(publish: i64, from: Micros, to: Micros) -> Run {
        Run { publish, from, to }
    }

    /// The second of its runs is of another publish than the first, or of the same.
    fn line(gaps: Gaps, second: i64) -> Line {
        let of = |runs: &[Run]| Played {
            runs: runs.iter().map(|run| (*run, 7)).collect(),
            gaps,
        };
        Line {
            ranges: vec![
                of(&[run(1, 100, 200), run(second, 500, 600)]),
                of(&[]),
                of(&[run(1, 50, 80)]),
            ],
        }
    }

    #[test]
    fn a_moment_of_playing_is_a_place_on_the_tape_of_a_range() {
        let at = |range, tape| Some(Place { range, tape });
        let closed = line(Gaps::Close, 2);
        assert_eq!(closed.plays(), 230);
        for (moment, from, to) in [
            (0, at(0, 100), None),
            (99, at(0, 199), at(0, 199)),
            (100, at(0, 500), at(0, 200)),
            (200, at(2, 50), at(0, 600)),
            (229, at(2, 79), at(2, 79)),
            (230, None, at(2, 80)),
        ] {
            assert_eq!((closed.from(moment), closed.to(moment)), (from, to), "{moment}");
        }
        // Files go on through a gap within a publish, whether gaps are kept or not.
        for kept in [line(Gaps::Keep, 2), line(Gaps::Keep, 1), line(Gaps::Close, 1)] {
            assert_eq!(kept.plays(), 530);
            // A moment in a gap begins behind it and ends before it.
            assert_eq!((kept.from(250), kept.to(250)), (at(0, 500), at(0, 200)));
            assert_eq!((kept.from(450), kept.to(450)), (at(0, 550), at(0, 550)));
        }
    }

    #[test]
    fn bounds_are_within_what_is_played_and_negative_ones_count_from_its_end() {
        let id = RecordingId::from_bytes([1; 16]);
        let part = |from, to| {
            within(
                id,
                (absolute(from, 10_000_000), absolute(to, 10_000_000)),
                10_000_000,
            )
        };
        assert_eq!(part(0, 10_000_000), Ok((0, 10_000_000)));
        assert_eq!(part(-4_000_000, -1_000_000), Ok((6_000_000, 9_000_000)));
        assert_eq!(part(0, 11_000_000), Ok((0, 10_000_000)));
        for (from, to) in [
            (10_000_000, 11_000_000),
            (-10_000_001, 5),
            (0, 11_000_001),
            (5, -10_000_001),
            (Micros::MAX, Micros::MAX),
            (Micros::MIN, 5),
        ] {
            assert!(
                matches!(part(from, to), Err(NoCut::Outside { .. })),
                "{from}..{to}"
            );
        }
        for (from, to) in [(5, 5), (6, 5), (-1, -2)] {
            assert!(matches!(part(from, to), Err(NoCut::Empty { .. })), "{from}..{to}");
        }
        assert_eq!(within(id, (0, 0), 0), Err(NoCut::NoTape(id)));
    }
}
