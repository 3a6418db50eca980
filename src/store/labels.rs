//! What people wrote about a recording, placed in its files: notes as chapters and as dates.
//!
//! A note is at a moment of playing. Files close gaps, unless the recording keeps them, so a moment of playing is a moment of UTC
//! less the gaps before it. A recording that lost its beginning plays from later on: its notes move with it, and those of what is
//! lost are left out.

use super::RecordingRow;
use crate::format::hls::DatedNote;
use crate::format::mp4::{Chapter, Labels};
use crate::format::{Gaps, TapeSource, View};
use crate::media::{Micros, Zone};
use crate::model::{Form, Words};

impl RecordingRow {
    /// The words in the head of the file of all of the recording.
    pub fn labels(&self) -> Labels {
        self.labels_between((None, None), self.spec.output.gaps)
    }

    /// The same for the file of a view, which may be a part of the recording. This reads the first and the last index of the
    /// view.
    pub fn labels_of<S: TapeSource>(&self, view: &View<S>) -> Labels {
        let shown = view.shown_utc().ok().flatten();
        let times = shown.map_or((None, None), |(from, to)| (Some(from), Some(to)));
        let gaps = view
            .segments
            .first()
            .map_or(self.spec.output.gaps, |first| first.gaps);
        self.labels_between(times, gaps)
    }

    fn labels_between(&self, (from, to): (Option<Micros>, Option<Micros>), gaps: Gaps) -> Labels {
        let text = |words: Option<&str>| words.map(str::to_owned);
        let times = self.times(None);
        if self.composed {
            // Times of its ranges may be in any order: notes have their places in the whole file alone.
            let notes = self.facts.notes.iter().filter(|_| from.is_none() && to.is_none());
            return Labels {
                title: text(self.facts.title.as_ref().map(Words::as_str)),
                description: text(self.facts.description.as_ref().map(Words::as_str)),
                chapters: notes
                    .map(|note| Chapter {
                        at: note.at,
                        text: note.text.as_str().to_owned(),
                    })
                    .collect(),
                times,
            };
        }
        let begins = from.map_or(0, |from| self.played(from, gaps));
        let ends = to.map_or(Micros::MAX, |to| self.played(to, gaps));
        let placed = self
            .noted()
            .map(|(at, text)| (self.played(self.utc(at), gaps), text));
        let chapter = |(at, text): (Micros, &str)| Chapter {
            at: at - begins,
            text: text.to_owned(),
        };
        Labels {
            title: text(self.facts.title.as_ref().map(Words::as_str)),
            description: text(self.facts.description.as_ref().map(Words::as_str)),
            chapters: placed
                .filter(|(at, _)| (begins..ends).contains(at))
                .map(chapter)
                .collect(),
            times,
        }
    }

    /// The zone of the track of times of its MP4: where somebody asks for one, or else where its template says so. A time lapse has
    /// none, for each of its pictures is of another second.
    pub fn times(&self, asked: Option<bool>) -> Option<Zone> {
        let output = &self.spec.output;
        let is_wanted = asked.unwrap_or(output.times) && !matches!(self.form, Form::Lapse(_));
        is_wanted.then(|| output.time_zone.clone().unwrap_or_default())
    }

    /// The notes between these times (UTC), with their times.
    pub fn dated_notes(&self, from: Option<Micros>, to: Option<Micros>) -> Vec<DatedNote> {
        let within = |at: &Micros| from.is_none_or(|from| *at >= from) && to.is_none_or(|to| *at < to);
        self.noted()
            .filter(|_| !self.composed)
            .map(|(at, text)| DatedNote {
                at: self.utc(at),
                text: text.to_owned(),
            })
            .filter(|note| within(&note.at) && note.at < self.end)
            .collect()
    }

    /// The notes of what is there, each with its moment of playing.
    fn noted(&self) -> impl Iterator<Item = (Micros, &str)> {
        let notes = self.facts.notes.iter();
        let placed = notes.map(|note| (note.at.saturating_sub(self.lost), note.text.as_str()));
        placed.filter(|(at, _)| *at >= 0)
    }

    /// The moment of playing at a time (UTC).
    fn played(&self, utc: Micros, gaps: Gaps) -> Micros {
        let since = utc.saturating_sub(self.start).max(0);
        let closed = self.closed(gaps).fold(0_i64, |sum, (from, to)| {
            sum.saturating_add(to.min(utc).saturating_sub(from).max(0))
        });
        since.saturating_sub(closed).max(0)
    }

    /// UTC of a moment of playing.
    fn utc(&self, at: Micros) -> Micros {
        let closed = self.closed(self.spec.output.gaps);
        closed.fold(self.start.saturating_add(at), |utc, (from, to)| {
            let gap = if utc < from {
                0
            } else {
                to.saturating_sub(from).max(0)
            };
            utc.saturating_add(gap)
        })
    }

    /// The gaps that files close: those between two publishes, unless the recording keeps them.
    fn closed(&self, gaps: Gaps) -> impl Iterator<Item = (Micros, Micros)> {
        let closed = self
            .gaps
            .iter()
            .filter(move |gap| gaps == Gaps::Close && !gap.within);
        closed.map(|gap| (gap.from, gap.to))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::media::RecordingId;
    use crate::store::{Gap, RecordingSpec, RecordingState};

    /// A recording of ten seconds, with a gap of a minute behind the fourth, and notes at 1, 4, 6 and 12 seconds of playing.
    fn row(gaps: Gaps, lost: Micros) -> RecordingRow {
        let notes = [1, 4, 6, 12].map(|at| json!({ "at_s": at, "text": at.to_string() }));
        let mut spec = RecordingSpec::built_in();
        spec.output.gaps = gaps;
        RecordingRow {
            id: RecordingId::from_bytes([1; 16]),
            stream: "live/a".parse().unwrap(),
            state: RecordingState::Closed,
            shown: false,
            protected: false,
            paused: false,
            ending: false,
            spec,
            facts: serde_json::from_value(json!({ "title": "t", "notes": notes })).unwrap(),
            review: None,
            tape: Vec::new(),
            start: 100_000_000,
            begins_later: lost > 0,
            lost,
            end: 170_000_000,
            duration: 10_000_000,
            bytes: 1,
            segments: 1,
            tracks: Vec::new(),
            gaps: vec![Gap {
                from: 104_000_000,
                to: 164_000_000,
                within: false,
            }],
            short: None,
            renditions: Vec::new(),
            composed: false,
            form: Default::default(),
            also: Vec::new(),
            chosen: None,
        }
    }

    fn seconds(labels: &Labels) -> Vec<(Micros, &str)> {
        let chapters = labels.chapters.iter();
        chapters
            .map(|chapter| (chapter.at / 1_000_000, chapter.text.as_str()))
            .collect()
    }

    #[test]
    fn files_go_on_through_a_gap_within_a_publish_and_so_do_notes() {
        let mut row = row(Gaps::Close, 0);
        row.gaps.iter_mut().for_each(|gap| gap.within = true);
        let dated = row.dated_notes(None, None);
        let dates: Vec<Micros> = dated.iter().map(|note| note.at / 1_000_000).collect();
        assert_eq!(dates, [101, 104, 106, 112]);
        assert_eq!(seconds(&row.labels())[3], (12, "12"));
    }

    #[test]
    fn a_note_is_where_the_file_plays_it_and_has_the_time_that_was_then() {
        let closed = row(Gaps::Close, 0);
        assert_eq!(
            seconds(&closed.labels()),
            [(1, "1"), (4, "4"), (6, "6"), (12, "12")]
        );
        let dates = |row: &RecordingRow| -> Vec<Micros> {
            row.dated_notes(None, None)
                .iter()
                .map(|note| note.at / 1_000_000)
                .collect()
        };
        // The third is behind the gap. The last one is behind the end.
        assert_eq!(dates(&closed), [101, 164, 166]);
        let kept = row(Gaps::Keep, 0);
        assert_eq!(dates(&kept), [101, 104, 106, 112]);
        assert_eq!(seconds(&kept.labels())[2], (6, "6"));
        // The file of an export that closes the gap that the recording keeps, and the other way round.
        let other = kept.labels_between((None, None), Gaps::Close);
        assert_eq!(seconds(&other), [(1, "1"), (4, "4"), (4, "6"), (4, "12")]);
        let other = closed.labels_between((None, None), Gaps::Keep);
        assert_eq!(seconds(&other), [(1, "1"), (64, "4"), (66, "6"), (72, "12")]);
    }

    #[test]
    fn there_are_times_where_the_template_or_somebody_wants_them() {
        let mut row = row(Gaps::Close, 0);
        let zone = |row: &RecordingRow, asked| row.times(asked).map(|zone| zone.to_string());
        assert_eq!((zone(&row, None), row.labels().times), (None, None));
        assert_eq!(zone(&row, Some(true)).as_deref(), Some("UTC"));
        row.spec.output.times = true;
        row.spec.output.time_zone = Some("Europe/Berlin".parse().unwrap());
        assert_eq!(zone(&row, None).as_deref(), Some("Europe/Berlin"));
        assert_eq!(
            (row.labels().times, zone(&row, Some(false))),
            (row.times(None), None)
        );
        row.form = Form::Lapse(crate::format::Lapse::new(60, 30).unwrap());
        assert_eq!((zone(&row, None), zone(&row, Some(true))), (None, None));
    }

    #[test]
    fn a_part_has_its_notes_from_its_own_beginning_on() {
        let closed = row(Gaps::Close, 0);
        let part = closed.labels_between((Some(103_000_000), Some(166_500_000)), Gaps::Close);
        assert_eq!(seconds(&part), [(1, "4"), (3, "6")]);
        assert_eq!(part.title.as_deref(), Some("t"));
        let dates = closed.dated_notes(Some(150_000_000), None);
        assert_eq!(dates.len(), 2);
        // The recording has lost its first five seconds.
        let late = row(Gaps::Close, 5_000_000);
        assert_eq!(seconds(&late.labels()), [(1, "6"), (7, "12")]);
    }
}
