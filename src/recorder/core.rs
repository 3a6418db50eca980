//! The recorder's decisions: who may publish, what is kept, what is let go. No I/O, no clock.

use std::collections::HashMap;

use super::live::{Live, Moment};
use super::publish::{EndReason, Refusal};
use super::ring::Ring;
use crate::media::{Exception, MediaMessage, Micros, PublishId, RecordingId, StreamName, Tracks};
use crate::store::Command;

/// What can be set, and changed while running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSettings {
    /// How much of each stream stays in memory.
    pub pre_roll: Micros,
    /// Hard cap for all streams together, bytes. What waits for the card counts, too.
    pub ring_bytes: usize,
    /// A publisher silent for this long gives way to another.
    pub takeover_after: Micros,
}

/// A stream as the status shows it.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    /// Its name.
    pub stream: StreamName,
    /// What it sends; empty before the first sequence header.
    pub tracks: Tracks,
    /// The recording it feeds, once it is worth one.
    pub recording: Option<RecordingId>,
    /// Media received in this publish, bytes.
    pub bytes: u64,
    /// Media received over the last second, bits per second.
    pub bits_per_second: u64,
    /// Media of it in memory, bytes.
    pub ring_bytes: usize,
    /// When it was last heard, CLOCK_BOOTTIME.
    pub last_heard: Micros,
}

pub(super) struct Core {
    pub(super) settings: RecorderSettings,
    /// Tape now is this plus CLOCK_BOOTTIME.
    tape_base: Micros,
    streams: HashMap<StreamName, Stream>,
    /// Media in all rings, bytes.
    ring_bytes: usize,
    /// What waits for the card shares the rings' memory, bytes.
    backlog: usize,
}

#[derive(Default)]
struct Stream {
    live: Option<OnAir>,
    ring: Ring,
    /// The tape of this stream never goes back behind this.
    tape_end: Micros,
}

struct OnAir {
    live: Live,
    last_heard: Micros,
    bytes: u64,
    rate: Rate,
    /// A publisher whose timestamps are a mess is reported once in a while, not once a frame.
    quiet_until: Micros,
}

/// Nobody is silent for so long and then goes on where it was, but an encoder on a box that was suspended: its
/// timestamps slept, and CLOCK_BOOTTIME did not. What it sends belongs to another time, so to another publish.
const SLEPT: Micros = 600_000_000;
/// How often a publisher's exceptions are reported.
const REPORT_EVERY: Micros = 10_000_000;

/// A publish that may begin.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) publish: PublishId,
    /// The silent publish it replaces.
    pub(super) replaced: Option<PublishId>,
}

impl Core {
    pub(super) fn new(settings: RecorderSettings, tape_base: Micros) -> Self {
        Self {
            settings,
            tape_base,
            streams: HashMap::new(),
            ring_bytes: 0,
            backlog: 0,
        }
    }

    pub(super) fn publish(
        &mut self,
        name: &StreamName,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Begun, Refusal> {
        let takeover_after = self.settings.takeover_after;
        let stream = self.streams.entry(name.clone()).or_default();
        if let Some(on_air) = &stream.live {
            let silent = now.boot - on_air.last_heard;
            if silent < takeover_after {
                let millis = |micros: Micros| u64::try_from(micros / 1000).unwrap_or(0);
                return Err(Refusal::Busy {
                    stream: name.clone(),
                    silent_ms: millis(silent),
                    takeover_ms: millis(takeover_after),
                });
            }
        }
        let replaced = stream.live.as_ref().map(|on_air| on_air.live.publish);
        if let Some(publish) = replaced {
            self.end(name, publish, &EndReason::TakenOver, now, out);
        }
        let tape_now = self.tape_base + now.boot;
        let stream = self.streams.entry(name.clone()).or_default();
        let publish = PublishId::new(now.unix_millis());
        let live = Live::new(publish, tape_now.max(stream.tape_end), now.boot);
        stream.live = Some(OnAir {
            live,
            last_heard: now.boot,
            bytes: 0,
            rate: Rate::default(),
            quiet_until: 0,
        });
        Ok(Begun { publish, replaced })
    }

    pub(super) fn push(
        &mut self,
        name: &StreamName,
        publish: PublishId,
        message: MediaMessage,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Option<Exception> {
        let stream = self.streams.get_mut(name)?;
        let on_air = stream
            .live
            .as_mut()
            .filter(|on_air| on_air.live.publish == publish)?;
        if let MediaMessage::Frame(frame) = &message {
            on_air.last_heard = now.boot;
            on_air.bytes += frame.payload.len() as u64;
            on_air.rate.count(frame.payload.len() as u64, now.boot);
        }
        let taken = on_air.live.push(message, now, name, out);
        let exception = taken.exception.filter(|_| now.boot >= on_air.quiet_until);
        if exception.is_some() {
            on_air.quiet_until = now.boot + REPORT_EVERY;
        }
        if let Some((frame, at)) = taken.frame {
            self.ring_bytes -= stream.ring.bytes();
            stream.ring.push(frame, &on_air.live.tracks, at);
            stream.ring.expire(at, self.settings.pre_roll);
            self.ring_bytes += stream.ring.bytes();
            self.bound_rings();
        }
        exception
    }

    /// Why a publish cannot go on where it was, if the box slept in the middle of it.
    pub(super) fn overslept(&self, name: &StreamName, publish: PublishId, now: Moment) -> Option<EndReason> {
        let on_air = self.streams.get(name).and_then(|stream| stream.live.as_ref());
        let on_air = on_air.filter(|on_air| on_air.live.publish == publish)?;
        let silent = now.boot.saturating_sub(on_air.last_heard);
        let reason = || format!("nothing came for {} s: the box slept", silent / 1_000_000);
        (silent > SLEPT).then(|| EndReason::Broken(reason()))
    }

    /// Ends a publish; nothing happens when it is not on the air any more.
    pub(super) fn end(
        &mut self,
        name: &StreamName,
        publish: PublishId,
        reason: &EndReason,
        now: Moment,
        out: &mut Vec<Command>,
    ) {
        let Some(stream) = self.streams.get_mut(name) else {
            return;
        };
        if stream
            .live
            .as_ref()
            .is_none_or(|on_air| on_air.live.publish != publish)
        {
            return;
        }
        if let Some(on_air) = stream.live.take() {
            stream.tape_end = stream.tape_end.max(on_air.live.tape_end().unwrap_or(0));
            on_air.live.end(&reason.to_string(), now, name, out);
        }
        // The ring outlives its publisher: a clip of what just happened may still be asked for. A name that
        // never sent anything is forgotten, or strangers could fill the memory with names.
        if stream.ring.start().is_none() && stream.tape_end == 0 {
            self.streams.remove(name);
        }
    }

    /// Tells how much waits for the card. The rings give way to it: what they hold is the same media for the most
    /// part, and nothing that waits is lost with them.
    pub(super) fn make_room(&mut self, backlog: usize) {
        self.backlog = backlog;
        self.bound_rings();
    }

    /// True when the publish is on the air and sends faster than time.
    pub(super) fn is_flat_out(&self, name: &StreamName, publish: PublishId) -> bool {
        let on_air = self.streams.get(name).and_then(|stream| stream.live.as_ref());
        on_air.is_some_and(|on_air| on_air.live.publish == publish && on_air.live.is_flat_out())
    }

    /// Every publish on the air.
    pub(super) fn on_air(&self) -> Vec<(StreamName, PublishId)> {
        let live = |(name, stream): (&StreamName, &Stream)| {
            stream
                .live
                .as_ref()
                .map(|on_air| (name.clone(), on_air.live.publish))
        };
        self.streams.iter().filter_map(live).collect()
    }

    pub(super) fn status(&self, now: Moment) -> Vec<StreamStatus> {
        let mut list: Vec<StreamStatus> = self
            .streams
            .iter()
            .filter_map(|(name, stream)| {
                let on_air = stream.live.as_ref()?;
                Some(StreamStatus {
                    stream: name.clone(),
                    tracks: on_air.live.tracks.clone(),
                    recording: on_air.live.recording(),
                    bytes: on_air.bytes,
                    bits_per_second: on_air.rate.bits_per_second(now.boot),
                    ring_bytes: stream.ring.bytes(),
                    last_heard: on_air.last_heard,
                })
            })
            .collect();
        list.sort_by(|a, b| a.stream.cmp(&b.stream));
        list
    }

    /// Media in all rings, bytes.
    pub(super) fn ring_bytes(&self) -> usize {
        self.ring_bytes
    }

    /// Streams remembered, on the air or not.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.streams.len()
    }

    /// Lets go of the oldest GOPs of whichever stream holds most, until all fit.
    fn bound_rings(&mut self) {
        while self.ring_bytes > self.settings.ring_bytes.saturating_sub(self.backlog) {
            let fattest = self.streams.values_mut().max_by_key(|stream| stream.ring.bytes());
            let Some(stream) = fattest else { return };
            let before = stream.ring.bytes();
            if !stream.ring.drop_oldest() {
                return;
            }
            self.ring_bytes -= before - stream.ring.bytes();
        }
    }
}

/// Bytes over the last whole second.
#[derive(Default)]
struct Rate {
    second_began: Micros,
    bytes: u64,
    last: u64,
}

impl Rate {
    fn count(&mut self, bytes: u64, now: Micros) {
        let elapsed = now - self.second_began;
        if elapsed >= 1_000_000 {
            let per_second = u128::from(self.bytes) * 1_000_000 / u128::try_from(elapsed.max(1)).unwrap_or(1);
            self.last = u64::try_from(per_second).unwrap_or(u64::MAX);
            self.bytes = 0;
            self.second_began = now;
        }
        self.bytes += bytes;
    }

    fn bits_per_second(&self, now: Micros) -> u64 {
        match (now - self.second_began, self.last) {
            // A stream that fell silent sends nothing, whatever it sent before.
            (3_000_001.., _) => 0,
            // In its first second what came so far is the best there is to say.
            (_, 0) => self.bytes * 8,
            (_, last) => last * 8,
        }
    }
}
