//! The samples of a fragment, each by itself.

use super::Fragments;
use crate::format::line::{Tape, TapeRange, to_ms};
use crate::format::{FileError, TapeSource};
use crate::media::TrackKind;

/// A sample of a fragment, with its times in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Single {
    /// The track.
    pub(in crate::format) kind: TrackKind,
    /// When the sample is decoded, in milliseconds.
    pub(in crate::format) dts_ms: u64,
    /// Presentation less decode time, in milliseconds.
    pub(in crate::format) cts_ms: i32,
    /// True when decoding can begin here.
    pub(in crate::format) key: bool,
    /// Where the sample's bytes are.
    pub(in crate::format) range: TapeRange,
    /// Number of the sample's bytes.
    pub(in crate::format) size: u32,
}

impl Fragments {
    /// The samples of a fragment in the order of their decode times, the picture before the sound of the same time.
    pub(in crate::format) fn singles<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
    ) -> Result<Vec<Single>, FileError> {
        let Some(extents) = self.line.parts.get(part) else {
            return Ok(Vec::new());
        };
        let segment = extents.segment as usize;
        let index = tape.index(segment)?;
        let found = self.line.stretches.get(segment).and_then(|stretch| {
            let fragment = index.fragments.get(part.checked_sub(stretch.first_part)?)?;
            Some((stretch, fragment))
        });
        let Some((stretch, fragment)) = found else {
            return Ok(Vec::new());
        };
        let mut singles = Vec::with_capacity(fragment.video.samples.len() + fragment.audio.samples.len());
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let placement = self.ticks.of(stretch.track(kind).placement);
            let run_end = extents.extent(kind).end();
            for placed in fragment.run(kind).placed() {
                // Both times are rounded, and not the difference between them.
                let decoded = to_ms(placement.place(placed.dts), placement.line);
                let shown = to_ms(placement.shown(&placed), placement.line);
                singles.push(Single {
                    kind,
                    dts_ms: decoded.saturating_sub(self.origin_ms).max(0).unsigned_abs(),
                    cts_ms: i32::try_from(shown.saturating_sub(decoded)).unwrap_or(0),
                    key: placed.sample.key,
                    range: TapeRange {
                        segment,
                        kind,
                        offset: placed.offset,
                        run_end,
                    },
                    size: placed.sample.size,
                });
            }
        }
        singles.sort_by_key(|single| single.dts_ms);
        Ok(singles)
    }
}
