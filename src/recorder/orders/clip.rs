//! Clips: parts of a stream that become recordings of their own.

use std::sync::Arc;

use super::{
    CLIP_LONGEST, CLIPS_PENDING, ClipCourse, ClipOrder, ClipRange, ClipSource, OrderError, UNSYNCED,
    session_id,
};
use crate::event::{Lack, Short};
use crate::format::Format;
use crate::media::Micros;
use crate::model::{About, Keep, Origin, Output, Resume, ResumeAfter, Span, Split};
use crate::recorder::core::Core;
use crate::recorder::live::Moment;
use crate::recorder::session::{Limit, Plan, Session, Wanted};
use crate::recorder::stream::Stream;
use crate::store::{Asked, ClipBounds, Command};

impl Core {
    /// Decides how a clip is made; nothing is done yet. The bounds are fixed from here on: a clip around the live picture is
    /// not one around a picture that comes while the order is carried out.
    pub(in crate::recorder) fn course(
        &mut self,
        order: &ClipOrder,
        now: Moment,
    ) -> Result<ClipCourse, OrderError> {
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
        let off_air = || OrderError::OffAir(order.stream.clone());
        let Some((from, to)) = self.clip_range(order) else {
            return match order.range {
                ClipRange::Between(from, to) if from < now.utc => Ok(ClipCourse {
                    from,
                    to,
                    source: ClipSource::Tape,
                    early: Lack::Publish,
                }),
                ClipRange::Between(..) | ClipRange::Around(..) => Err(off_air()),
            };
        };
        let stream = self.on_air_stream(&order.stream).ok_or_else(off_air)?;
        let edge = stream.edge().unwrap_or(0);
        if to.saturating_sub(edge) > CLIP_LONGEST {
            return Err(OrderError::Range("the end is more than 24 h ahead".to_owned()));
        }
        let utc = |tape: Micros| stream.utc_at(tape).unwrap_or(now.utc);
        let source = stream.clip_source(from, to, edge);
        Ok(ClipCourse {
            from: utc(from),
            to: utc(to),
            source,
            early: match source {
                // The stream was published, and nobody recorded it.
                ClipSource::Tape => Lack::Ring,
                ClipSource::TapeAndLive | ClipSource::Live => Lack::Publish,
            },
        })
    }

    /// Makes a clip that ends with live media. `entry` says where the clip begins on the tape, if it does. Gives what the clip
    /// will lack, as far as that is known before it has begun.
    pub(in crate::recorder) fn clip(
        &mut self,
        order: &ClipOrder,
        entry: Option<ClipBounds>,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Option<Short>, OrderError> {
        let off_air = || OrderError::OffAir(order.stream.clone());
        let (from, to) = self.clip_range(order).ok_or_else(off_air)?;
        let mut output = self.rulebook.closed(&order.stream, clip_output(order));
        let stream = self.on_air_stream(&order.stream).ok_or_else(off_air)?;
        let pending = stream
            .sessions
            .iter()
            .filter(|session| session.spec.about.origin == Origin::Clip);
        if pending.count() >= CLIPS_PENDING {
            return Err(OrderError::Range(format!(
                "{CLIPS_PENDING} clips of '{}' are being made already; wait until one is ready",
                order.stream
            )));
        }
        let ahead = to.saturating_sub(stream.edge().unwrap_or(to)).max(0);
        // A publisher that breaks off and is back before the clip's end goes on with the clip.
        output.resume.window = Span::from_millis(ahead.unsigned_abs() / 1_000);
        let plan = Plan {
            about: About {
                origin: Origin::Clip,
                name: order.name.clone(),
                ..About::default()
            },
            until: None,
            outputs: vec![Arc::new(output)],
        };
        let late = entry.map_or_else(|| stream.why_late(from), |entry| entry.asked.late);
        let mut session = Session::new(session_id(now), &plan);
        let asked = Asked {
            from: entry.map_or(from, |entry| entry.asked.from),
            late,
            to: Some(to),
            early: Lack::Publish,
        };
        session.spec.asked = Some(asked);
        session.limit = Limit::Tape(to, now.boot.saturating_add(ahead));
        session.reserve_as(order.id);
        let wanted = entry.map_or(Wanted::From(from), |entry| Wanted::At(entry.start));
        stream.add(session, wanted, now, out);
        // All media of the clip may be there already.
        stream.tick(now, out);
        Ok(stream.short(&asked, entry.map_or(from, |entry| entry.start), to))
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

impl Stream {
    /// The source of a clip's range in tape time.
    fn clip_source(&self, from: Micros, to: Micros, edge: Micros) -> ClipSource {
        let synced = to < edge.saturating_sub(UNSYNCED);
        let written = self.live.as_ref().and_then(|on_air| on_air.live.written_from());
        let in_memory = self.ring.shows_from();
        match (written, in_memory) {
            // While the stream is written, memory has only media that the tape has, but for frames that can no longer go before
            // that tape.
            (Some(_), _) if synced => ClipSource::Tape,
            (Some(written), Some(start)) if start <= from && written > from => ClipSource::Live,
            (Some(_), _) => ClipSource::TapeAndLive,
            (None, Some(start)) if start <= from => ClipSource::Live,
            (None, Some(start)) if start < to => ClipSource::TapeAndLive,
            (None, _) if synced => ClipSource::Tape,
            (None, _) => ClipSource::TapeAndLive,
        }
    }

    /// The missing part before a recording that was just asked for. The recording begins on the tape at `from`, or where the
    /// tape begins if that is later.
    pub(in crate::recorder) fn short(&self, asked: &Asked, from: Micros, to: Micros) -> Option<Short> {
        let on_air = self.live.as_ref()?;
        let start = on_air.live.wanted_from().map_or(from, |wanted| wanted.max(from));
        let utc = |tape: Micros| self.utc_at(tape).unwrap_or(tape);
        let missing = (utc(asked.from), utc(start), asked.late);
        Short::of(utc(start.max(asked.from)), utc(to), [missing])
    }

    /// The reason why the stream has no media at a tape time; both the tape and memory lack it.
    pub(in crate::recorder) fn why_late(&self, from: Micros) -> Lack {
        let begins = self.live.as_ref().and_then(|on_air| on_air.live.begins());
        match begins {
            Some(begins) if begins <= from => Lack::Ring,
            _ => Lack::Publish,
        }
    }
}

/// The output of a clip: one file in each format, whatever its length.
pub(in crate::recorder) fn clip_output(order: &ClipOrder) -> Output {
    bare_output(order.formats.clone(), order.keep)
}

pub(in crate::recorder) fn bare_output(formats: Vec<Format>, keep: Option<Keep>) -> Output {
    Output {
        split: Split::default(),
        resume: Resume {
            window: Span::from_secs(0),
            after: ResumeAfter::Break,
        },
        keep,
        ..Output::of(&formats)
    }
}
