//! Clips: parts of a stream that become recordings of their own.

use std::sync::Arc;

use super::{
    CLIP_GRACE, CLIP_LONGEST, CLIPS_PENDING, ClipOrder, ClipRange, Course, OrderError, UNSETTLED, session_id,
};
use crate::config::{Keep, Reel, Resume, ResumeAfter, Span, Split};
use crate::format::Format;
use crate::media::{Micros, RecordingId};
use crate::recorder::core::Core;
use crate::recorder::live::Moment;
use crate::recorder::session::{Limit, Plan, Session, Wanted};
use crate::store::{Command, Origin};

impl Core {
    /// How a clip is to be made; nothing is done yet.
    pub(in crate::recorder) fn course(
        &mut self,
        order: &ClipOrder,
        now: Moment,
    ) -> Result<Course, OrderError> {
        let length = match order.range {
            ClipRange::Between(from, to) => to.saturating_sub(from),
            ClipRange::Around(before, after) => before.saturating_add(after),
        };
        if length <= 0 || length > CLIP_LONGEST {
            let text = format!(
                "the range is {} s long; a clip has more than 0 s and at most 24 h",
                length / 1_000_000
            );
            return Err(OrderError::Range(text));
        }
        let Some((from, to)) = self.clip_range(order) else {
            return match order.range {
                ClipRange::Between(from, to) if from < now.utc => Ok(Course::Tape(from, to)),
                ClipRange::Between(..) | ClipRange::Around(..) => {
                    Err(OrderError::OffAir(order.stream.clone()))
                }
            };
        };
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let edge = stream.edge().unwrap_or(0);
        if to.saturating_sub(edge) > CLIP_LONGEST {
            return Err(OrderError::Range("the end is more than 24 h ahead".to_owned()));
        }
        let written = stream.live.as_ref().and_then(|on_air| on_air.live.written_from());
        let in_ring = stream.ring.start().is_some_and(|start| start <= from);
        let on_tape = written.is_some_and(|written| written <= from);
        let utc = |tape: Micros| stream.utc_at(tape).unwrap_or(now.utc);
        Ok(match (in_ring, on_tape) {
            _ if to < edge.saturating_sub(UNSETTLED) && (on_tape || !in_ring) => {
                Course::Tape(utc(from), utc(to))
            }
            (true, _) | (false, false) => Course::Live,
            (false, true) => Course::TapeAndLive(utc(from)),
        })
    }

    /// Makes a clip that ends with what is live. `entry` is the tape time at which it begins on the tape, if it does.
    pub(in crate::recorder) fn clip(
        &mut self,
        order: &ClipOrder,
        entry: Option<Micros>,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<RecordingId, OrderError> {
        let range = self.clip_range(order);
        let (from, to) = range.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let pending = stream
            .sessions
            .iter()
            .filter(|session| session.about.origin == Origin::Clip);
        if pending.count() >= CLIPS_PENDING {
            return Err(OrderError::Range(format!(
                "{CLIPS_PENDING} clips of '{}' are being made already; wait until one is ready",
                order.stream
            )));
        }
        let plan = Plan {
            origin: Origin::Clip,
            template: String::new(),
            reels: vec![Arc::new(clip_reel(order))],
            name: order.name.clone(),
            domain: None,
        };
        let mut session = Session::new(session_id(now), &plan);
        let ahead = to.saturating_sub(stream.edge().unwrap_or(to)).max(0);
        let until = now.boot.saturating_add(ahead).saturating_add(CLIP_GRACE);
        session.limit = Limit::Tape(to, until);
        session.reserve_as(order.id);
        stream.add(session, entry.map_or(Wanted::From(from), Wanted::At), now, out);
        // What it needs may all be there.
        stream.tick(now, out);
        Ok(order.id)
    }

    /// The range of a clip in tape time, where the stream is on the air.
    fn clip_range(&mut self, order: &ClipOrder) -> Option<(Micros, Micros)> {
        let stream = self.on_air_stream(&order.stream)?;
        match order.range {
            ClipRange::Between(from, to) => Some((stream.tape_at(from)?, stream.tape_at(to)?)),
            ClipRange::Around(before, after) => {
                let edge = stream.edge()?;
                Some((edge.saturating_sub(before), edge.saturating_add(after)))
            }
        }
    }
}

/// The reel of a clip: one file in each format, whatever its length.
pub(in crate::recorder) fn clip_reel(order: &ClipOrder) -> Reel {
    bare_reel(order.formats.clone(), order.keep)
}

pub(in crate::recorder) fn bare_reel(formats: Vec<Format>, keep: Option<Keep>) -> Reel {
    Reel {
        split: Split::default(),
        resume: Resume {
            window: Span::from_secs(0),
            after: ResumeAfter::Break,
        },
        keep,
        ..Reel::of(&formats)
    }
}
