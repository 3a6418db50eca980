//! A journal of a box that recorded for months: several streams, one of them with most of the tape; recordings that overlap, long
//! ones among them, and open ones. It has rows alone, no files.

use std::path::Path;
use std::sync::Arc;

use super::rig::stream;
use crate::media::{Micros, PublishId, RecordingId, SegmentId};
use crate::model::Origin;
use crate::store::journal::{BootClock, Journal, NewSegment, Op, Sealed, Tell};
use crate::store::{Change, RecordingSpec};

/// The length of a segment.
pub(super) const MINUTE: Micros = 60_000_000;
/// UTC of the first moment of the tape.
pub(super) const UTC: Micros = 1_780_000_000_000_000;
/// Two thirds of the segments are of the first stream.
const STREAMS: i64 = 12;

/// How large the journal is.
#[derive(Clone, Copy)]
pub(super) struct Busy {
    pub(super) recordings: i64,
    pub(super) segments: i64,
}

impl Busy {
    /// Minutes of tape that a stream has.
    pub(super) fn minutes(self, of: i64) -> i64 {
        if of == 0 {
            self.segments * 2 / 3
        } else {
            self.segments / 3 / (STREAMS - 1)
        }
    }

    /// UTC at which the tape of the first stream ends.
    pub(super) fn ends(self) -> Micros {
        UTC + self.minutes(0) * MINUTE
    }

    /// Makes the journal.
    pub(super) fn fill(self, dir: &Path) {
        let mut journal = Journal::open(dir).unwrap();
        let clock = BootClock {
            boot: [7; 16],
            utc_offset: UTC,
            synced: true,
        };
        journal.commit(&[Op::AdoptBoot { clock }], 0).unwrap();
        let all = serde_json::json!([
            { "category": "school", "name": "School" },
            { "category": "maths", "parent": "school", "name": "Mathematics" },
            { "category": "art", "name": "Art" }
        ]);
        let all = serde_json::from_value(all).unwrap();
        journal.commit(&[Op::Categorize { all }], 0).unwrap();
        let publishes: Vec<PublishId> = (0..STREAMS).map(|n| PublishId::new(n.unsigned_abs())).collect();
        for (n, publish) in (0..).zip(&publishes) {
            let mut ops = vec![Op::StartPublish {
                id: *publish,
                stream: stream(&format!("cam{n}")),
                boot: clock.boot,
                tape_zero: 0,
                boot_zero: 0,
                about: Default::default(),
                tell: Tell::Quietly,
            }];
            for minute in 0..self.minutes(n) {
                ops.extend(segment(*publish, minute));
                commit_some(&mut journal, &mut ops, 5_000);
            }
            commit_some(&mut journal, &mut ops, 1);
        }
        let mut ops = Vec::new();
        for n in 0..self.recordings {
            let of = if n % 3 < 2 { 0 } else { 1 + n % (STREAMS - 1) };
            ops.extend(self.recording(n, of, publishes[of as usize]));
            commit_some(&mut journal, &mut ops, 5_000);
        }
        commit_some(&mut journal, &mut ops, 1);
    }

    /// One of the recordings: of some minutes, every 50th of an hour, every 500th of a day, one of a month.
    fn recording(self, n: i64, of: i64, publish: PublishId) -> Vec<Op> {
        let tape = self.minutes(of);
        let minutes = match n {
            600 => 43_200,
            n if n % 500 == 0 => 1_440,
            n if n % 50 == 0 => 60,
            n => 1 + n % 5,
        };
        let minutes = minutes.min(tape / 2);
        let start = (n * 7_919 % (tape - minutes)) * MINUTE + 7;
        let id = RecordingId::new(n.unsigned_abs());
        let is_open = n % 5_000 == 2;
        let mut ops = vec![Op::StartRecording {
            id,
            publish,
            start,
            keep: (n % 2 == 0).then_some(365 * 24 * 3_600_000_000),
            spec: Some(spec(n)),
            tell: false,
        }];
        let tags: &[&str] = match n {
            n if n % 1_000 == 0 => &["even", "rare"],
            n if n % 4 == 0 => &["even"],
            _ => &[],
        };
        let category = if n % 2 == 0 { "maths" } else { "art" };
        let title = format!("Übung {n} über Straßen");
        let facts = match n % 4 {
            0 | 1 => {
                serde_json::json!({ "tags": tags, "title": title, "category": category })
            }
            _ => serde_json::json!({}),
        };
        ops.push(Op::Describe {
            id,
            facts: serde_json::from_value(facts).unwrap(),
        });
        if is_open {
            return ops;
        }
        ops.push(Op::CloseRecording {
            id,
            end: Some(start + minutes * MINUTE),
            reason: "it was split".to_owned(),
        });
        if n % 10 < 3 {
            ops.push(Op::Change(Change::Delivered { recording: id }));
        }
        ops
    }
}

/// A sealed segment of a minute. Its sound ends a little after the pictures of the next begin.
pub(super) fn segment(publish: PublishId, minute: i64) -> [Op; 2] {
    let id = SegmentId::new(minute.unsigned_abs());
    [
        Op::OpenSegment(NewSegment {
            chunks: None,
            id,
            publish,
            sequence: minute.unsigned_abs() + 1,
            base: Default::default(),
            start: minute * MINUTE,
            space: 8_192,
            tracks: crate::store::testing::tracks(),
        }),
        Op::SealSegment(Sealed {
            chunks: 1,
            lost: 0,
            target_s: None,
            id,
            end: (minute + 1) * MINUTE + 15_000,
            bytes: 30_000_000 + minute.unsigned_abs() % 100_000,
            space: 8_192,
            crc: Some(0),
            samples: vec![3; 9],
            list: Vec::new(),
            fragments: Vec::new(),
        }),
    ]
}

fn spec(n: i64) -> Arc<RecordingSpec> {
    let mut spec = RecordingSpec::clone(&crate::store::testing::spec());
    let about = &mut spec.about;
    about.template = ["lesson", "night", "game"][n as usize % 3].to_owned();
    about.name = (n % 10 == 0).then(|| format!("match {n}"));
    about.domain = Some(format!("cdn{}.example", n % 4));
    if n % 11 == 0 {
        about.origin = Origin::Task;
    }
    Arc::new(spec)
}

fn commit_some(journal: &mut Journal, ops: &mut Vec<Op>, least: usize) {
    if ops.len() >= least {
        journal.commit(&std::mem::take(ops), 0).unwrap();
    }
}
