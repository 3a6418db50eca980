//! The recorder's decisions: who may publish, which media is kept, which is dropped. No I/O, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use super::live::Moment;
use super::notice::Notice;
use super::publish::{EndReason, Refusal};
use super::push::PushParameters;
use super::rulebook::Rulebook;
use super::session::Session;
use super::status::StreamStatus;
use super::stream::{OnAir, Stream};
use super::tasks::{Task, TaskState, Tasks};
use crate::event::{PublishAbout, Recorded};
use crate::media::{MediaMessage, Micros, PublishId, StreamName};
use crate::store::{Command, OpenRecording};

/// The settings, which can change while the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSettings {
    /// How much of each stream stays in memory.
    pub pre_roll: Micros,
    /// Hard cap for all streams together, bytes. What waits for the card counts, too.
    pub ring_bytes: usize,
    /// A publisher silent for this long gives way to another.
    pub takeover_after: Micros,
}

pub(super) struct Core {
    pub(super) settings: RecorderSettings,
    /// Tape now is this plus CLOCK_BOOTTIME.
    pub(super) tape_base: Micros,
    streams: HashMap<StreamName, Stream>,
    /// A stream that is not known begins no earlier on its tape: it may have been known, and let go of.
    floor: Micros,
    pub(super) rulebook: Rulebook,
    pub(super) tasks: Tasks,
    /// Memory of all rings.
    ring_cost: usize,
    /// Memory of what waits in all publishes, on its way to the tape.
    in_hand: usize,
    /// Bytes that wait for the storage device; they share the memory of the rings.
    backlog: usize,
}

/// What waits in publishes may take this part of the rings' memory beside it, and at least so much.
const IN_HAND: usize = 2;
const IN_HAND_LEAST: usize = 8 << 20;

/// Streams off the air of which something is remembered: what is in memory of their tape, or that it goes further than now.
/// Of more, those go whose tape ended first.
pub(super) const REMEMBERED: usize = 1_000;

/// Nobody is silent for so long and then goes on where it was, but an encoder on a box that was suspended: its
/// timestamps slept, and CLOCK_BOOTTIME did not. What it sends belongs to another time, so to another publish.
const SLEPT: Micros = 600_000_000;

/// A publish that may begin.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) publish: PublishId,
    /// The silent publish it replaces.
    pub(super) replaced: Option<PublishId>,
    pub(super) recorded: Recorded,
}

impl Core {
    pub(super) fn new(settings: RecorderSettings, tape_base: Micros) -> Self {
        let mut rulebook = Rulebook::default();
        rulebook.configure(Vec::new(), Vec::new());
        Self {
            settings,
            tape_base,
            streams: HashMap::new(),
            floor: 0,
            rulebook,
            tasks: Tasks::default(),
            ring_cost: 0,
            in_hand: 0,
            backlog: 0,
        }
    }

    /// Goes on with recordings that wait for their publishers, and with tasks, which must be known before.
    pub(super) fn restore(
        &mut self,
        open: &[OpenRecording],
        now: Moment,
        clock_synced: bool,
        out: &mut Vec<Command>,
    ) {
        let tape_now = self.tape_base.saturating_add(now.boot);
        for open in open {
            if let Some(id) = &open.spec.about.task {
                let length = open.end.saturating_sub(open.start).max(0);
                let since = open.paused_utc.saturating_sub(length);
                self.tasks.has_recorded(id, since, open.paused_utc);
            }
            let session = Session::found(open, now, tape_now, clock_synced);
            let stream = self.stream_or_new(&open.stream);
            let same = |other: &&mut Session| other.spec.about.session == open.spec.about.session;
            match stream.sessions.iter_mut().find(same) {
                Some(other) => other.join(session),
                None => stream.sessions.push(session),
            }
        }
        let running = self.tasks.list(None, Some(TaskState::Running), None);
        let running: Vec<Task> = running.cloned().collect();
        for task in running {
            if let Some((start, end)) = task.when.window_at(now.utc) {
                self.arm(&task, start, end, now, out);
            }
        }
        self.tick(now, out);
    }

    pub(super) fn publish(
        &mut self,
        name: &StreamName,
        about: &Arc<PublishAbout>,
        asked: &PushParameters,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Begun, Refusal> {
        let takeover_after = self.settings.takeover_after;
        let on_air = self.streams.get(name).and_then(|stream| stream.live.as_ref());
        if let Some(on_air) = on_air {
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
        let replaced = on_air.map(|on_air| on_air.live.publish);
        if let Some(publish) = replaced {
            self.end(name, publish, &EndReason::TakenOver, now, out);
        }
        let from = out.len();
        let verdict = self.rulebook.verdict(name, about.domain.as_deref(), asked);
        let publish = PublishId::new(now.unix_millis());
        let tape_now = self.tape_base + now.boot;
        let stream = self.stream_or_new(name);
        let held = stream.ring.cost();
        let recorded = stream.enter(publish, tape_now, verdict, about, now, out);
        let (counted, in_hand) = (std::mem::take(&mut stream.counted), stream.in_hand());
        stream.counted = in_hand;
        self.ring_cost -= held;
        self.in_hand = self.in_hand.saturating_sub(counted).saturating_add(in_hand);
        self.keep_begun(from, now, out);
        Ok(Begun {
            publish,
            replaced,
            recorded,
        })
    }

    pub(super) fn push(
        &mut self,
        name: &StreamName,
        publish: PublishId,
        message: MediaMessage,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Option<Notice> {
        let stream = self.streams.get_mut(name)?;
        stream
            .live
            .as_ref()
            .filter(|on_air| on_air.live.publish == publish)?;
        let from = out.len();
        self.ring_cost -= stream.ring.cost();
        let notice = stream.push(message, self.settings.pre_roll, now, out);
        self.ring_cost += stream.ring.cost();
        count(&mut self.in_hand, stream);
        self.bound_rings();
        self.bound_in_hand(now, out);
        self.keep_begun(from, now, out);
        notice
    }

    /// Why a publish cannot go on where it was, if the box was suspended in the middle of it.
    pub(super) fn overslept(&self, name: &StreamName, publish: PublishId, now: Moment) -> Option<EndReason> {
        let on_air = self.on_air_as(name, publish)?;
        let silent = now.boot.saturating_sub(on_air.last_heard);
        let reason = || format!("nothing came for {} s: the box was suspended", silent / 1_000_000);
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
        if self.on_air_as(name, publish).is_none() {
            return;
        }
        let from = out.len();
        if let Some(stream) = self.streams.get_mut(name) {
            stream.leave(reason, now, out);
            count(&mut self.in_hand, stream);
        }
        self.keep_begun(from, now, out);
        let past = self.past(now);
        if self
            .streams
            .get(name)
            .is_some_and(|stream| stream.is_forgettable(past))
        {
            self.streams.remove(name);
        }
    }

    /// Time passes. Called once a second, and whenever somebody wants to know what is so now.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<Command>) {
        let from = out.len();
        while let Some(due) = self.tasks.due(now) {
            self.carry_out(due, now, out);
        }
        self.keep_begun(from, now, out);
        for stream in self.streams.values_mut().filter(|stream| stream.is_waiting()) {
            stream.tick(now, out);
        }
        self.forget(now);
    }

    /// A stream that is on the air.
    pub(super) fn on_air_stream(&mut self, name: &StreamName) -> Option<&mut Stream> {
        self.streams.get_mut(name).filter(|stream| stream.live.is_some())
    }

    /// A stream that is known, on the air or not.
    pub(super) fn stream(&mut self, name: &StreamName) -> Option<&mut Stream> {
        self.streams.get_mut(name)
    }

    /// A stream, known from now on if it was not before.
    pub(super) fn stream_or_new(&mut self, name: &StreamName) -> &mut Stream {
        let stream = self.streams.entry(name.clone());
        stream.or_insert_with(|| Stream::new(name.clone(), self.floor))
    }

    /// Every stream that is known.
    pub(super) fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.values_mut()
    }

    /// Tells how much waits for the card. The rings give way to it: what they hold is the same media for the most
    /// part, and nothing that waits is lost with them.
    pub(super) fn make_room(&mut self, backlog: usize) {
        self.backlog = backlog;
        self.bound_rings();
    }

    /// True when the publish is on the air and sends faster than time.
    pub(super) fn is_ahead(&self, name: &StreamName, publish: PublishId) -> bool {
        self.on_air_as(name, publish)
            .is_some_and(|on_air| on_air.live.is_ahead())
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
            .values()
            .filter_map(|stream| stream.status(now))
            .collect();
        list.sort_by(|a, b| a.stream.cmp(&b.stream));
        list
    }

    /// Media in all rings, bytes. For those who ask, not for every message.
    pub(super) fn ring_bytes(&self) -> usize {
        self.streams.values().map(|stream| stream.ring.bytes()).sum()
    }

    /// Memory of what waits in all publishes, and of the rings.
    #[cfg(test)]
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.in_hand, self.ring_cost)
    }

    /// Streams remembered, on the air or not.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.streams.len()
    }

    fn on_air_as(&self, name: &StreamName, publish: PublishId) -> Option<&OnAir> {
        let on_air = self.streams.get(name).and_then(|stream| stream.live.as_ref());
        on_air.filter(|on_air| on_air.live.publish == publish)
    }

    /// The ring outlives its publisher: a clip of what just happened may still be asked for. But not of everybody who ever sent
    /// something, or who may publish under many names could fill the memory with them.
    fn forget(&mut self, now: Moment) {
        let past = self.past(now);
        self.streams.retain(|_, stream| !stream.is_forgettable(past));
        let idle = || self.streams.iter().filter(|(_, stream)| stream.is_idle());
        let Some(excess @ 1..) = idle().count().checked_sub(REMEMBERED) else {
            return;
        };
        let mut idle: Vec<(Micros, StreamName)> = idle()
            .map(|(name, stream)| (stream.tape_end, name.clone()))
            .collect();
        idle.sort_unstable();
        for (tape_end, name) in idle.into_iter().take(excess) {
            if let Some(stream) = self.streams.remove(&name) {
                self.ring_cost -= stream.ring.cost();
            }
            // Its publisher was faster than time. Should it come back, it begins behind what it has, as others do then.
            self.floor = self.floor.max(tape_end);
        }
    }

    /// Tape time at which every stream that is not known would begin, or later.
    fn past(&self, now: Moment) -> Micros {
        self.tape_base.saturating_add(now.boot).max(self.floor)
    }

    /// Lets go of the oldest GOPs of whichever stream holds most, until all fit.
    fn bound_rings(&mut self) {
        while self.ring_cost > self.settings.ring_bytes.saturating_sub(self.backlog) {
            let fattest = self.streams.values_mut().max_by_key(|stream| stream.ring.cost());
            let Some(stream) = fattest else { return };
            let before = stream.ring.cost();
            if !stream.ring.drop_oldest() {
                return;
            }
            self.ring_cost -= before - stream.ring.cost();
        }
    }

    /// Hands over early what waits in whichever publish holds most, until all of it fits. Its fragments are smaller for it,
    /// and nothing is lost: the store has its own bound.
    fn bound_in_hand(&mut self, now: Moment, out: &mut Vec<Command>) {
        let most = (self.settings.ring_bytes / IN_HAND).max(IN_HAND_LEAST);
        while self.in_hand > most {
            let fattest = self.streams.values_mut().max_by_key(|stream| stream.counted);
            let Some(stream) = fattest.filter(|stream| stream.counted > 0) else {
                defect!(
                    "{} bytes are counted as in hand, and no stream holds any",
                    self.in_hand
                );
                self.in_hand = 0;
                return;
            };
            let before = stream.counted;
            stream.hurry(now, out);
            count(&mut self.in_hand, stream);
            if stream.counted >= before {
                return;
            }
        }
    }
}

/// Counts anew what is in hand of a stream.
fn count(in_hand: &mut usize, stream: &mut Stream) {
    let now = stream.in_hand();
    *in_hand = in_hand.saturating_sub(stream.counted).saturating_add(now);
    stream.counted = now;
}
