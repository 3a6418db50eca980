//! What is known of a stream: its edge, its status, what of it is in memory.

use std::ops::Range;
use std::sync::Arc;

use super::Stream;
use crate::media::Micros;
use crate::recorder::counts::Received;
use crate::recorder::live::{Live, Moment};
use crate::recorder::played::{self, RingChunk, RingChunks};
use crate::recorder::session::{Limit, Session};
use crate::recorder::status::StreamStatus;

impl Stream {
    /// Tape time up to which the live publish has media.
    pub(in crate::recorder) fn edge(&self) -> Option<Micros> {
        let live = &self.live.as_ref()?.live;
        Some(live.tape_end().unwrap_or(live.tape_zero))
    }

    /// Tape time of a moment, by the clock of the live publish.
    pub(in crate::recorder) fn tape_at(&self, utc: Micros) -> Option<Micros> {
        Some(utc.saturating_sub(self.live.as_ref()?.utc_of_tape))
    }

    /// UTC of a tape time, by the clock of the live publish.
    pub(in crate::recorder) fn utc_at(&self, tape: Micros) -> Option<Micros> {
        Some(tape.saturating_add(self.live.as_ref()?.utc_of_tape))
    }

    /// What is known of the publish that is on the air. `played`: it plays out of memory, whether it is recorded or not.
    pub(in crate::recorder) fn status(&self, now: Moment, played: bool) -> Option<StreamStatus> {
        let on_air = self.live.as_ref()?;
        Some(StreamStatus {
            stream: self.name.clone(),
            publish: on_air.live.publish,
            about: Arc::clone(&on_air.about),
            fps: on_air.rate.fps(now.boot),
            gop: on_air.gop.length,
            gaps: 0,
            dropped_frames: on_air.live.undecodable,
            oddities: on_air.live.oddities.clone(),
            recorded: on_air.verdict.now(&self.name, &self.sessions),
            tracks: on_air.live.tracks.clone(),
            left_out: on_air.live.left_out.clone(),
            recordings: self.sessions.iter().flat_map(Session::rolling).collect(),
            bytes: on_air.bytes,
            bits_per_second: on_air.rate.bits_per_second(now.boot),
            ring_bytes: self.ring.bytes(),
            plays: played || self.is_recorded(),
            last_heard: on_air.last_heard,
        })
    }

    /// True while a recording grows with the live publish.
    pub(in crate::recorder) fn is_recorded(&self) -> bool {
        self.sessions
            .iter()
            .any(|session| session.rolling().next().is_some())
    }

    /// True while a publish is live that is long enough to be reported.
    pub(in crate::recorder) fn is_worth_telling(&self) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|on_air| on_air.live.is_worth_telling())
    }

    /// Media that came in since the last call, and when its last frame came. `None` when nothing came.
    pub(in crate::recorder) fn take_received(&mut self) -> Option<(Received, Micros)> {
        let on_air = self.live.as_mut()?;
        let received = std::mem::take(&mut on_air.uncounted);
        (received != Received::default()).then_some((received, on_air.last_heard))
    }

    /// The chunks that are played out of memory, from the number `from` on; `None` where nothing of the stream is in memory.
    /// `utc_offset` is UTC less CLOCK_BOOTTIME, as it is known now.
    pub(in crate::recorder) fn chunks(&self, from: u64, utc_offset: Micros) -> Option<RingChunks> {
        let aired = self.aired?;
        let live = self.live.as_ref().map(|on_air| &on_air.live);
        let recorded_from = live.map_or(aired.recorded_from, Live::recorded_from);
        Some(RingChunks {
            publish: aired.publish,
            tape_zero: aired.tape_zero,
            zero_utc: aired.boot_zero.saturating_add(utc_offset),
            on_air: live.is_some(),
            recorded: live.is_some_and(Live::is_wanted),
            target_s: live.map_or(self.numbered.target_s(), Live::target_s),
            chunks: self.complete_chunks(from..recorded_from.unwrap_or(u64::MAX)),
        })
    }

    /// The complete chunks in memory with these numbers.
    pub(in crate::recorder) fn complete_chunks(&self, numbers: Range<u64>) -> Vec<RingChunk> {
        played::complete(&self.ring, numbers, self.live.is_none())
    }

    /// True when nothing is lost by forgetting the stream: a stream that is unknown begins its tape at `past`.
    pub(in crate::recorder) fn is_forgettable(&self, past: Micros) -> bool {
        self.is_idle() && self.ring.start().is_none() && self.tape_end <= past
    }

    /// True when the stream is off the air, and no recording waits for its publisher.
    pub(in crate::recorder) fn is_idle(&self) -> bool {
        self.live.is_none() && self.sessions.is_empty() && self.endings.is_empty()
    }

    /// True while the stream must be called again as time passes.
    pub(in crate::recorder) fn is_waiting(&self) -> bool {
        !self.endings.is_empty()
            || self
                .sessions
                .iter()
                .any(|session| session.limit != Limit::None || session.is_waiting())
    }
}
