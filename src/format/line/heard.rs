//! What silence needs to know of a segment: by its samples, or by the list of its fragments.

use crate::format::ViewSegment;
use crate::format::index::{FragmentList, Run, RunFacts, SampleIndex};
use crate::media::{Micros, TrackKind, rescale};

use super::seam;

/// Where the samples of a segment begin, as the seam before it needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begins {
    /// Decode time of the sound behind the seam, in ticks after the zero of its publish.
    pub(super) sound: Option<i64>,
    /// Decode time of the first sample of either track, after the zero of its publish.
    pub(super) first: Option<Micros>,
    /// How many frames of sound the segment has.
    pub(super) frames: usize,
}

/// A fragment, as a walk over the sound needs it.
pub(super) struct Heard<'a> {
    pub(super) offset: u64,
    /// DTS at which the pictures end, if there are any.
    pub(super) pictures_end: Option<u64>,
    pub(super) sound: RunFacts,
    /// The samples of the sound, where they are known.
    pub(super) samples: Option<&'a Run>,
}

impl Begins {
    /// By the samples of the segment.
    pub(super) fn of(segment: &ViewSegment, index: &SampleIndex) -> Self {
        // The sound of a publish may come in a later fragment. While the publish grows, nobody knows how much later.
        let is_part = segment.kept.hides && segment.kept.is_part();
        Self {
            sound: if is_part {
                seam::sound_begins(segment, index)
            } else {
                seam::sound_at_once(segment, index)
            },
            first: seam::begins(segment, index),
            frames: index.sample_count(TrackKind::Audio),
        }
    }

    /// By the list of the fragments of a whole segment.
    pub(super) fn of_list(segment: &ViewSegment, list: &FragmentList) -> Self {
        let fragment = list.fragments.iter().find(|fragment| !fragment.is_empty());
        let begin = |kind: TrackKind, base: i64| {
            let run = fragment?.run(kind);
            let dts = (!run.is_empty()).then(|| base.saturating_add_unsigned(run.first_dts))?;
            Some((dts, rescale(dts, segment.tracks.timescale(kind)?, 1_000_000)))
        };
        let sound = begin(TrackKind::Audio, segment.base.audio);
        let begins = [begin(TrackKind::Video, segment.base.video), sound];
        Self {
            sound: sound.map(|(dts, _)| dts),
            first: begins.into_iter().flatten().map(|(_, at)| at).min(),
            frames: list
                .fragments
                .iter()
                .map(|fragment| fragment.audio.samples as usize)
                .sum(),
        }
    }

    /// True when the segment has sound from its beginning on.
    pub(super) fn has_sound(&self) -> bool {
        self.sound.is_some()
    }
}

impl<'a> Heard<'a> {
    /// The fragments of an index.
    pub(super) fn of(index: &'a SampleIndex) -> impl Iterator<Item = Self> {
        index.fragments.iter().map(|fragment| Self {
            offset: fragment.offset,
            pictures_end: (!fragment.video.samples.is_empty()).then(|| fragment.video.end_dts()),
            sound: RunFacts::of(&fragment.audio),
            samples: Some(&fragment.audio),
        })
    }

    /// The fragments of a list.
    pub(super) fn of_list(list: &'a FragmentList) -> impl Iterator<Item = Self> {
        list.fragments.iter().map(|fragment| Self {
            offset: fragment.offset,
            pictures_end: (!fragment.video.is_empty()).then(|| fragment.video.end_dts()),
            sound: fragment.audio,
            samples: None,
        })
    }
}
