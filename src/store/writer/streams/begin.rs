//! The plan of a segment before anything of it is written.

use super::Streams;
use crate::format::fmp4::{Identity, segment_header};
use crate::media::{ChunkNumbers, ChunkStart, Fragment, PublishId, RecordingId, SegmentId};
use crate::store::journal::{NewSegment, NextSegment};
use crate::store::paths;
use crate::store::segment::{BLOCK, Begin, base_of, tape_start};
use crate::store::writer::batch::Rotation;
use crate::store::writer::{Book, BootClock, Env};

impl Streams {
    /// Plans a new segment: all values that can be known before anything is written.
    pub(in crate::store::writer) fn plan(
        &mut self,
        publish: PublishId,
        fragment: &Fragment,
        env: &Env,
        clock: &BootClock,
        book: &Book,
    ) -> Result<Rotation, String> {
        let writer = self.writers.get(&publish).ok_or("no such publish")?;
        let stream = &writer.stream;
        let next = match self.nexts.get(stream) {
            Some(next) => *next,
            None => book
                .journal
                .next_segment(stream)
                .map_err(|error| error.to_string())?,
        };
        let NextSegment { sequence, bytes, .. } = next;
        let next = NextSegment {
            sequence: sequence + 1,
            ..next
        };
        self.nexts.insert(stream.clone(), next);
        let base = base_of(fragment);
        let start = tape_start(base, &fragment.tracks, writer.tape_zero);
        let id = SegmentId::new(u64::try_from(env.clock.utc() / 1_000).unwrap_or(0));
        let mut recordings: Vec<RecordingId> = self
            .recordings
            .iter()
            .filter(|(_, growing)| growing.stream == *stream)
            .filter(|(_, growing)| growing.ends.is_none_or(|ends| start < ends))
            .map(|(id, _)| *id)
            .collect();
        recordings.sort_unstable();
        // The file has room for so many recordings; the journal knows them all.
        recordings.truncate(255);
        let identity = Identity {
            segment: id,
            publish,
            device: env.settings.device.clone(),
            stream: stream.clone(),
            sequence,
            tape_zero: writer.tape_zero,
            boot_zero: writer.boot_zero,
            boot: clock.boot(),
            utc_offset: clock.utc_offset(),
            clock_synced: clock.synced(),
            base,
            recordings,
            chunks: Some(ChunkNumbers::default()),
        };
        let header = segment_header(&identity, &fragment.tracks).map_err(|error| error.to_string())?;
        let expected = expected(env, fragment, bytes, header.len() as u64);
        Ok(Rotation {
            row: NewSegment {
                id,
                publish,
                sequence,
                base,
                start,
                space: expected,
                tracks: fragment.tracks.clone(),
                chunks: None,
            },
            begin: Begin {
                id,
                stream: stream.clone(),
                sequence,
                path: paths::segment(&env.settings.dir, stream, sequence),
                tracks: fragment.tracks.clone(),
                base,
                start,
                tape_zero: writer.tape_zero,
                numbers: ChunkNumbers::default(),
                header,
                expected,
            },
            identity,
            // A configuration that changes where no chunk begins is a break all the same.
            chunk: fragment.chunk.unwrap_or(ChunkStart {
                breaks: true,
                ..ChunkStart::default()
            }),
            takes: None,
        })
    }

    /// Gives a planned segment the numbers of its chunks. The segment before it has ended: it is known how many chunks it has.
    pub(in crate::store::writer) fn number(
        &mut self,
        publish: PublishId,
        rotation: &mut Rotation,
    ) -> Result<(), String> {
        let writer = self.writers.get(&publish).ok_or("no such publish")?;
        let next = self
            .nexts
            .get_mut(&writer.stream)
            .ok_or("its numbers are not known")?;
        let breaks = rotation.chunk.breaks || writer.gap.is_some() || writer.sealed_end.is_none();
        let numbers = next.numbered.number(rotation.chunk, breaks);
        rotation.identity.chunks = Some(numbers);
        rotation.row.chunks = Some(numbers);
        rotation.begin.numbers = numbers;
        let header = segment_header(&rotation.identity, &rotation.begin.tracks);
        rotation.begin.header = header.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Bytes that a segment will probably have: as many as the stream's last segment, or as its first fragment suggests.
fn expected(env: &Env, fragment: &Fragment, last: Option<u64>, header: u64) -> u64 {
    let first = (fragment.payload_bytes() as u64).saturating_add(header);
    let seconds = env.settings.segment_duration.as_secs().max(1);
    let bytes = last.unwrap_or_else(|| first.saturating_mul(seconds));
    bytes
        .clamp(first, env.settings.segment_bytes.max(first))
        .next_multiple_of(BLOCK)
}
