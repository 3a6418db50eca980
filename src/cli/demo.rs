//! `edgereel demo`: the service, a publisher and what comes of it, on one machine, in half a minute.

use std::io::{Cursor, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::export::{self, Target};
use super::output;
use super::publish::{LoopClock, Pace, send};
use super::source::Source;
use crate::config::Config;
use crate::daemon::{self, Service, Snapshot};
use crate::format::Format;
use crate::ingest::{Publisher, RtmpUrl};
use crate::store::Library;

/// Twenty seconds with a running clock and a beep each second, made by `assets/make-sample.sh`.
static SAMPLE: &[u8] = include_bytes!("../../assets/sample.flv");
const STREAM: &str = "live/demo";
/// Marks a directory that the demo made, and may empty.
const MARKER: &str = ".edgereel-demo";
/// Shorter than the service's own, so that one can see segments being sealed.
const SEGMENT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Demo {
    /// How long to record.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// Where everything goes; made anew.
    #[arg(long, value_name = "DIR", default_value = "edgereel-demo")]
    dir: PathBuf,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        make_anew(&self.dir)?;
        let store = self.dir.join("store");
        let mut config = Config::defaults("demo");
        config.rtmp.listen = vec![([127, 0, 0, 1], 0).into()];
        config.storage.dir = store.clone();
        daemon::block_on(self.record(config))?;
        self.deliver(&store)
    }

    async fn record(&self, config: Config) -> anyhow::Result<()> {
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
            every.tick().await;
            screen.show(began.elapsed(), &service.snapshot());
        }
        publishing.await.context("the publisher failed")??;
        service.stop().await?;
        screen.done();
        Ok(())
    }

    fn deliver(&self, store: &Path) -> anyhow::Result<()> {
        let library = Library::open(store)?;
        let recording = library.find("last")?;
        println!(
            "\nrecorded {} of {}: {} in {} segments\n",
            output::clock(recording.duration),
            recording.stream,
            output::bytes(recording.bytes),
            recording.segments
        );
        let (mp4, hls) = (self.dir.join("demo.mp4"), self.dir.join("hls"));
        let quiet = ProgressBar::hidden();
        export::write(
            library.view(recording.id)?,
            Format::Mp4,
            &Target::Path(mp4.clone()),
            &quiet,
        )?;
        export::write(
            library.view(recording.id)?,
            Format::Hls,
            &Target::Path(hls.clone()),
            &quiet,
        )?;
        println!("play it:     mpv {}", mp4.display());
        println!("             mpv {}", hls.join("index.m3u8").display());
        // As it was called: it may not be on the PATH.
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

/// One line that is written over on a terminal, a line each second in a pipe.
struct Screen {
    terminal: bool,
    segments: u64,
}

impl Screen {
    fn new() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            segments: 0,
        }
    }

    fn show(&mut self, elapsed: Duration, snapshot: &Snapshot) {
        let Some(stream) = snapshot.streams.first() else {
            return;
        };
        let progress = &snapshot.progress;
        let mut out = std::io::stdout().lock();
        let (over, end) = if self.terminal {
            ("\r\x1b[K", "")
        } else {
            ("", "\n")
        };
        if progress.segments_sealed > self.segments {
            self.segments = progress.segments_sealed;
            let _ = writeln!(out, "{over}       segment {} sealed", self.segments);
        }
        let tracks: Vec<String> = [
            stream.tracks.video.as_ref().map(|video| format!("{video:?}")),
            stream.tracks.audio.as_ref().map(|audio| format!("{audio:?}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let _ = write!(
            out,
            "{over}{}  {}  {}  {} kbit/s  received {}, durable {}, in memory {}{end}",
            output::clock(elapsed),
            stream.stream,
            tracks.join(" + "),
            stream.bits_per_second / 1000,
            output::bytes(stream.bytes),
            output::bytes(progress.bytes_durable),
            output::bytes(stream.ring_bytes as u64),
        );
        let _ = out.flush();
    }

    fn done(&self) {
        if self.terminal {
            println!();
        }
    }
}

/// An empty directory; an earlier demo's is emptied, anything else is left alone.
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
