//! `edgereel publish`: a file as a live stream.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep_until};

use super::source::Source;
use crate::daemon;
use crate::ingest::{Publisher, RtmpUrl, TagKind};

#[derive(clap::Args)]
pub(super) struct Publish {
    /// An FLV or MP4 file.
    file: PathBuf,
    /// Where to, as in rtmp://127.0.0.1/live/cam1.
    url: RtmpUrl,
    /// Begin again at the end of the file, until interrupted.
    #[arg(long = "loop")]
    repeat: bool,
    /// As fast as the server takes it, instead of in real time.
    #[arg(long)]
    fast: bool,
}

impl Publish {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let pace = if self.fast { Pace::Fast } else { Pace::RealTime };
        let shown = format!("rtmp://{}/{}", self.url.authority(), self.url.app);
        daemon::block_on(async {
            // The file first: a mistake in it should not make a publish.
            let mut source = Source::open(&self.file)?;
            let mut publisher = Publisher::connect(&self.url)
                .await
                .with_context(|| format!("cannot publish to {shown}"))?;
            let bar = ProgressBar::no_length().with_message("sent");
            let sending = async {
                let mut clock = LoopClock::new(pace);
                loop {
                    send(&mut source, &mut publisher, &mut clock, &bar).await?;
                    if !self.repeat {
                        return anyhow::Ok(());
                    }
                    clock.again();
                }
            };
            let interrupted = tokio::select! {
                sent = sending => sent.map(|()| false),
                _ = tokio::signal::ctrl_c() => Ok(true),
            };
            interrupted.with_context(|| format!("publishing to {shown} ended early"))?;
            publisher
                .finish()
                .await
                .with_context(|| format!("{shown} did not take the end of the publish"))?;
            bar.finish_and_clear();
            Ok(())
        })
    }
}

/// How fast a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As its timestamps say.
    RealTime,
    /// As fast as it is taken.
    Fast,
}

/// The timestamps of a file that is sent again and again.
pub(super) struct LoopClock {
    pace: Pace,
    started: Instant,
    /// Added to the file's own timestamps.
    offset_ms: u64,
    /// Where each kind of message ends so far, and how long its last one took.
    ends: [(u64, u64); 2],
}

impl LoopClock {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            started: now(),
            offset_ms: 0,
            ends: [(0, 0); 2],
        }
    }

    /// The file begins again where its longer track ended.
    pub(super) fn again(&mut self) {
        self.offset_ms = self
            .ends
            .iter()
            .map(|(last, step)| last + step)
            .max()
            .unwrap_or(0);
    }

    fn place(&mut self, kind: TagKind, timestamp_ms: u64) -> u64 {
        let at = self.offset_ms + timestamp_ms;
        let end = match kind {
            TagKind::Video => self.ends.first_mut(),
            TagKind::Audio => self.ends.last_mut(),
            TagKind::Data => None,
        };
        if let Some((last, step)) = end {
            // A sequence header has the time of the frame that follows it: no step.
            if at > *last {
                *step = at - *last;
                *last = at;
            }
        }
        at
    }
}

/// Sends a file from its beginning to its end.
pub(super) async fn send(
    source: &mut Source,
    publisher: &mut Publisher,
    clock: &mut LoopClock,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut messages = source.messages()?;
    while let Some(message) = messages.next()? {
        let at = clock.place(message.kind, message.timestamp_ms);
        if clock.pace == Pace::RealTime {
            // What comes before this moment is due.
            publisher.flush().await?;
            sleep_until(clock.started + Duration::from_millis(at)).await;
        }
        // RTMP timestamps wrap at 2³² ms.
        let wrapped = u32::try_from(at & u64::from(u32::MAX)).unwrap_or(0);
        publisher.send(message.kind, wrapped, &message.body).await?;
        bar.inc(message.body.len() as u64);
    }
    publisher.flush().await?;
    Ok(())
}

fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sent_again_goes_on_where_it_ended() {
        let mut clock = LoopClock {
            pace: Pace::Fast,
            started: now(),
            offset_ms: 0,
            ends: [(0, 0); 2],
        };
        for ms in [0, 40, 80] {
            clock.place(TagKind::Video, ms);
        }
        for ms in [0, 23, 46, 70, 93] {
            clock.place(TagKind::Audio, ms);
        }
        clock.again();
        assert_eq!(clock.place(TagKind::Video, 0), 120);
        assert_eq!(clock.place(TagKind::Data, 5), 125);
    }
}
