//! `edgereel verify` checks the tape; with `--repair` it repairs what can be repaired.

use std::io::Write;

use anyhow::bail;
use indicatif::ProgressBar;

use super::open::StoreArgument;
use super::output;
use crate::event::rfc3339;
use crate::model::reply::{Problem, ProblemFragment, Verified};
use crate::store::{Checked, Finding, Library, Step, StoreError, repair};

/// The most findings in a JSON document; `problems_left_out` counts the others.
const MAX_FINDINGS: usize = 100_000;

#[derive(clap::Args)]
pub(super) struct Verify {
    #[command(flatten)]
    store: StoreArgument,
    /// Repair what can be repaired; the service must be stopped. Nothing that can be read is deleted.
    #[arg(long)]
    repair: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Findings and repairs, collected for the JSON document.
#[derive(Default)]
struct Told {
    findings: Vec<Finding>,
    done: Vec<String>,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dir = self.store.dir()?;
        let bar = output::bytes_bar("verified", 0);
        let mut told = Told::default();
        // When the reader of standard output is gone, the rest is not printed. The exit code still says what was found.
        let mut out = std::io::stdout();
        let mut watch = |step: Step<'_>| match step {
            Step::Progress { done, total } => {
                bar.set_length(total);
                bar.set_position(done);
            }
            Step::Found(finding) if self.json => {
                if told.findings.len() < MAX_FINDINGS {
                    told.findings.push(finding.clone());
                }
            }
            Step::Done(line) if self.json => told.done.push(line.to_owned()),
            Step::Found(finding) => say(&bar, &mut out, &finding.to_string()),
            Step::Done(line) => say(&bar, &mut out, &format!("repaired: {line}")),
        };
        let checked = if self.repair {
            repair(&dir, &mut watch).map_err(|error| match error {
                locked @ StoreError::Locked { .. } => {
                    anyhow::Error::new(locked).context("the service must be stopped for --repair")
                }
                other => other.into(),
            })
        } else {
            let library = Library::open(&dir)?;
            Ok(library.check(&mut watch)?)
        };
        bar.finish_and_clear();
        let checked = checked?;
        if self.json {
            // The keys are in alphabetical order, as in all answers.
            let document = serde_json::to_value(document(&checked, &told))?;
            serde_json::to_writer_pretty(&mut out, &document)?;
            writeln!(out)?;
        } else {
            summary(&mut out, &checked)?;
        }
        match checked.findings {
            0 => Ok(()),
            1 => bail!("{}: 1 problem", dir.display()),
            count => bail!("{}: {count} problems", dir.display()),
        }
    }
}

fn say(bar: &ProgressBar, out: &mut impl Write, line: &str) {
    bar.suspend(|| {
        let _ = writeln!(out, "{line}");
    });
}

fn summary(out: &mut impl Write, checked: &Checked) -> std::io::Result<()> {
    write!(
        out,
        "{} segments, {} fragments, {} read",
        checked.segments,
        checked.fragments,
        output::bytes(checked.bytes)
    )?;
    if checked.open > 0 {
        write!(
            out,
            "; {} not checked, because they are being written",
            checked.open
        )?;
    }
    writeln!(out)?;
    if checked.lost_found_count > 0 {
        writeln!(out, "{} in lost+found:", checked.lost_found_count)?;
    }
    for path in &checked.lost_found {
        writeln!(out, "  {}", path.display())?;
    }
    for path in &checked.journals_set_aside {
        writeln!(out, "journal set aside: {}", path.display())?;
    }
    Ok(())
}

fn document(checked: &Checked, told: &Told) -> Verified {
    let paths = |paths: &[std::path::PathBuf]| -> Vec<String> {
        paths.iter().map(|path| path.display().to_string()).collect()
    };
    Verified {
        sound: checked.findings == 0,
        segments: checked.segments,
        fragments: checked.fragments,
        bytes: checked.bytes,
        being_written: checked.open,
        repaired: told.done.clone(),
        problems: told.findings.iter().map(problem).collect(),
        problems_left_out: checked.findings.saturating_sub(told.findings.len() as u64),
        lost_found: paths(&checked.lost_found),
        lost_found_count: checked.lost_found_count,
        journals_set_aside: paths(&checked.journals_set_aside),
    }
}

fn problem(finding: &Finding) -> Problem {
    let fragment = finding.fragment.as_ref().map(|fragment| ProblemFragment {
        number: fragment.number,
        offset: fragment.offset,
        start: rfc3339(fragment.start),
        duration_s: fragment.duration as f64 / 1e6,
    });
    Problem {
        path: finding.path.display().to_string(),
        segment: finding.segment.map(|segment| segment.to_string()),
        fragment,
        what: finding.what.clone(),
        recordings: finding.recordings.iter().map(ToString::to_string).collect(),
    }
}
