//! Logging that never blocks the code that logs.
//!
//! Lines go through a bounded queue to a thread of their own. A terminal that is not read, or a journald that does not answer,
//! costs lines and never a frame. The number of lost lines is logged as soon as there is space. [`Limits`] bounds the lines
//! about one publisher.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::limits::{LeftOut, Limits};
use super::{filter, recent};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};

/// The environment variable that filters the log from the start on.
const VARIABLE: &str = "EDGEREEL_LOG";
/// The most characters of one field that are written.
const LONGEST: usize = 1024;
/// The most lines that may wait.
const QUEUE: usize = 1024;
/// How long the end of the process may wait for the log.
const FLUSH: Duration = Duration::from_millis(500);
/// While lines are left out, the thread checks so often whether their number is due.
const LOOK: Duration = Duration::from_secs(1);
static LOST: AtomicU64 = AtomicU64::new(0);
/// The filter, which can be changed while the process runs.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();
static SENDER: OnceLock<SyncSender<Entry>> = OnceLock::new();

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// journald when systemd started the process, else the terminal.
    Service,
    /// The terminal, warnings and errors only: for commands whose output is the point.
    Quiet,
}

/// Starts logging for this process. The variable `EDGEREEL_LOG` holds a filter in the syntax of tracing (`info` by default).
pub fn init_log(target: LogTarget) {
    let default = if target == LogTarget::Quiet {
        LevelFilter::WARN
    } else {
        LevelFilter::INFO
    };
    // A wrong filter keeps no service from recording and no command from its output.
    let asked = std::env::var(VARIABLE).ok().filter(|asked| !asked.is_empty());
    let (asked, wrong) = match asked.map(|asked| filter::read(&asked)) {
        None => (None, None),
        Some(Ok(asked)) => (Some(asked), None),
        Some(Err(wrong)) => (None, Some(wrong)),
    };
    let (filter, renamed) = match asked {
        Some(asked) => (asked.targets, asked.renamed),
        None => (Targets::new().with_default(default), Vec::new()),
    };
    let (sender, receiver) = sync_channel(QUEUE);
    let journald = target == LogTarget::Service && std::env::var_os("JOURNAL_STREAM").is_some();
    let limits = Shared::default();
    let counted = limits.clone();
    let spawned = thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&receiver, &counted, journald));
    if spawned.is_err() {
        return;
    }
    let _ = SENDER.set(sender.clone());
    let (filter, handle) = reload::Layer::new(filter);
    let _ = FILTER.set(handle);
    let subscriber = Registry::default().with(filter).with(Queued { sender, limits });
    // A second call, as tests make, changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(wrong) = wrong {
        tracing::warn!("{VARIABLE} is not taken, so {default} is logged: {wrong}");
    }
    tell_renamed(&renamed);
}

/// Sets another filter from now on, in the syntax of tracing.
pub(super) fn set_log(filter: &str) -> Result<(), String> {
    let read = filter::read(filter)?;
    let handle = FILTER.get().ok_or("nothing is logged")?;
    handle.reload(read.targets).map_err(|error| error.to_string())?;
    tell_renamed(&read.renamed);
    Ok(())
}

fn tell_renamed(names: &[(&str, &str)]) {
    for (old, new) in names {
        tracing::warn!(
            "the log's filter: {old} is called {new} now; the old name will not be understood for ever"
        );
    }
}

/// The number of lines that were lost since the start.
pub(super) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Waits until the lines logged so far are written, for at most half a second. Called before the process ends.
pub fn flush_log() {
    let Some(sender) = SENDER.get() else { return };
    let (done, written) = sync_channel(1);
    if sender.try_send(Entry::Flush(done)).is_ok() {
        let _ = written.recv_timeout(FLUSH);
    }
}

/// The limits, shared by the threads that log and the thread that writes the number of lines left out.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Limits>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    Line(Line),
    /// A line was left out: the thread has to write the number later.
    LeftOut,
    Flush(SyncSender<()>),
}

struct Line {
    level: Level,
    fields: Fields,
    time: jiff::Timestamp,
}

struct Queued {
    sender: SyncSender<Entry>,
    limits: Shared,
}

impl Queued {
    /// Whether a line may be written: its publisher has not caused too many. All lines of `debug` and `trace` are written, for
    /// whoever asked for them.
    fn may_write(&self, event: &Event<'_>, fields: &Fields) -> bool {
        if *event.metadata().level() > Level::INFO {
            return true;
        }
        let mut limits = self.limits.lock();
        let waited = limits.waits();
        let may = limits.may_write(
            &event.metadata().callsite(),
            fields.stream.as_deref(),
            fields.peer.as_deref(),
            &fields.message,
            Instant::now(),
        );
        if !waited && limits.waits() {
            // Where the queue is full, the entries in it wake the thread as well.
            let _ = self.sender.try_send(Entry::LeftOut);
        }
        may
    }
}

/// The fields of a span, written once when it begins.
struct SpanFields(Fields);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Queued {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::Id,
        context: Context<'_, S>,
    ) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &tracing::Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(SpanFields(of_span)) = span.extensions().get::<SpanFields>() {
                fields.inherit(of_span);
            }
        }
        event.record(&mut fields);
        if !self.may_write(event, &fields) {
            return;
        }
        let line = Line {
            level: *event.metadata().level(),
            fields,
            time: jiff::Timestamp::now(),
        };
        if self.sender.try_send(Entry::Line(line)).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The fields of a line. The four that people search a journal by become journal fields of their own.
#[derive(Clone, Default)]
struct Fields {
    stream: Option<String>,
    recording: Option<String>,
    segment: Option<String>,
    peer: Option<String>,
    others: String,
    message: String,
}

impl Fields {
    fn inherit(&mut self, span: &Fields) {
        self.stream = span.stream.clone().or(self.stream.take());
        self.recording = span.recording.clone().or(self.recording.take());
        self.segment = span.segment.clone().or(self.segment.take());
        self.peer = span.peer.clone().or(self.peer.take());
        self.others.push_str(&span.others);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        let value = plain(&format!("{value:?}"));
        match field.name() {
            "message" => self.message = value,
            "stream" => self.stream = Some(value),
            "recording" => self.recording = Some(value),
            "segment" => self.segment = Some(value),
            "peer" => self.peer = Some(value),
            name => {
                let _ = write!(self.others, " {name}={value}");
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Makes a text safe to print. A stranger's text may be long, and may hold characters that move a terminal's cursor.
fn plain(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

fn write_all(entries: &Receiver<Entry>, limits: &Shared, journald: bool) {
    // tracing-journald sends with a blocking socket. So it lives on this thread alone.
    match journald.then(tracing_journald::layer) {
        Some(Ok(layer)) => {
            let subscriber = Registry::default().with(layer);
            let write = |line: &Line| {
                line.keep();
                to_journal(line);
            };
            tracing::subscriber::with_default(subscriber, || each(entries, limits, write));
        }
        _ => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            each(entries, limits, |line| {
                line.keep();
                to_terminal(line, color);
            });
        }
    }
}

fn each(entries: &Receiver<Entry>, limits: &Shared, write: impl Fn(&Line)) {
    loop {
        let waits = limits.lock().waits();
        let entry = if waits {
            entries.recv_timeout(LOOK)
        } else {
            entries.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match entry {
            Ok(Entry::Line(line)) => write(&line),
            Ok(Entry::LeftOut) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Entry::Flush(done)) => {
                let rest = limits.lock().rest();
                rest.into_iter().for_each(|left_out| write(&left_out.into()));
                let _ = done.try_send(());
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let due = if waits {
            limits.lock().due(Instant::now())
        } else {
            Vec::new()
        };
        due.into_iter().for_each(|left_out| write(&left_out.into()));
    }
}

impl Line {
    /// The text of the line as a terminal shows it, behind the time and the level.
    fn text(&self) -> String {
        use fmt::Write as _;
        let Fields {
            stream,
            recording,
            segment,
            peer,
            others,
            message,
        } = &self.fields;
        let mut text = message.clone();
        for (name, value) in [
            ("stream", stream),
            ("recording", recording),
            ("segment", segment),
            ("peer", peer),
        ] {
            if let Some(value) = value {
                let _ = write!(text, " {name}={value}");
            }
        }
        text.push_str(others);
        text
    }

    fn keep(&self) {
        recent::keep(self.time, self.level, self.text());
    }
}

impl From<LeftOut> for Line {
    fn from(left_out: LeftOut) -> Self {
        Line {
            level: Level::WARN,
            fields: Fields {
                stream: left_out.stream,
                peer: left_out.address,
                message: left_out.text,
                ..Fields::default()
            },
            time: jiff::Timestamp::now(),
        }
    }
}

fn to_journal(line: &Line) {
    let lost = LOST.swap(0, Ordering::Relaxed);
    if lost > 0 {
        tracing::warn!("{lost} log lines were lost: journald did not take them in time");
    }
    let Fields {
        stream,
        recording,
        segment,
        peer,
        others,
        message,
    } = &line.fields;
    macro_rules! emit {
        ($level:ident) => {
            tracing::$level!(stream, recording, segment, peer, "{message}{others}")
        };
    }
    match line.level {
        Level::ERROR => emit!(error),
        Level::WARN => emit!(warn),
        Level::INFO => emit!(info),
        Level::DEBUG => emit!(debug),
        Level::TRACE => emit!(trace),
    }
}

fn to_terminal(line: &Line, color: bool) {
    let (on, off) = match (color, line.level) {
        (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
        (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::DEBUG | Level::TRACE) => ("\x1b[2m", "\x1b[0m"),
        _ => ("", ""),
    };
    let lost = LOST.swap(0, Ordering::Relaxed);
    let mut err = std::io::stderr().lock();
    if lost > 0 {
        let _ = writeln!(err, "({lost} log lines were lost: they were not taken in time)");
    }
    let time = line.time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let _ = writeln!(err, "{time} {on}{:5} {}{off}", line.level, line.text());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publisher_writes_is_bounded_wherever_it_comes_from() {
        let (sender, receiver) = sync_channel(100_000);
        let limits = Shared::default();
        let queued = Queued {
            sender,
            limits: limits.clone(),
        };
        tracing::subscriber::with_default(Registry::default().with(queued), || {
            let span = tracing::info_span!("rtmp", peer = "192.0.2.1:4000", stream = "live/a");
            span.in_scope(|| {
                for n in 0..1_000 {
                    tracing::info!(n, "sequence header");
                    tracing::debug!("all of it");
                }
                tracing::warn!("publish ended");
            });
            // Logged by a thread that has no such span.
            (0..1_000).for_each(|_| tracing::warn!(stream = "live/a", "fragment left out"));
        });
        let (done, _) = sync_channel(1);
        let entries: Vec<Entry> = receiver.try_iter().chain([Entry::Flush(done)]).collect();
        let (again, receiver) = sync_channel(100_000);
        entries
            .into_iter()
            .for_each(|entry| again.try_send(entry).unwrap_or_else(|_| panic!("there is room")));
        drop(again);
        let written = std::cell::RefCell::new(Vec::new());
        each(&receiver, &limits, |line| {
            written.borrow_mut().push(line.fields.message.clone());
        });
        let count = |words: &str| written.borrow().iter().filter(|it| *it == words).count();
        assert_eq!((count("sequence header"), count("fragment left out")), (30, 30));
        assert_eq!((count("publish ended"), count("all of it")), (1, 1_000));
        assert_eq!(count("and 970 more of the kind: sequence header"), 1);
        assert_eq!(count("and 970 more of the kind: fragment left out"), 1);
    }

    #[test]
    fn nobody_writes_a_line_of_their_own_into_the_log() {
        assert_eq!(
            plain("OBS\n2026 ERROR \u{1b}[31m"),
            "OBS\u{fffd}2026 ERROR \u{fffd}[31m"
        );
        assert_eq!(plain(&"x".repeat(5000)).chars().count(), LONGEST + 1);
    }
}
