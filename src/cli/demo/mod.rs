//! `edgereel demo`: the service, a broker, a publisher and the resulting files, on one machine, in half a minute.

mod broker;

use std::io::{Cursor, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::broker::{Broker, Heard};
use super::export;
use super::output;
use super::publish::{LoopClock, Pace, send};
use super::shown;
use super::source::Source;
use crate::config::{Config, Target};
use crate::daemon::{self, Service, Snapshot};
use crate::doors::rtmp::{Publisher, RtmpUrl};
use crate::recorder::StreamStatus;
use crate::store::{Library, RecordingState};

/// Twenty seconds with a running clock and a beep each second, made by `assets/make-sample.sh`.
static SAMPLE: &[u8] = include_bytes!("../../../assets/sample.flv");
const STREAM: &str = "live/demo";
/// The beginning of all topics.
const PREFIX: &str = "edgereel";
/// The last events have come within this time.
const LAST_EVENTS: Duration = Duration::from_millis(500);
/// Marks a directory that the demo made. The demo may empty such a directory.
const MARKER: &str = ".edgereel-demo";
/// A clip of some seconds is delivered within this time, or there is a problem.
const DELIVERY: Duration = Duration::from_secs(60);
/// Shorter than the service's own, so that a user sees segments being sealed.
const SEGMENT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Demo {
    /// How long to record.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// The directory for everything; it is emptied first.
    #[arg(long, value_name = "DIR", default_value = "edgereel-demo", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Deliver to a bucket instead of a folder, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the environment.
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    s3: Option<String>,
    /// The address of the object store [default: Amazon S3].
    #[arg(long, value_name = "URL", requires = "s3")]
    endpoint: Option<String>,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        make_anew(&self.dir)?;
        let store = self.dir.join("store");
        daemon::block_on(async {
            let broker = Broker::start(&self.dir).await?;
            self.record(self.config(&store, broker.as_ref())?, broker.as_ref())
                .await
        })?;
        self.tell(&store)
    }

    /// The usual configuration, with a port that the system chooses, and short names for delivered files.
    fn config(&self, store: &Path, broker: Option<&Broker>) -> anyhow::Result<Config> {
        let mqtt = broker.map_or(String::new(), |broker| {
            format!("[mqtt]\nurl = \"{}\"\n", broker.url())
        });
        let url = match &self.s3 {
            Some(url) => url.clone(),
            None => {
                let folder = std::path::absolute(self.dir.join("delivered"))?;
                std::fs::create_dir_all(&folder)?;
                Target::Folder(folder).url()
            }
        };
        let endpoint = self.endpoint.as_ref();
        let endpoint = endpoint.map_or(String::new(), |endpoint| format!("endpoint = {endpoint:?}\n"));
        let text = format!(
            "[device]\nid = \"demo\"\n[rtmp]\nlisten = [\"127.0.0.1:0\"]\n[storage]\ndir = {store:?}\n\
             {mqtt}[sync]\nurl = {url:?}\n{endpoint}when = \"live\"\n\
             [[template]]\nname = \"default\"\nformats = [\"hls\", \"mp4\"]\nkey = \"{{StreamName}}\"\n"
        );
        Ok(Config::parse(Some((Path::new("demo"), &text)), [], "demo")?)
    }

    async fn record(&self, config: Config, broker: Option<&Broker>) -> anyhow::Result<()> {
        let device = config.device.id.clone();
        let mut heard = match broker {
            Some(broker) => Some(broker.listen(PREFIX, &device).await?),
            None => None,
        };
        let service = Service::start_with(config, |store| store.segment_duration = SEGMENT).await?;
        let address = service
            .addresses()
            .first()
            .context("the service does not listen")?;
        let text = format!("rtmp://{address}/{STREAM}");
        let url: RtmpUrl = text.parse()?;
        println!(
            "edgereel listens on {address} and keeps its tape in {}",
            self.dir.join("store").display()
        );
        match broker {
            Some(broker) => println!("events go to the broker at {}", broker.url()),
            None => println!("no broker is installed; with mosquitto the demo prints events, too"),
        }
        println!(
            "a publisher sends a clip to {text} for {} seconds:\n",
            self.seconds
        );

        let publisher = Publisher::connect(&url).await?;
        let began = start();
        let until = began + Duration::from_secs(self.seconds);
        let publishing = tokio::spawn(publish(publisher, until));
        let mut screen = Screen::new();
        let mut every = interval(Duration::from_secs(1));
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        every.tick().await;
        while !publishing.is_finished() {
            tokio::select! {
                _ = every.tick() => screen.show(began.elapsed(), &service.snapshot()),
                Some(line) = next(&mut heard) => screen.say(&line),
            }
        }
        publishing.await.context("the publisher failed")??;
        let ended = start();
        screen.done();
        let delivered = self.delivered(&service).await;
        service.stop().await?;
        screen.hear(&mut heard).await;
        delivered?;
        println!("\ndelivered {:.1} s after the end", ended.elapsed().as_secs_f64());
        Ok(())
    }

    /// Waits until all files are delivered.
    async fn delivered(&self, service: &Service) -> anyhow::Result<()> {
        let store = self.dir.join("store");
        let deadline = start() + DELIVERY;
        let mut look = interval(Duration::from_millis(20));
        while start() < deadline {
            look.tick().await;
            if Library::open(&store)?.find("last")?.state == RecordingState::Delivered {
                return Ok(());
            }
        }
        let status = match service.uploader() {
            Some(uploader) => Some(uploader.status().await?),
            None => None,
        };
        let reason = status.and_then(|status| {
            status
                .reason
                .or_else(|| Some(status.failed.first()?.reason.clone()))
        });
        bail!(
            "the recording is not delivered after {} s: {}; it is in {}",
            DELIVERY.as_secs(),
            reason.as_deref().unwrap_or("the network is slow"),
            store.display()
        )
    }

    fn tell(&self, store: &Path) -> anyhow::Result<()> {
        let library = Library::open(store)?;
        let recording = library.find("last")?;
        println!(
            "\nrecorded {} of {}: {} in {} segments\n",
            output::clock(recording.duration),
            recording.stream,
            output::bytes(recording.bytes),
            recording.segments
        );
        for rendition in &recording.renditions {
            let place = match (&self.s3, rendition.url.strip_prefix("file://")) {
                (None, Some(_)) => self
                    .dir
                    .join("delivered")
                    .join(&rendition.key)
                    .display()
                    .to_string(),
                _ => rendition.url.clone(),
            };
            println!("play it:     mpv {place}");
        }
        // The name as it was called, because the program may not be on the PATH.
        let edgereel = std::env::args().next().unwrap_or_else(|| "edgereel".to_owned());
        println!("list it:     {edgereel} ls --data {}", store.display());
        println!(
            "export it:   {edgereel} export last --data {} --format flv -o demo.flv",
            store.display()
        );
        Ok(())
    }
}

/// Loops the sample until the time is over, then unpublishes properly.
async fn publish(mut publisher: Publisher, until: Instant) -> anyhow::Result<()> {
    let mut clock = LoopClock::new(Pace::RealTime);
    let hidden = ProgressBar::hidden();
    let mut source = Source::Flv(Box::new(Cursor::new(SAMPLE)));
    let sending = async {
        loop {
            send(&mut source, &mut publisher, &mut clock, &hidden).await?;
            clock.again();
        }
    };
    let ended: Result<anyhow::Result<()>, _> = tokio::time::timeout_at(until, sending).await;
    if let Ok(result) = ended {
        return result;
    }
    publisher.finish().await?;
    Ok(())
}

/// The next line from the broker. Without a broker it never comes.
async fn next(heard: &mut Option<Heard>) -> Option<String> {
    match heard {
        Some(heard) => heard.lines.recv().await,
        None => std::future::pending().await,
    }
}

/// One line that is written over on a terminal. In a pipe it is a line each second.
struct Screen {
    /// Columns of the terminal, if there is one.
    width: Option<usize>,
    segments: u64,
}

impl Screen {
    fn new() -> Self {
        Self {
            width: std::io::stdout().is_terminal().then(shown::terminal_width),
            segments: 0,
        }
    }

    fn show(&mut self, elapsed: Duration, snapshot: &Snapshot) {
        let Some(stream) = snapshot.streams.first() else {
            return;
        };
        let progress = &snapshot.progress;
        let mut out = std::io::stdout().lock();
        let (over, end) = if self.width.is_some() {
            ("\r\x1b[K", "")
        } else {
            ("", "\n")
        };
        if progress.segments_sealed > self.segments {
            self.segments = progress.segments_sealed;
            let _ = writeln!(out, "{over}       segment {} sealed", self.segments);
        }
        let line = self.line(elapsed, snapshot, stream);
        let _ = write!(out, "{over}{line}{end}");
        let _ = out.flush();
    }

    /// The most important part comes first. The line is cut where the terminal ends, because a line that wraps is not written
    /// over.
    fn line(&self, elapsed: Duration, snapshot: &Snapshot, stream: &StreamStatus) -> String {
        let tracks: Vec<String> = [
            stream.tracks.video.as_ref().map(|video| format!("{video:?}")),
            stream.tracks.audio.as_ref().map(|audio| format!("{audio:?}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let durable = output::bytes(snapshot.progress.bytes_durable);
        let parts = [
            output::clock(elapsed),
            stream.stream.to_string(),
            format!("{} kbit/s", stream.bits_per_second / 1000),
            format!("received {}, durable {durable}", output::bytes(stream.bytes)),
            format!("in memory {}", output::bytes(stream.ring_bytes as u64)),
            tracks.join(" + "),
        ];
        let mut line = String::new();
        for part in parts {
            let longer = line.chars().count() + 2 + part.chars().count();
            if !line.is_empty() && self.width.is_some_and(|width| longer >= width) {
                break;
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&part);
        }
        line
    }

    /// Prints a line above the line of the progress.
    fn say(&self, line: &str) {
        match self.width {
            Some(width) => println!("\r\x1b[K{}", shown::fitted(&format!("       {line}"), width)),
            None => println!("       {line}"),
        }
    }

    /// Prints the remaining lines, up to the end of the service.
    async fn hear(&self, heard: &mut Option<Heard>) {
        while let Ok(Some(line)) = tokio::time::timeout(LAST_EVENTS, next(heard)).await {
            self.say(&line);
            if line.ends_with("is stopped") {
                return;
            }
        }
    }

    fn done(&self) {
        if self.width.is_some() {
            println!();
        }
    }
}

/// Makes an empty directory. The directory of an earlier demo is emptied. Any other directory is left alone.
fn make_anew(dir: &Path) -> anyhow::Result<()> {
    let shown = dir.display();
    let marker = dir.join(MARKER);
    if marker.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot empty '{shown}'"))?;
    } else if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("'{shown}' is not empty and not from an earlier demo; give another with --dir");
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make '{shown}'"))?;
    export::create(&marker)?;
    Ok(())
}

fn start() -> Instant {
    Instant::now()
}
