//! How a segment begins.

use std::io;
use std::path::PathBuf;

use super::{Next, Turn, Writer};
use crate::format::fmp4::{Identity, segment_header};
use crate::media::{Fragment, PublishId, RecordingId, SegmentId, StreamName};
use crate::store::journal::{Blocks, NewSegment, Op};
use crate::store::paths;
use crate::store::segment::{BLOCK, Begin, Segment, Taken, base_of, tape_start};

impl Writer {
    /// Everything about a new segment that can be known before anything is written.
    pub(super) fn plan(&mut self, publish: PublishId, fragment: &Fragment) -> Result<Turn, String> {
        let lane = self.lanes.get(&publish).ok_or("no such publish")?;
        let Next { sequence, bytes } = match self.nexts.get(&lane.stream) {
            Some(next) => *next,
            None => {
                let next = self.journal.next_sequence(&lane.stream);
                let (sequence, bytes) = next.map_err(|error| error.to_string())?;
                Next { sequence, bytes }
            }
        };
        let next = Next {
            sequence: sequence + 1,
            bytes,
        };
        self.nexts.insert(lane.stream.clone(), next);
        let base = base_of(fragment);
        let start = tape_start(base, &fragment.tracks, lane.tape_zero);
        let id = SegmentId::new(u64::try_from(self.clock.utc() / 1_000).unwrap_or(0));
        let mut recordings: Vec<RecordingId> = self
            .recordings
            .iter()
            .filter(|(_, open)| open.stream == lane.stream && open.ends.is_none_or(|ends| start < ends))
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
        let expected = self.expected(fragment, bytes, header.len() as u64);
        Ok(Turn {
            row: NewSegment {
                id,
                publish,
                sequence,
                base,
                start,
                space: expected,
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
                expected,
            },
            takes: None,
        })
    }

    /// Bytes that a segment will probably have: as many as the stream's last one, or as its first fragment
    /// promises.
    fn expected(&self, fragment: &Fragment, last: Option<u64>, header: u64) -> u64 {
        let first = (fragment.payload_bytes() as u64).saturating_add(header);
        let seconds = self.settings.segment_duration.as_secs().max(1);
        let bytes = last.unwrap_or_else(|| first.saturating_mul(seconds));
        bytes
            .clamp(first, self.settings.segment_bytes.max(first))
            .next_multiple_of(BLOCK)
    }

    /// Creates the file of a segment whose row is committed.
    pub(super) fn begin(&mut self, publish: PublishId, turn: Turn) {
        let Some(lane) = self.lanes.get(&publish) else {
            return;
        };
        let stream = lane.stream.clone();
        let (id, path) = (turn.begin.id, turn.begin.path.clone());
        let created = self.create(&stream, &turn);
        match created.map_err(|error| format!("{}: cannot create: {error}", path.display())) {
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

    /// The file of a new segment: one that is taken over, or one of its own.
    pub(super) fn file(&mut self, begin: Begin, takes: Option<&Blocks>) -> io::Result<Segment> {
        let Some(spare) = takes else {
            return Segment::create(begin, self.disk.as_ref());
        };
        let path = paths::segment(&self.settings.dir, &spare.stream, spare.sequence);
        match Taken::over(spare.id, &path, &begin.path, self.disk.as_ref()) {
            Ok(taken) => return Ok(Segment::on(begin, taken)),
            Err(why) => tracing::debug!("{}: not taken over: {why}", path.display()),
        }
        if !self.unlink_spare(spare) {
            self.stays(spare);
        }
        Segment::create(begin, self.disk.as_ref())
    }

    /// The stream's directory exists and its name is durable. Once per stream and run.
    pub(super) fn prepare(&mut self, stream: &StreamName) -> io::Result<()> {
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
        make(&tape, &self.settings.dir)?;
        make(&lane, &tape)?;
        self.prepared.insert(stream.clone());
        Ok(())
    }
}
