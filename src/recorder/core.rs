//! The recorder's decisions: who may publish, which media is kept, which is dropped. No I/O, no clock.

mod memory;

use std::collections::HashMap;
use std::sync::Arc;

use memory::count;

use super::chunks::Numbered;
use super::counts::Counts;
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
    /// Hard limit for all streams together, bytes. Media that waits for the card counts, too.
    pub ring_bytes: usize,
    /// A publisher silent for this long gives way to another.
    pub takeover_after: Micros,
    /// How much of a stream that nobody records is played out of memory; 0 where no such stream is played. A change holds for
    /// numbers of chunks from the next publish on.
    pub live_window: Micros,
    /// There is a server for viewers, who play streams by their names.
    pub is_viewed: bool,
    /// There is a master key: what nobody knows how to treat any more is not given away in clear.
    pub has_master_key: bool,
}

pub(super) struct Core {
    pub(super) settings: RecorderSettings,
    /// Added to CLOCK_BOOTTIME, it gives the present tape time.
    pub(super) tape_base: Micros,
    streams: HashMap<StreamName, Stream>,
    /// The earliest tape time at which an unknown stream may begin: the stream may have been known, and forgotten.
    floor: Micros,
    /// Where the numbers of an unknown stream's chunks begin: the stream may have been known, and forgotten.
    numbered: Numbered,
    /// The target durations of streams whose last publish ended shortly before the start.
    targets: HashMap<StreamName, (u16, Micros)>,
    pub(super) rulebook: Rulebook,
    pub(super) tasks: Tasks,
    pub(super) counts: Counts,
    /// Memory of all rings.
    ring_cost: usize,
    /// Memory of the frames that wait in all publishes for their fragments.
    in_hand: usize,
    /// Bytes that wait for the storage device; they share the memory of the rings.
    backlog: usize,
}

/// Most streams off the air that are remembered, because their tape is in memory or goes further than now. Beyond this number,
/// the streams whose tape ended first are forgotten.
pub(super) const REMEMBERED: usize = 1_000;

/// No publisher is silent for so long and then goes on where it was, except an encoder on a box that was suspended. There
/// the timestamps stopped, and CLOCK_BOOTTIME did not. Its media belongs to another time, and so to another publish.
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
    /// True while a session may record more.
    pub(super) fn has_session(&self, session: &str) -> bool {
        let mut sessions = self.streams.values().flat_map(|stream| &stream.sessions);
        sessions.any(|of| of.spec.about.session == session)
    }

    pub(super) fn new(settings: RecorderSettings, tape_base: Micros) -> Self {
        let mut rulebook = Rulebook::default();
        rulebook.configure(Vec::new(), Vec::new());
        Self {
            settings,
            tape_base,
            streams: HashMap::new(),
            floor: 0,
            numbered: Numbered::default(),
            targets: HashMap::new(),
            rulebook,
            tasks: Tasks::default(),
            counts: Counts::default(),
            ring_cost: 0,
            in_hand: 0,
            backlog: 0,
        }
    }

    /// Restores recordings that wait for their publishers. Tasks must be restored before.
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
        let played = self.settings.live_window > 0;
        let stream = self.stream_or_new(name);
        let held = stream.ring.cost();
        let recorded = stream.enter((publish, played), tape_now, verdict, about, now, out);
        let (counted, in_hand) = (std::mem::take(&mut stream.held), stream.in_hand());
        stream.held = in_hand;
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
        let kept = self.settings.pre_roll.max(self.settings.live_window);
        let notice = stream.push(message, kept, now, out);
        self.ring_cost += stream.ring.cost();
        count(&mut self.in_hand, stream);
        self.bound_rings();
        self.bound_in_hand(now, out);
        self.keep_begun(from, now, out);
        notice
    }

    /// The reason why a publish cannot go on where it was, if the box was suspended in the middle of it.
    pub(super) fn overslept(&self, name: &StreamName, publish: PublishId, now: Moment) -> Option<EndReason> {
        let on_air = self.on_air_as(name, publish)?;
        let silent = now.boot.saturating_sub(on_air.last_heard);
        let reason = || format!("nothing came for {} s: the box was suspended", silent / 1_000_000);
        (silent > SLEPT).then(|| EndReason::Broken(reason()))
    }

    /// Ends a publish; has no effect when it is no longer on the air.
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
            count_received(&mut self.counts, stream);
            stream.leave(reason, now, out);
            count(&mut self.in_hand, stream);
        }
        self.keep_begun(from, now, out);
        let past = self.past(now);
        if self
            .streams
            .get(name)
            .is_some_and(|stream| stream.is_forgettable(past))
            && let Some(stream) = self.streams.remove(name)
        {
            self.count_from(stream.numbered.next());
        }
    }

    /// Does the work that is due by now. Called once a second, and before each question about the present state.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<Command>) {
        let from = out.len();
        while let Some(due) = self.tasks.due(now) {
            self.carry_out(due, now, out);
        }
        self.keep_begun(from, now, out);
        for stream in self.streams.values_mut().filter(|stream| stream.is_waiting()) {
            stream.tick(now, out);
        }
        self.count_received();
        self.forget(now);
    }

    /// Counts the media that came in since the last call. The first second of a publish waits: what comes of the publish says
    /// where it counts.
    fn count_received(&mut self) {
        let told = self
            .streams
            .values_mut()
            .filter(|stream| stream.is_worth_telling());
        told.for_each(|stream| count_received(&mut self.counts, stream));
    }

    /// The counts up to now. Streams that a rule names are among them.
    pub(super) fn counted(&mut self) -> Counts {
        self.count_received();
        let mut counts = self.counts.clone();
        counts.know(self.rulebook.named());
        counts
    }

    /// A stream that is on the air.
    pub(super) fn on_air_stream(&mut self, name: &StreamName) -> Option<&mut Stream> {
        self.streams.get_mut(name).filter(|stream| stream.live.is_some())
    }

    /// A stream that is known, on the air or not.
    pub(super) fn stream(&mut self, name: &StreamName) -> Option<&mut Stream> {
        self.streams.get_mut(name)
    }

    /// A stream, which is added if it was not known.
    pub(super) fn stream_or_new(&mut self, name: &StreamName) -> &mut Stream {
        let stream = self.streams.entry(name.clone());
        stream.or_insert_with(|| {
            let numbered = match self.targets.remove(name) {
                Some((target_s, end)) => self.numbered.with_target(target_s, end),
                None => self.numbered,
            };
            Stream::new(name.clone(), self.floor, numbered)
        })
    }

    /// Every stream that is known.
    pub(super) fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.values_mut()
    }

    /// True when the publish is on the air and sends faster than real time.
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
            .filter_map(|stream| stream.status(now, self.settings.live_window > 0))
            .collect();
        list.sort_by(|a, b| a.stream.cmp(&b.stream));
        list
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

    /// Forgets streams. A ring outlives its publisher, because a clip of the last minutes may still be asked for. The number of
    /// such rings is limited: otherwise a publisher with many stream names could fill the memory.
    fn forget(&mut self, now: Moment) {
        let past = self.past(now);
        let mut counted = self.numbered.next();
        self.streams.retain(|_, stream| {
            let stays = !stream.is_forgettable(past);
            if !stays {
                counted = counted.max(stream.numbered.next());
            }
            stays
        });
        self.count_from(counted);
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
                self.count_from(stream.numbered.next());
            }
            // The publisher was faster than real time. If it comes back, its tape begins behind this end, as it does for other
            // streams.
            self.floor = self.floor.max(tape_end);
        }
    }

    /// Counts the chunks of streams that are not known from `number` on, or later.
    pub(super) fn count_from(&mut self, number: u64) {
        self.numbered = Numbered::from(number.max(self.numbered.next()));
    }

    /// Takes over the target durations of streams, each with the tape time at which its last publish ended.
    pub(super) fn inherit(&mut self, targets: impl IntoIterator<Item = (StreamName, (u16, Micros))>) {
        self.targets.extend(targets);
    }

    /// Tape time at which any unknown stream would begin, or later.
    fn past(&self, now: Moment) -> Micros {
        self.tape_base.saturating_add(now.boot).max(self.floor)
    }
}

/// Counts the media of a stream that came in since the last call.
fn count_received(counts: &mut Counts, stream: &mut Stream) {
    if let Some((received, heard)) = stream.take_received() {
        counts.receive(&stream.name, stream.is_recorded(), received, heard);
    }
}
