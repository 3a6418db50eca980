//! Where a part of the tape begins and ends to the frame: at a keyframe, and before the first frame that is too late.

use crate::format::index::{FragmentIndex, Run};
use crate::format::{SourceError, TapeSource, View, ViewSegment};
use crate::media::{Micros, VIDEO_TIMESCALE, rescale};

/// Tape with less than this between its parts goes on.
const GAP: Micros = 500_000;

/// A part of the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Tape time of its first sample.
    pub(super) start: Micros,
    /// Tape time at which it ends: the next sample is not part of it.
    pub(super) end: Micros,
    /// UTC of its start.
    pub(super) start_utc: Micros,
    /// UTC of its end.
    pub(super) end_utc: Micros,
}

/// A sample of the track that decides: the picture, or the sound where there is none.
#[derive(Clone, Copy)]
struct Step {
    tape: Micros,
    end: Micros,
    /// UTC less tape time.
    utc: Micros,
    key: bool,
}

/// The part of a view from one UTC time to another. It begins with the last keyframe at or before `from`, if the tape goes
/// on from there to `from`; else with the first behind it. None, if there is nothing.
pub(super) fn bounds<S: TapeSource>(
    view: &View<S>,
    from: Micros,
    to: Micros,
) -> Result<Option<Bounds>, SourceError> {
    let mut start: Option<Step> = None;
    let mut last: Option<Step> = None;
    for segment in &view.segments {
        let index = view.source.index(segment.id)?;
        for step in index
            .fragments
            .iter()
            .flat_map(|fragment| steps(segment, fragment))
        {
            let at = step.tape.saturating_add(step.utc);
            if at >= to {
                // The line of UTC may go back where a clock was set, and this be no end: what came before is.
                return Ok(close(start, last, Some(step)));
            }
            let broken = last.is_some_and(|last| step.tape.saturating_sub(last.end) > GAP);
            if broken && last.is_some_and(|last| last.end.saturating_add(last.utc) <= from) {
                start = None;
            }
            if step.key && (at <= from || start.is_none()) {
                start = Some(step);
            }
            last = Some(step);
        }
    }
    Ok(close(start, last, None))
}

/// `next` is the first sample that is too late.
fn close(start: Option<Step>, last: Option<Step>, next: Option<Step>) -> Option<Bounds> {
    let (start, last) = (start?, last?);
    // Where it goes on without a break it ends exactly where the next frame begins.
    let end = match next {
        Some(next) if next.tape.saturating_sub(last.end).abs() <= GAP => next.tape,
        _ => last.end,
    };
    (end > start.tape).then_some(Bounds {
        start: start.tape,
        end,
        start_utc: start.tape.saturating_add(start.utc),
        end_utc: end.saturating_add(last.utc),
    })
}

fn steps<'a>(segment: &'a ViewSegment, fragment: &'a FragmentIndex) -> impl Iterator<Item = Step> + 'a {
    let (run, base, scale): (&'a Run, i64, u32) = match &segment.tracks.audio {
        Some(audio) if segment.tracks.video.is_none() => {
            (&fragment.audio, segment.base.audio, audio.sample_rate)
        }
        _ => (&fragment.video, segment.base.video, VIDEO_TIMESCALE),
    };
    let sound = segment.tracks.video.is_none();
    let tape = move |ticks: u64| {
        let media = rescale(base.saturating_add_unsigned(ticks), scale, 1_000_000);
        segment.publish_zero.saturating_add(media)
    };
    run.placed().map(move |placed| Step {
        tape: tape(placed.dts),
        end: tape(placed.dts.saturating_add(u64::from(placed.sample.duration))),
        utc: segment.publish_zero_utc.saturating_sub(segment.publish_zero),
        key: sound || placed.sample.key,
    })
}
