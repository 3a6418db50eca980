//! A store that believes all commands, and a box around the recorder that can crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{SETTINGS, audio_header, picture, sound, video_header};
use crate::config::{Rule, Template, TemplateSource};
use crate::event::PublishAbout;
use crate::media::{MediaMessage, Micros, PublishId, RecordingId, StreamName, TrackKind, rescale};
use crate::recorder::core::Core;
use crate::recorder::live::Moment;
use crate::recorder::orders::{RULES, TASKS, TEMPLATES};
use crate::recorder::publish::EndReason;
use crate::recorder::push::PushParameters;
use crate::store::{Change, Command, OpenRecording, RecordingSpec};

pub(super) const SECOND: Micros = 1_000_000;
/// UTC of CLOCK_BOOTTIME zero: a Monday in 2027, at midnight.
pub(super) const MONDAY: Micros = 1_798_416_000 * SECOND;

/// The store's view of a recording.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) stream: StreamName,
    pub(super) spec: Arc<RecordingSpec>,
    pub(super) start: Micros,
    pub(super) end: Option<Micros>,
    /// Tape time at which an open recording will end.
    pub(super) ends: Option<Micros>,
    pub(super) state: &'static str,
    pub(super) reason: String,
    pub(super) paused_utc: Micros,
    pub(super) resumed: u32,
}

/// A sample on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OnTape {
    pub(super) at: Micros,
    pub(super) video: bool,
    pub(super) key: bool,
}

/// A box: the recorder, its clocks, and its commands to the store.
pub(super) struct Machine {
    pub(super) core: Core,
    pub(super) boot: Micros,
    /// UTC less CLOCK_BOOTTIME.
    pub(super) utc: Micros,
    pub(super) recordings: BTreeMap<RecordingId, Entry>,
    pub(super) order: Vec<RecordingId>,
    publishes: BTreeMap<PublishId, (StreamName, Micros)>,
    pub(super) tape: BTreeMap<StreamName, Vec<OnTape>>,
    pub(super) kept: BTreeMap<(&'static str, String), String>,
    pub(super) reports: Vec<crate::event::Event>,
    configured: (Vec<Template>, Vec<Rule>),
    /// Media time of each stream's publish, ms.
    media: BTreeMap<StreamName, u32>,
    pub(super) live: BTreeMap<StreamName, PublishId>,
    /// Number of commands that still reach the store before the power goes.
    pub(super) power: Option<usize>,
    /// Publishes that began on the tape after their event was sent.
    pub(super) quiet: usize,
}

impl Machine {
    /// A box with templates (as TOML) and rules in force.
    pub(super) fn with(templates: &[&str], rules: Vec<Rule>) -> Self {
        let parse = |text: &&str| -> Template {
            let source: TemplateSource = toml::from_str(text).unwrap();
            source.try_into().unwrap()
        };
        let configured = (templates.iter().map(parse).collect::<Vec<_>>(), rules);
        let mut core = Core::new(SETTINGS, 1_000 * SECOND);
        core.rulebook
            .configure(configured.0.clone(), configured.1.clone());
        Self {
            core,
            boot: 50 * SECOND,
            utc: MONDAY,
            recordings: BTreeMap::new(),
            order: Vec::new(),
            publishes: BTreeMap::new(),
            tape: BTreeMap::new(),
            kept: BTreeMap::new(),
            reports: Vec::new(),
            configured,
            media: BTreeMap::new(),
            live: BTreeMap::new(),
            power: None,
            quiet: 0,
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            boot: self.boot,
            utc: self.utc + self.boot,
        }
    }

    /// Calls the recorder, and hands its commands to the store.
    pub(super) fn ask<T>(&mut self, ask: impl FnOnce(&mut Core, Moment, &mut Vec<Command>) -> T) -> T {
        let mut out = Vec::new();
        let now = self.now();
        let result = ask(&mut self.core, now, &mut out);
        out.into_iter().for_each(|command| self.take(command));
        result
    }

    /// A publish with both tracks begins.
    pub(super) fn begin(&mut self, stream: &str) {
        self.begin_with(stream, "");
    }

    pub(super) fn begin_with(&mut self, stream: &str, query: &str) {
        let name: StreamName = stream.parse().unwrap();
        let asked = PushParameters::parse(query);
        let about = Arc::new(PublishAbout {
            domain: Some("box.example".to_owned()),
            ..PublishAbout::default()
        });
        let begun = self.ask(|core, now, out| core.publish(&name, &about, &asked, now, out));
        self.live.insert(name.clone(), begun.unwrap().publish);
        self.media.insert(name, 0);
        self.send(stream, video_header(640));
        self.send(stream, audio_header());
    }

    pub(super) fn send(&mut self, stream: &str, message: MediaMessage) {
        let name: StreamName = stream.parse().unwrap();
        let publish = self.live[&name];
        self.ask(|core, now, out| core.push(&name, publish, message, now, out));
    }

    /// Plays both tracks in real time for so many seconds, with a keyframe every two seconds; sound comes 60 ms late. The
    /// recorder's clock ticks once a second.
    pub(super) fn play(&mut self, stream: &str, seconds: u32) {
        self.play_gop(stream, seconds * 1_000, 2_000);
    }

    pub(super) fn play_gop(&mut self, stream: &str, millis: u32, gop_ms: u32) {
        let name: StreamName = stream.parse().unwrap();
        let from = self.media[&name];
        for ms in (from..from + millis).step_by(20) {
            self.boot += 20_000;
            if ms % 40 == 0 {
                self.send(stream, picture(ms, ms % gop_ms == 0));
            }
            if let Some(late) = ms.checked_sub(60) {
                self.send(stream, sound(late));
            }
            if ms % 1_000 == 0 {
                self.ask(|core, now, out| core.tick(now, out));
            }
        }
        self.media.insert(name, from + millis);
    }

    pub(super) fn end(&mut self, stream: &str, reason: &EndReason) {
        let name: StreamName = stream.parse().unwrap();
        let publish = self.live.remove(&name).unwrap();
        self.ask(|core, now, out| core.end(&name, publish, reason, now, out));
    }

    pub(super) fn break_off(&mut self, stream: &str) {
        self.end(stream, &EndReason::Broken("reset".to_owned()));
    }

    /// Lets time pass without media.
    pub(super) fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.boot += SECOND;
            self.ask(|core, now, out| core.tick(now, out));
        }
    }

    /// Ends the process, and starts it again `down` later. The commands up to here are in the store. Everything that was open
    /// is left as the store's recovery leaves it.
    pub(super) fn crash(&mut self, down: Micros) {
        let (died, tape_died) = (self.utc + self.boot, self.core.tape_base + self.boot);
        self.live.clear();
        self.power = None;
        self.boot += down;
        let mut open = Vec::new();
        // A recording without any tape is gone.
        let tape = &self.tape;
        let recordings = &mut self.recordings;
        recordings.retain(|_, entry| {
            let samples = tape.get(&entry.stream).into_iter().flatten();
            let end = entry.end.or(entry.ends).unwrap_or(Micros::MAX);
            samples
                .into_iter()
                .any(|sample| (entry.start..end).contains(&sample.at))
        });
        self.order.retain(|id| recordings.contains_key(id));
        for (id, entry) in &mut self.recordings {
            if entry.state == "closed" {
                continue;
            }
            let samples = self.tape.get(&entry.stream);
            let of_it = samples
                .into_iter()
                .flatten()
                .filter(|sample| sample.at >= entry.start);
            let tape_end = of_it.map(|sample| sample.at + 20_000).max();
            let end = entry.end.or(tape_end).unwrap_or(entry.start);
            entry.end = Some(end);
            if let Some(ends) = entry.ends {
                (entry.state, entry.end) = ("closed", Some(ends));
                continue;
            }
            if entry.spec.output.resume.window.as_millis() == 0 {
                entry.state = "closed";
                entry.reason = "unclean shutdown".to_owned();
                continue;
            }
            if entry.state == "open" {
                entry.state = "paused";
                entry.paused_utc = died - (tape_died - end).max(0);
            }
            open.push(OpenRecording {
                recording: *id,
                stream: entry.stream.clone(),
                spec: (*entry.spec).clone(),
                start: entry.start,
                end,
                paused_utc: entry.paused_utc,
                clock_synced: true,
                bytes: 0,
            });
        }
        let last = self.tape.values().flatten().map(|sample| sample.at).max();
        let base = last.unwrap_or(0) + 10 * SECOND - self.boot;
        self.core = Core::new(SETTINGS, base);
        self.core
            .rulebook
            .configure(self.configured.0.clone(), self.configured.1.clone());
        let now = self.now();
        let mut out = Vec::new();
        for ((namespace, _), body) in &self.kept {
            match *namespace {
                TEMPLATES => self
                    .core
                    .rulebook
                    .put_template(serde_json::from_str(body).unwrap())
                    .unwrap(),
                RULES => self
                    .core
                    .rulebook
                    .put_rule(serde_json::from_str(body).unwrap())
                    .unwrap(),
                TASKS => self.core.tasks.found(serde_json::from_str(body).unwrap(), now),
                other => panic!("{other}"),
            }
        }
        self.core.restore(&open, now, true, &mut out);
        out.into_iter().for_each(|command| self.take(command));
    }

    /// The recordings in the order in which they began: `[origin] formats state media-milliseconds`.
    pub(super) fn table(&self) -> Vec<String> {
        let line = |id: &RecordingId| {
            let entry = &self.recordings[id];
            let formats: Vec<&str> = entry
                .spec
                .output
                .formats
                .iter()
                .map(|format| format.as_str())
                .collect();
            let samples = self.samples(*id).into_iter().filter(|sample| sample.video);
            format!(
                "{} {}#{} {} {}",
                entry.spec.about.origin.as_str(),
                formats.join("+"),
                entry.spec.about.number,
                entry.state,
                samples.count() as f64 / 25.0
            )
        };
        self.order.iter().map(line).collect()
    }

    /// The samples that belong to a recording, in the order of the tape.
    pub(super) fn samples(&self, id: RecordingId) -> Vec<OnTape> {
        let entry = &self.recordings[&id];
        let end = entry.end.filter(|_| entry.state != "open").unwrap_or(Micros::MAX);
        let tape = self.tape.get(&entry.stream).into_iter().flatten();
        tape.filter(|sample| (entry.start..end).contains(&sample.at))
            .copied()
            .collect()
    }

    /// Checks the invariants of every state.
    pub(super) fn check(&self) {
        for (stream, tape) in &self.tape {
            for video in [true, false] {
                let track: Vec<Micros> = tape.iter().filter(|s| s.video == video).map(|s| s.at).collect();
                assert!(track.is_sorted(), "{stream}: a track of the tape goes back");
                let mut once = track.clone();
                once.dedup();
                assert_eq!(once.len(), track.len(), "{stream}: a sample is on the tape twice");
            }
        }
        for (id, entry) in &self.recordings {
            let samples = self.samples(*id);
            if let Some(first) = samples.iter().find(|sample| sample.video) {
                // The exception is a recording that was split after it had waited long enough for a keyframe.
                let split = |other: &Entry| other.end.or(other.ends) == Some(entry.start);
                let forced = entry.spec.about.number > 1 && self.recordings.values().any(split);
                assert!(first.key || forced, "{id} begins without a keyframe: {entry:?}");
            }
        }
        // Recordings of one output of a session never overlap.
        let mut outputs: BTreeMap<_, Vec<(Micros, Micros)>> = BTreeMap::new();
        for entry in self.recordings.values() {
            let formats: Vec<&str> = entry
                .spec
                .output
                .formats
                .iter()
                .map(|format| format.as_str())
                .collect();
            let end = entry.end.filter(|_| entry.state != "open").or(entry.ends);
            let end = end.unwrap_or(Micros::MAX);
            let output = outputs
                .entry((entry.spec.about.session.clone(), formats))
                .or_default();
            output.push((entry.start, end));
        }
        for (output, mut ranges) in outputs {
            ranges.sort_unstable();
            let overlap = ranges.windows(2).any(|pair| pair[0].1 > pair[1].0);
            assert!(!overlap, "{output:?}: {ranges:?}");
        }
    }

    fn take(&mut self, command: Command) {
        match &mut self.power {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        match command {
            Command::PublishStarted {
                publish,
                stream,
                tape_zero,
                tell,
                ..
            } => {
                self.quiet += usize::from(tell.is_none());
                self.publishes.insert(publish, (stream, tape_zero));
            }
            Command::RecordingStarted {
                recording,
                publish,
                start,
                spec,
                ..
            } => {
                let stream = self.publishes[&publish].0.clone();
                self.order.push(recording);
                let entry = Entry {
                    stream,
                    spec,
                    start,
                    end: None,
                    ends: None,
                    state: "open",
                    reason: String::new(),
                    paused_utc: 0,
                    resumed: 0,
                };
                assert!(
                    self.recordings.insert(recording, entry).is_none(),
                    "started twice"
                );
            }
            Command::RecordingPaused {
                recording,
                end,
                reason,
            } => {
                let utc = self.utc + self.boot;
                let entry = self.recordings.get_mut(&recording).unwrap();
                assert_eq!(entry.state, "open");
                (entry.state, entry.end, entry.reason) = ("paused", Some(end), reason);
                entry.paused_utc = utc;
            }
            Command::RecordingResumed { recording, start, .. } => {
                let entry = self.recordings.get_mut(&recording).unwrap();
                assert_eq!(entry.state, "paused");
                assert!(entry.end.is_some_and(|end| end <= start));
                (entry.state, entry.end) = ("open", None);
                entry.resumed += 1;
            }
            Command::RecordingEnds { recording, end } => {
                self.recordings.get_mut(&recording).unwrap().ends = Some(end);
            }
            Command::RecordingClosed {
                recording,
                end,
                reason,
            } => {
                let entry = self.recordings.get_mut(&recording).unwrap();
                assert_ne!(entry.state, "closed", "closed twice");
                (entry.state, entry.end, entry.reason) = ("closed", Some(end), reason);
            }
            Command::Append { publish, fragment } => {
                let (stream, zero) = self.publishes[&publish].clone();
                let tape = self.tape.entry(stream.clone()).or_default();
                for frame in fragment.video.iter().chain(&fragment.audio) {
                    let scale = fragment.tracks.timescale(frame.kind).unwrap();
                    let at = zero + rescale(frame.dts, scale, SECOND as u64 as _);
                    // A recording that is closed is complete: no later sample belongs to it.
                    for entry in self.recordings.values().filter(|entry| entry.stream == stream) {
                        let closed = entry.state == "closed";
                        let inside = (entry.start..entry.end.unwrap_or(0)).contains(&at);
                        assert!(!closed || !inside, "a sample of a closed recording came late");
                    }
                    tape.push(OnTape {
                        at,
                        video: frame.kind == TrackKind::Video,
                        key: frame.key,
                    });
                }
            }
            Command::Change(Change::Keep {
                namespace,
                id,
                body,
                tell,
            }) => {
                self.reports.extend(tell);
                match body {
                    Some(body) => self.kept.insert((namespace, id), body),
                    None => self.kept.remove(&(namespace, id)),
                };
            }
            Command::Report { event } => self.reports.push(event),
            _ => {}
        }
    }
}
