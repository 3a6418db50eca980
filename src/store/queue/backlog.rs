//! The commands that wait for the storage thread, and the media that is dropped when they need more memory than allowed. Pure.
//!
//! When a storage device stalls, the backlog drops whole GOPs, oldest first, from the publish that holds most. After a gap, a
//! publish always continues with a keyframe. A mark in the queue takes the place of each gap.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::media::{Fragment, PublishId};
use crate::store::{Command, Refused};

#[cfg(test)]
mod tests;

/// The cost of any command beside its media.
const COMMAND_COST: usize = 256;
/// Beginnings and reports may take this part of the limit. When they fill it, the card has been stuck for hours. An end is
/// always taken: it closes what is open, and for each end there was a beginning.
const CONTROL_SHARE: usize = 2;

/// The reason of the gaps that the backlog makes.
const STALLED: &str = "the storage device did not accept the media in time";

/// Commands in their order, within a limit.
pub(in crate::store) struct Backlog {
    commands: BTreeMap<u64, Command>,
    next: u64,
    publishes: HashMap<PublishId, Line>,
    /// Bytes of the commands that wait, and of those that were taken and are not carried out yet.
    cost: usize,
    /// Bytes of the waiting commands that carry no media.
    control: usize,
    limit: usize,
}

/// The waiting commands of one publish.
#[derive(Default)]
struct Line {
    appends: VecDeque<Waiting>,
    cost: usize,
    /// The mark of a gap that still waits. Media of the publish waits only behind it.
    gap: Option<u64>,
    /// The gap reaches up to here: nothing can be decoded before the next keyframe.
    broken: bool,
}

struct Waiting {
    at: u64,
    cost: usize,
    entry: bool,
}

impl Backlog {
    pub(in crate::store) fn new(limit: usize) -> Self {
        Self {
            commands: BTreeMap::new(),
            next: 0,
            publishes: HashMap::new(),
            cost: 0,
            control: 0,
            limit,
        }
    }

    /// Bytes that wait or are being written.
    pub(in crate::store) fn cost(&self) -> usize {
        self.cost
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Sets another limit; returns the bytes of media that were dropped for it.
    pub(in crate::store) fn set_limit(&mut self, limit: usize) -> u64 {
        self.limit = limit;
        self.shrink()
    }

    /// Takes a command in; returns the bytes of media that were dropped for it.
    pub(in crate::store) fn put(&mut self, command: Command) -> Result<u64, Refused> {
        let can_wait = matches!(
            command,
            Command::PublishStarted { .. } | Command::RecordingStarted { .. } | Command::Report { .. }
        );
        match command {
            Command::Append { publish, fragment } => return Ok(self.append(publish, fragment)),
            _ if can_wait && self.control.saturating_add(COMMAND_COST) > self.limit / CONTROL_SHARE => {
                return Err(Refused::Full {
                    waiting: self.control,
                    limit: self.limit / CONTROL_SHARE,
                });
            }
            command => {
                let at = self.place();
                self.enter(at, command);
            }
        }
        Ok(self.shrink())
    }

    /// Takes the oldest commands, about `most` bytes of them and at least one. They count until they are [`done`](Self::done);
    /// their cost is returned, too.
    pub(in crate::store) fn take(&mut self, most: usize) -> (Vec<Command>, usize) {
        let (mut taken, mut cost) = (Vec::new(), 0usize);
        while cost < most
            && let Some((at, command)) = self.commands.pop_first()
        {
            let own = cost_of(&command);
            cost = cost.saturating_add(own);
            match &command {
                Command::Append { publish, .. } => self.forget(*publish, |line| {
                    let front = line.appends.pop_front();
                    if front.map(|waiting| waiting.at) != Some(at) {
                        defect!("what waits for the storage device is not in order");
                    }
                    line.cost = line.cost.saturating_sub(own);
                }),
                other => {
                    self.control = self.control.saturating_sub(own);
                    match other {
                        Command::Gap { publish, .. } => self.forget(*publish, |line| line.gap = None),
                        Command::PublishEnded { publish, .. } => {
                            self.publishes.remove(publish);
                        }
                        _ => {}
                    }
                }
            }
            taken.push(command);
        }
        (taken, cost)
    }

    /// The storage thread has carried out commands of this cost.
    pub(in crate::store) fn done(&mut self, cost: usize) {
        self.cost = self.cost.saturating_sub(cost);
    }

    /// Takes out the caller that waits for everything to be sealed, before its turn.
    pub(in crate::store) fn take_seal(&mut self) -> Option<oneshot::Sender<Result<(), String>>> {
        let mut waiting = self.commands.iter();
        let at = waiting.find_map(|(at, command)| matches!(command, Command::Seal { .. }).then_some(*at))?;
        match self.commands.remove(&at)? {
            Command::Seal { done } => {
                self.control = self.control.saturating_sub(COMMAND_COST);
                self.cost = self.cost.saturating_sub(COMMAND_COST);
                Some(done)
            }
            _ => None,
        }
    }

    fn append(&mut self, publish: PublishId, fragment: Fragment) -> u64 {
        let entry = fragment.is_entry();
        let line = self.publishes.entry(publish).or_default();
        line.broken &= !entry;
        if line.broken {
            let at = self.place();
            let bytes = fragment.payload_bytes() as u64;
            self.mark(publish, at, fragment.span(), bytes);
            return bytes.saturating_add(self.shrink());
        }
        let at = self.place();
        let command = Command::Append { publish, fragment };
        let cost = cost_of(&command);
        if let Some(line) = self.publishes.get_mut(&publish) {
            line.cost = line.cost.saturating_add(cost);
            line.appends.push_back(Waiting { at, cost, entry });
        }
        self.enter(at, command);
        self.shrink()
    }

    /// Drops GOPs until the limit holds; returns the bytes of media that were dropped. A fragment larger than the limit passes
    /// when it is alone.
    fn shrink(&mut self) -> u64 {
        let mut bytes = 0u64;
        while self.cost > self.limit && self.commands.len() > 1 {
            match self.let_go() {
                Some(went) => bytes = bytes.saturating_add(went),
                None => break,
            }
        }
        bytes
    }

    /// Drops the oldest GOP, or the rest of it, of the publish that holds most.
    fn let_go(&mut self) -> Option<u64> {
        let holding = self.publishes.iter().filter(|(_, line)| line.cost > 0);
        let publish = *holding.max_by_key(|(_, line)| line.cost)?.0;
        let line = self.publishes.get_mut(&publish)?;
        let first = line.appends.front()?.at;
        let rest = line.appends.iter().skip(1);
        let len = 1 + rest.take_while(|waiting| !waiting.entry).count();
        let gop: Vec<Waiting> = line.appends.drain(..len).collect();
        line.broken = line.appends.is_empty();
        let mut bytes = 0u64;
        let mut span: Option<(i64, i64)> = None;
        for waiting in gop {
            line.cost = line.cost.saturating_sub(waiting.cost);
            self.cost = self.cost.saturating_sub(waiting.cost);
            if let Some(Command::Append { fragment, .. }) = self.commands.remove(&waiting.at) {
                bytes = bytes.saturating_add(fragment.payload_bytes() as u64);
                let (from, to) = fragment.span();
                span = Some(span.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
            }
        }
        self.mark(publish, first, span?, bytes);
        Some(bytes)
    }

    /// Marks a gap at this place, or extends the mark that waits.
    fn mark(&mut self, publish: PublishId, at: u64, (from, to): (i64, i64), bytes: u64) {
        let line = self.publishes.entry(publish).or_default();
        let earlier = line.gap.and_then(|gap| self.commands.get_mut(&gap));
        if let Some(Command::Gap {
            from: begin,
            to: end,
            bytes: gone,
            ..
        }) = earlier
        {
            *begin = from.min(*begin);
            *end = to.max(*end);
            *gone = gone.saturating_add(bytes);
            return;
        }
        line.gap = Some(at);
        let reason = STALLED;
        let gap = Command::Gap {
            publish,
            from,
            to,
            bytes,
            reason,
        };
        self.enter(at, gap);
    }

    fn place(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn enter(&mut self, at: u64, command: Command) {
        let cost = cost_of(&command);
        self.cost = self.cost.saturating_add(cost);
        if !matches!(command, Command::Append { .. }) {
            self.control = self.control.saturating_add(cost);
        }
        self.commands.insert(at, command);
    }

    /// Changes the line of a publish, and forgets a line that has nothing left.
    fn forget(&mut self, publish: PublishId, change: impl FnOnce(&mut Line)) {
        let Some(line) = self.publishes.get_mut(&publish) else {
            return;
        };
        change(line);
        if line.appends.is_empty() && line.gap.is_none() && !line.broken {
            self.publishes.remove(&publish);
        }
    }
}

fn cost_of(command: &Command) -> usize {
    match command {
        Command::Append { fragment, .. } => fragment.cost().saturating_add(COMMAND_COST),
        _ => COMMAND_COST,
    }
}
