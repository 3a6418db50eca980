//! `edgereel demo`: the service, a broker, a publisher and the resulting files, on one machine, in half a minute.

mod broker;
mod screen;
mod viewers;

use std::io::{Cursor, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use indicatif::ProgressBar;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::broker::{Broker, Heard};
use self::screen::Screen;
use self::viewers::Viewers;
use super::export;
use super::output;
use super::publish::{LoopClock, Pace, send};
use super::source::Source;
use crate::config::{Config, Target};
use crate::daemon::{self, Service, Snapshot, TakenPort};
use crate::doors::rtmp::{Publisher, RtmpUrl};
use crate::media::{RecordingId, StreamName};
use crate::store::{Library, RecordingState};

/// Twenty seconds with a running clock and a beep each second, made by `assets/make-sample.sh`.
static SAMPLE: &[u8] = include_bytes!("../../../assets/sample.flv");
const STREAM: &str = "live/demo";
/// The beginning of all topics.
const PREFIX: &str = "edgereel";
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
            let viewers = Viewers::new()?;
            let config = self.config(&store, broker.as_ref(), &viewers)?;
            self.record(config, broker.as_ref(), &viewers).await
        })
    }

    /// The usual configuration, with a port that the system chooses, and short names for delivered files.
    fn config(&self, store: &Path, broker: Option<&Broker>, viewers: &Viewers) -> anyhow::Result<Config> {
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
             [[template]]\nname = \"default\"\nformats = [\"hls\", \"mp4\"]\nkey = \"{{StreamName}}\"\n{viewers}",
            viewers = viewers.sections()
        );
        Ok(Config::parse(Some((Path::new("demo"), &text)), [], "demo")?)
    }

    async fn record(&self, config: Config, broker: Option<&Broker>, viewers: &Viewers) -> anyhow::Result<()> {
        let device = config.device.id.clone();
        let mut heard = match broker {
            Some(broker) => Some(broker.listen(PREFIX, &device).await?),
            None => None,
        };
        let mut ends = Ends::listen()?;
        let service = Service::start_with(config, |tuning| {
            tuning.store.segment_duration = SEGMENT;
            // The usual port is easy to type, and any other one will do.
            tuning.taken_port = TakenPort::IsReplaced;
        });
        let service = service.await?;
        let address = service
            .addresses()
            .first()
            .context("the service does not listen")?;
        let text = format!("rtmp://{address}/{STREAM}");
        let url: RtmpUrl = text.parse()?;
        let (stream, door): (StreamName, _) = (STREAM.parse()?, service.viewers_address());
        // What people want to see first.
        if let Some(door) = &door {
            println!("{}", viewers.invitation(door, &stream));
        }
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
        let mut urls = door.as_deref();
        let mut every = interval(Duration::from_secs(1));
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        every.tick().await;
        while !publishing.is_finished() {
            tokio::select! {
                _ = every.tick() => {
                    let snapshot = service.snapshot();
                    screen.show(began.elapsed(), &snapshot);
                    if let Some(recording) = playable(&snapshot)
                        && let Some(door) = urls.take()
                    {
                        screen.say_whole(&format!("live:        {}", viewers::live(door, &stream)));
                        // Until then the server answers 503, with the time after which a player may ask again.
                        screen.say_whole("             it plays some seconds from now, when there are three chunks of it");
                        screen.say_whole(&format!("recording:   {}", viewers::recorded(door, recording)));
                    }
                }
                Some(line) = next(&mut heard) => screen.say(&line),
                () = ends.wanted() => {
                    publishing.abort();
                    service.stop().await?;
                    bail!("interrupted");
                }
            }
        }
        publishing.await.context("the publisher failed")??;
        let ended = start();
        screen.done();
        let delivered = tokio::select! {
            delivered = self.delivered(&service) => delivered,
            () = ends.wanted() => Err(anyhow!("interrupted")),
        };
        let took = ended.elapsed();
        let stays = door.filter(|_| delivered.is_ok() && is_watched());
        if stays.is_some() {
            self.tell(took, stays.as_deref())?;
            println!("\neverything plays until you press Ctrl-C");
            loop {
                tokio::select! {
                    () = ends.wanted() => break,
                    Some(line) = next(&mut heard) => screen.say(&line),
                }
            }
        }
        service.stop().await?;
        screen.hear(&mut heard).await;
        delivered?;
        match stays {
            Some(_) => Ok(()),
            None => self.tell(took, None),
        }
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

    /// Prints what there is now. `door` is the address of the door for viewers, if it stays open.
    fn tell(&self, took: Duration, door: Option<&str>) -> anyhow::Result<()> {
        let store = self.dir.join("store");
        let library = Library::open(&store)?;
        let recording = library.find("last")?;
        println!("\ndelivered {:.1} s after the end", took.as_secs_f64());
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
        if let Some(door) = door {
            println!("over HTTP:   mpv {}", viewers::recorded(door, recording.id));
        }
        // The name as it was called, because the program may not be on the PATH.
        let edgereel = std::env::args_os().next().unwrap_or_else(|| "edgereel".into());
        let edgereel = edgereel.to_string_lossy();
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

/// The recording that viewers can play now.
fn playable(snapshot: &Snapshot) -> Option<RecordingId> {
    let recording = snapshot.streams.first()?.recordings.first()?;
    (snapshot.progress.bytes_durable > 0).then_some(*recording)
}

/// True when somebody sees what the demo shows, and can end it.
fn is_watched() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// The signals with which a user, or the system, ends the demo.
struct Ends {
    interrupted: Signal,
    terminated: Signal,
}

impl Ends {
    /// Listens from now on.
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            terminated: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
        })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// The next line from the broker. Without a broker it never comes.
async fn next(heard: &mut Option<Heard>) -> Option<String> {
    match heard {
        Some(heard) => heard.lines.recv().await,
        None => std::future::pending().await,
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
