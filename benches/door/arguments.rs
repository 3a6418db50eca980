//! The command line's choice of what to measure.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};

const HELP: &str = "\
cargo bench --bench door -- [OPTIONS]

  --quick            one run of each, shorter, with smaller recordings
  --runs N           runs of each (5)
  --only F,…         first      the first byte of an MP4 of 2 h, and of a range in its middle
                     download   one download of 1 GiB, beside nginx
                     viewers    8 viewers beside 4 publishers
                     crowd      200 slow readers and 200 half requests beside 4 publishers and 4 viewers
                     playlist   the playlist of 24 h, and its refresh
                     shift      time shift: ranges of a tape of 30 days, and a refresh of a window of the past
                     channel    playlists of a channel with 1,000 viewers
                     lag        how much later than live a chunk is in time shift
                     keys       what the key of a viewer costs a request
                     delay      how far hls.js is behind what is live; wants Chromium
                     wear       bytes at the block device ÷ bytes of media, with 8 viewers; wants root and loop devices
  --edgereel PATH    another binary than the one just built
";

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    First,
    Download,
    Viewers,
    Crowd,
    Playlist,
    Shift,
    Channel,
    Lag,
    Keys,
    Delay,
    Wear,
}

impl Figure {
    const ALL: [Self; 11] = [
        Self::First,
        Self::Download,
        Self::Viewers,
        Self::Crowd,
        Self::Playlist,
        Self::Shift,
        Self::Channel,
        Self::Lag,
        Self::Keys,
        Self::Delay,
        Self::Wear,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Download => "download",
            Self::Viewers => "viewers",
            Self::Crowd => "crowd",
            Self::Playlist => "playlist",
            Self::Shift => "shift",
            Self::Channel => "channel",
            Self::Lag => "lag",
            Self::Keys => "keys",
            Self::Delay => "delay",
            Self::Wear => "wear",
        }
    }
}

impl Figure {
    /// True when it is measured on the long recording.
    pub(crate) fn needs_archive(self) -> bool {
        matches!(self, Self::First | Self::Download | Self::Viewers | Self::Crowd)
    }
}

pub(crate) struct Arguments {
    pub(crate) quick: bool,
    pub(crate) runs: usize,
    pub(crate) only: Vec<Figure>,
    pub(crate) edgereel: PathBuf,
}

impl Arguments {
    /// The choice; none after a request for help, which was printed.
    pub(crate) fn parse(given: &[String]) -> anyhow::Result<Option<Self>> {
        let mut parsed = Self {
            quick: false,
            runs: 0,
            only: Figure::ALL.to_vec(),
            edgereel: PathBuf::from(env!("CARGO_BIN_EXE_edgereel")),
        };
        let mut runs = None;
        let mut given = given.iter();
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                // cargo gives every bench this argument.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--runs" => runs = Some(value()?.parse().context("--runs")?),
                "--only" => parsed.only = value()?.split(',').map(figure).collect::<Result<_, _>>()?,
                "--edgereel" => parsed.edgereel = value()?.into(),
                "--help" | "-h" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => bail!("{other} is not an option\n\n{HELP}"),
            }
        }
        parsed.runs = runs.unwrap_or(if parsed.quick { 1 } else { 5 });
        ensure!(parsed.runs > 0, "--runs: 1 or more");
        Ok(Some(parsed))
    }

    /// The value for a quick run, or else for a whole one.
    pub(crate) fn pick<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }
}

fn figure(text: &str) -> anyhow::Result<Figure> {
    let found = Figure::ALL.into_iter().find(|figure| text == figure.name());
    found.with_context(|| format!("'{text}' is no figure: --help lists them"))
}
