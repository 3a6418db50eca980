//! `edgereel publish`: sends a file as a live stream.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::{Instant, sleep_until};

use super::denied::Refused;
use super::output;
use super::source::Source;
use crate::daemon;
use crate::doors::rtmp::{Publisher, RtmpUrl, TagKind, Trust};

/// A file of certificates is not larger than this.
const MAX_PEM: u64 = 1 << 20;

#[derive(clap::Args)]
pub(super) struct Publish {
    /// The FLV or MP4 file to send.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The address to send to, as in rtmp://127.0.0.1/live/cam1, or rtmps:// (default port 443).
    url: RtmpUrl,
    /// A PEM file with additional certificates to trust for rtmps://, beside those of the system.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    ca_file: Option<PathBuf>,
    /// Repeat the file until interrupted.
    #[arg(long = "loop")]
    repeat: bool,
    /// Send as fast as the server accepts, instead of in real time.
    #[arg(long)]
    fast: bool,
}

impl Publish {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let pace = if self.fast { Pace::Fast } else { Pace::RealTime };
        let shown = self.url.tc_url();
        // The file is opened first, so that a mistake in it does not begin a publish.
        let mut source = Source::open(&self.file)?;
        let trust = self.trust()?;
        daemon::block_on(async {
            let mut publisher = Publisher::connect_with(&self.url, trust.as_ref())
                .await
                .with_context(|| format!("cannot publish to {shown}"))?;
            let bar = if self.repeat {
                output::sent_bar(None)
            } else {
                output::sent_bar(source.length_ms()?)
            };
            let mut clock = LoopClock::new(pace);
            let sending = async {
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
            bar.finish_and_clear();
            let sent = clock.sent();
            let interrupted = interrupted.with_context(|| {
                format!(
                    "publishing to {shown} ended early, after {sent}; the server may not have the last of it"
                )
            })?;
            let told = publisher
                .finish()
                .await
                .with_context(|| format!("{shown} did not take the end of the publish, after {sent}"))?;
            let how = match (interrupted, told) {
                (true, _) => "it was interrupted, and ended the publish properly",
                (false, true) => "the server confirmed the end",
                (false, false) => "all of it was sent, but the server did not confirm the end",
            };
            eprintln!("sent {sent} to {shown}; {how}");
            Ok(())
        })
    }

    /// The certificates that `rtmps://` trusts.
    fn trust(&self) -> anyhow::Result<Option<Trust>> {
        if !self.url.tls {
            anyhow::ensure!(
                self.ca_file.is_none(),
                "--ca-file is for rtmps://; a connection to rtmp:// is not encrypted"
            );
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &self.ca_file {
            let what = format!("cannot read --ca-file '{}'", path.display());
            let refused = || Refused {
                what: what.clone(),
                path: path.clone(),
            };
            let length = std::fs::metadata(path).with_context(refused)?.len();
            anyhow::ensure!(length <= MAX_PEM, "{what}: {length} bytes are no certificates");
            let text = std::fs::read(path).with_context(refused)?;
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
            let found = found.ok().filter(|found| !found.is_empty());
            for certificate in found.with_context(|| format!("{what}: it has no certificates in PEM"))? {
                roots.add(certificate).with_context(|| what.clone())?;
            }
        }
        Ok(Some(Trust::in_roots(roots)?))
    }
}

/// How fast a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At the pace of the timestamps.
    RealTime,
    /// As fast as the server takes it.
    Fast,
}

/// The timestamps of a file that is sent repeatedly.
pub(super) struct LoopClock {
    pace: Pace,
    started: Instant,
    /// The offset added to the file's own timestamps.
    offset_ms: u64,
    /// The end of each kind of message so far, and how long the last message of the kind took.
    ends: [(u64, u64); 2],
    /// Bytes of media that were sent.
    bytes: u64,
}

impl LoopClock {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            started: now(),
            offset_ms: 0,
            ends: [(0, 0); 2],
            bytes: 0,
        }
    }

    /// A text for people about the media that was sent.
    pub(super) fn sent(&self) -> String {
        let longest = self.ends.iter().map(|(last, _)| *last).max().unwrap_or(0);
        let micros = i64::try_from(longest.saturating_mul(1_000)).unwrap_or(i64::MAX);
        format!("{} ({})", output::clock(micros), output::bytes(self.bytes))
    }

    /// Lets the file begin again where its longer track ended.
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
            // A sequence header has the time of the frame behind it, which is no step.
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
            // Messages before this moment are due.
            publisher.flush().await?;
            sleep_until(clock.started + Duration::from_millis(at)).await;
        }
        // RTMP timestamps wrap at 2³² ms.
        let wrapped = u32::try_from(at & u64::from(u32::MAX)).unwrap_or(0);
        publisher.send(message.kind, wrapped, &message.body).await?;
        clock.bytes += message.body.len() as u64;
        output::sent(bar, at, clock.bytes);
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
            bytes: 0,
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
