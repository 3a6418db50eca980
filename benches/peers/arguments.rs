//! The command line's choice of what to measure.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

const HELP: &str = "\
cargo bench --bench peers -- [OPTIONS]

  --quick            one run of each, shorter
  --runs N           runs of each server (5)
  --only a,b,…       a  4 publishers, 4 Mbit/s each, real time
                     b  1 publisher, unpaced
                     c  4 publishers, 100 Mbit/s each, real time
                     d  time until the file on flash plays
                     e  export of a 2 h recording
  --servers S,...    edgereel, nginx, ffmpeg, copier (all that are installed)
  --edgereel PATH    another binary than the one just built
";

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Steady,
    Unpaced,
    Heavy,
    Playable,
    Export,
}

impl Workload {
    const ALL: [Self; 5] = [
        Self::Steady,
        Self::Unpaced,
        Self::Heavy,
        Self::Playable,
        Self::Export,
    ];

    pub(crate) fn letter(self) -> char {
        match self {
            Self::Steady => 'a',
            Self::Unpaced => 'b',
            Self::Heavy => 'c',
            Self::Playable => 'd',
            Self::Export => 'e',
        }
    }
}

pub(crate) struct Arguments {
    pub(crate) quick: bool,
    pub(crate) runs: usize,
    pub(crate) only: Vec<Workload>,
    pub(crate) servers: Option<Vec<String>>,
    pub(crate) edgereel: PathBuf,
}

impl Arguments {
    /// The choice; none after a request for help, which was printed.
    pub(crate) fn parse(given: &[String]) -> anyhow::Result<Option<Self>> {
        let mut parsed = Self {
            quick: false,
            runs: 0,
            only: Workload::ALL.to_vec(),
            servers: None,
            edgereel: PathBuf::from(env!("CARGO_BIN_EXE_edgereel")),
        };
        let mut given = given.iter();
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                // cargo gives every bench this argument.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--runs" => parsed.runs = value()?.parse().context("--runs")?,
                "--only" => parsed.only = value()?.split(',').map(workload).collect::<Result<_, _>>()?,
                "--servers" => parsed.servers = Some(value()?.split(',').map(str::to_owned).collect()),
                "--edgereel" => parsed.edgereel = value()?.into(),
                "--help" | "-h" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => bail!("{other} is not an option\n\n{HELP}"),
            }
        }
        if parsed.runs == 0 {
            parsed.runs = if parsed.quick { 1 } else { 5 };
        }
        Ok(Some(parsed))
    }
}

fn workload(text: &str) -> anyhow::Result<Workload> {
    let found = Workload::ALL
        .into_iter()
        .find(|workload| text == workload.letter().to_string());
    found.with_context(|| format!("'{text}' is no workload: a to e"))
}
