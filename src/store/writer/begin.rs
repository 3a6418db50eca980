//! How a segment begins.

use std::path::PathBuf;

use super::{Turn, Writer};
use crate::format::fmp4::{Identity, segment_header};
use crate::media::{Fragment, PublishId, RecordingId, SegmentId, StreamName};
use crate::store::journal::{NewSegment, Op};
use crate::store::paths;
use crate::store::segment::{Begin, Segment, base_of, tape_start};

impl Writer {
    /// Everything about a new segment that can be known before anything is written.
    pub(super) fn plan(&mut self, publish: PublishId, fragment: &Fragment) -> Result<Turn, String> {
        let lane = self.lanes.get(&publish).ok_or("no such publish")?;
        let sequence = match self.sequences.get(&lane.stream) {
            Some(next) => *next,
            None => self
                .journal
                .next_sequence(&lane.stream)
                .map_err(|error| error.to_string())?,
        };
        self.sequences.insert(lane.stream.clone(), sequence + 1);
        let base = base_of(fragment);
        let id = SegmentId::new(u64::try_from(self.clock.utc() / 1_000).unwrap_or(0));
        let mut recordings: Vec<RecordingId> = self
            .recordings
            .iter()
            .filter(|(_, stream)| **stream == lane.stream)
            .map(|(id, _)| *id)
            .collect();
        recordings.sort_unstable();
        // The file has room for so many; the journal knows them all.
        recordings.truncate(255);
        let identity = Identity {
            segment: id,
            publish,
            device: self.settings.device.clone(),
            stream: lane.stream.clone(),
            sequence,
            tape_zero: lane.tape_zero,
            boot_zero: lane.boot_zero,
            boot: self.boot,
            utc_offset: self.utc_offset,
            clock_synced: self.synced,
            base,
            recordings,
        };
        let header = segment_header(&identity, &fragment.tracks).map_err(|error| error.to_string())?;
        let start = tape_start(base, lane.tape_zero);
        Ok(Turn {
            row: NewSegment {
                id,
                publish,
                sequence,
                base,
                start,
                tracks: fragment.tracks.clone(),
            },
            begin: Begin {
                id,
                path: paths::segment(&self.settings.dir, &lane.stream, sequence),
                tracks: fragment.tracks.clone(),
                base,
                start,
                tape_zero: lane.tape_zero,
                header,
            },
        })
    }

    /// Creates the file of a segment whose row is committed.
    pub(super) fn begin(&mut self, publish: PublishId, turn: Turn) {
        let Some(lane) = self.lanes.get(&publish) else {
            return;
        };
        let stream = lane.stream.clone();
        let (id, path) = (turn.begin.id, turn.begin.path.clone());
        let created = self.prepare(&stream).and_then(|()| {
            Segment::create(turn.begin, self.disk.as_ref())
                .map_err(|error| format!("{}: cannot create: {error}", path.display()))
        });
        match created {
            Ok(segment) => {
                if let Some(lane) = self.lanes.get_mut(&publish) {
                    lane.segment = Some(segment);
                }
                self.progress.streams.entry(stream).or_default().open_segment = Some(turn.row.sequence);
            }
            Err(reason) => {
                self.seals.push(Op::DropSegment { id });
                self.refuse(publish, reason);
            }
        }
    }

    /// The stream's directory exists and its name is durable. Once per stream and run.
    pub(super) fn prepare(&mut self, stream: &StreamName) -> Result<(), String> {
        if self.prepared.contains(stream) {
            return Ok(());
        }
        let tape = paths::tape(&self.settings.dir);
        let lane = paths::stream(&self.settings.dir, stream);
        let make = |path: &PathBuf, parent: &PathBuf| {
            self.disk
                .create_dir(path)
                .and_then(|()| self.disk.sync_dir(parent))
        };
        make(&tape, &self.settings.dir)
            .map_err(|error| format!("{}: cannot make: {error}", tape.display()))?;
        make(&lane, &tape).map_err(|error| format!("{}: cannot make: {error}", lane.display()))?;
        self.prepared.insert(stream.clone());
        Ok(())
    }
}
