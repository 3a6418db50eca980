//! The command line's choice of what to measure.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};

const HELP: &str = "\
cargo bench --bench store -- [OPTIONS]

  --only F,…         startup  from exec until the first publisher is accepted, after a dirty shutdown
                     wear     bytes at the block device ÷ bytes of media; wants root and loop devices
  --runs N           starts that are timed (5)
  --segments N       sealed segments on the tape for startup (10000)
  --seconds N        media that each stream sends for wear (120)
  --load L,…         four     4 streams of 4 Mbit/s, for wear
                     camera   one of 500 kbit/s
  --edgereel PATH    another binary than the one just built
";

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Startup,
    Wear,
}

pub(crate) struct Arguments {
    pub(crate) only: Vec<Figure>,
    pub(crate) runs: usize,
    pub(crate) segments: u32,
    pub(crate) seconds: u32,
    pub(crate) loads: Vec<String>,
    pub(crate) edgereel: PathBuf,
}

impl Arguments {
    /// The choice; none after a request for help, which was printed.
    pub(crate) fn parse(given: &[String]) -> anyhow::Result<Option<Self>> {
        let mut parsed = Self {
            only: vec![Figure::Startup, Figure::Wear],
            runs: 5,
            segments: 10_000,
            seconds: 120,
            loads: vec!["four".to_owned(), "camera".to_owned()],
            edgereel: PathBuf::from(env!("CARGO_BIN_EXE_edgereel")),
        };
        let mut given = given.iter();
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                // cargo gives every bench this argument.
                "--bench" => {}
                "--only" => parsed.only = value()?.split(',').map(figure).collect::<Result<_, _>>()?,
                "--runs" => parsed.runs = value()?.parse().context("--runs")?,
                "--segments" => parsed.segments = value()?.parse().context("--segments")?,
                "--seconds" => parsed.seconds = value()?.parse().context("--seconds")?,
                "--load" => parsed.loads = value()?.split(',').map(load).collect::<Result<_, _>>()?,
                "--edgereel" => parsed.edgereel = value()?.into(),
                "--help" | "-h" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => bail!("{other} is not an option\n\n{HELP}"),
            }
        }
        ensure!(
            parsed.runs > 0 && parsed.segments > 0 && (1..=3_600).contains(&parsed.seconds),
            "--runs and --segments: 1 or more; --seconds: 1 to 3600"
        );
        Ok(Some(parsed))
    }
}

fn load(text: &str) -> anyhow::Result<String> {
    match text {
        "four" | "camera" => Ok(text.to_owned()),
        _ => bail!("'{text}' is no load: four or camera"),
    }
}

fn figure(text: &str) -> anyhow::Result<Figure> {
    match text {
        "startup" => Ok(Figure::Startup),
        "wear" => Ok(Figure::Wear),
        _ => bail!("'{text}' is no figure: startup or wear"),
    }
}
