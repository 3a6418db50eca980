//! `edgereel export`: makes playable files from recordings.

mod file;
mod named;
mod overwrite;
mod range;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use super::interrupt::Interrupt;
use super::open::StoreArgument;
use super::output;
use crate::config::Span;
use crate::event::rfc3339;
use crate::format::mp4::Labels;
use crate::format::{Change, Format, Gaps, Lapse, MAX_RANGES, TapeSource, View};
use crate::media::{Micros, RecordingId, TrackKind, Zone};
use crate::model::When;
use crate::store::{Library, LibrarySource};

pub(super) use file::create;
use file::{Target, Watch, write};
use range::Range;

#[derive(clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    store: StoreArgument,
    /// The recording: its id as `edgereel ls` prints it, or the beginning of the id. ID@FROM..TO is a part of it, with
    /// FROM and TO as in --from and --to. Several are joined to one file, in the order given.
    #[arg(
        value_name = "RANGE",
        required_unless_present = "last",
        add = ArgValueCompleter::new(complete::recordings)
    )]
    ranges: Vec<Range>,
    /// Export the newest recording.
    #[arg(long, conflicts_with = "ranges")]
    last: bool,
    /// The format: mp4, fmp4, flv, hls or aac. Default is what the end of the output's name gives: .mp4, .flv, .m4a, .aac,
    /// or / (a folder) for hls.
    #[arg(long, add = complete::formats())]
    format: Option<Format>,
    /// The start: a time (RFC 3339), or a length of time from the beginning (START in `edgereel ls`). The file begins at the last
    /// keyframe at or before the start; an MP4 shows nothing before the start.
    #[arg(long, value_name = "T")]
    from: Option<When>,
    /// The end, exact, written as in --from.
    #[arg(long, value_name = "T")]
    to: Option<When>,
    /// Gaps where the publisher was away: close them or keep them; default is the setting of the recording's
    /// template. HLS always closes gaps, and gives the date of the media that follows.
    #[arg(long, value_name = "GAPS")]
    gaps: Option<Gaps>,
    /// Split into files of this length, numbered from OUT-1; each file ends at the next keyframe.
    #[arg(long, value_name = "LENGTH")]
    split: Option<Span>,
    /// Export only this file of a recording that needs several files because its codec or size changes.
    #[arg(long, value_name = "N", conflicts_with = "split")]
    part: Option<NonZeroUsize>,
    /// A time lapse, so many times faster (2 to 3600): an MP4 of the keyframes alone, without sound. Gaps are closed.
    #[arg(long, value_name = "SPEED", conflicts_with_all = ["split", "gaps"],
        value_parser = clap::value_parser!(u32).range(bounds(&Lapse::SPEEDS)))]
    timelapse: Option<u32>,
    /// The most pictures of a second of a time lapse (1 to 60); keyframes in between are left out.
    #[arg(long, value_name = "N", requires = "timelapse", default_value_t = Lapse::USUAL_FPS,
        value_parser = clap::value_parser!(u32).range(bounds(&Lapse::FPS)))]
    fps: u32,
    /// Add a track to an MP4 that shows when each moment was, by the clock of the template's time zone. Players show it when
    /// somebody chooses it among the subtitles. The template can say this for all of its recordings.
    #[arg(long, conflicts_with = "timelapse")]
    times: bool,
    /// The file to make (for HLS, the folder); `-` is standard output. aac makes M4A unless the name ends in .aac.
    #[arg(short, long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    output: PathBuf,
    /// Overwrite an existing file or HLS export. Without --force edgereel asks on a terminal; in a script it replaces an
    /// earlier export and refuses to replace any other file.
    #[arg(short = 'f', long)]
    force: bool,
}

fn bounds(of: &RangeInclusive<u32>) -> RangeInclusive<i64> {
    i64::from(*of.start())..=i64::from(*of.end())
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let format = named::format(self.format, &self.output)?;
        let target = match self.output.to_str() {
            Some("-") if format == Format::Hls => {
                bail!("HLS is a folder and cannot go to standard output")
            }
            Some("-") => Target::StandardOutput,
            _ => Target::Path(self.output.clone()),
        };
        let ranges = self.ranges()?;
        let library = self.store.library()?;
        let times = self.times(&library, &ranges, format)?;
        self.expect_joined(&library, &ranges, format)?;
        let (mut view, bytes) = joined(&library, &ranges)?;
        if let Some(gaps) = self.gaps {
            view = view.gaps(gaps);
        }
        if let Some(warning) = closed_gaps(&view, format) {
            eprintln!("edgereel: warning: {warning}");
        }
        let of_what = match ranges.as_slice() {
            [range] => format!("cannot export recording {}", range.recording),
            _ => "cannot export these ranges".to_owned(),
        };
        if let Some(speed) = self.timelapse {
            if format != Format::Mp4 {
                bail!("a time lapse is an MP4: use --format mp4, or end the name of the output in .mp4");
            }
            view = view
                .lapse(Lapse::new(speed, self.fps)?)
                .context(of_what.clone())?;
        }
        let files = self.files(view, format, &target).context(of_what.clone())?;
        let targets: Vec<&Target> = files.iter().map(|(_, target)| target).collect();
        overwrite::ask(format, &targets, self.force)?;
        let interrupt = Interrupt::listen()?;
        // The words of one recording are not those of several that are joined.
        let (labelled, mut is_part) = match ranges.as_slice() {
            [range] => (Some(library.find(&range.recording)?), !range.is_whole()),
            _ => (None, false),
        };
        is_part |= files.len() > 1 || self.part.is_some() || self.gaps.is_some();
        let bar = output::bytes_bar("exported", bytes);
        let mut written = files.into_iter();
        let result = written.try_for_each(|(view, target)| {
            bar.reset();
            let labels = match &labelled {
                Some(row) if self.timelapse.is_some() => Labels {
                    chapters: Vec::new(),
                    ..row.labels()
                },
                Some(row) if is_part => row.labels_of(&view),
                Some(row) => row.labels(),
                None => Labels::default(),
            };
            let times = times.clone();
            let labels = Labels { times, ..labels };
            write(
                view,
                &labels,
                (format, &target),
                Watch {
                    bar: &bar,
                    interrupt: &interrupt,
                },
            )
        });
        bar.finish_and_clear();
        result.context(of_what)
    }

    /// The zone of the track of times, if the file is to have one. Of several recordings the first one decides.
    fn times(&self, library: &Library, ranges: &[Range], format: Format) -> anyhow::Result<Option<Zone>> {
        let Some(range) = ranges.first().filter(|_| self.timelapse.is_none()) else {
            return Ok(None);
        };
        let times = library.find(&range.recording)?.times(self.times.then_some(true));
        if self.times && (format != Format::Mp4 || times.is_none()) {
            bail!(
                "only an MP4 has a track of times, and that of a time lapse has none: leave --times out, or use --format mp4"
            );
        }
        Ok(times)
    }

    /// Refuses what there is not of a composition that is played in another way than its tape.
    fn expect_joined(&self, library: &Library, ranges: &[Range], format: Format) -> anyhow::Result<()> {
        let is_all = matches!(ranges, [range] if range.is_whole());
        let is_as_it_is = is_all && self.timelapse.is_none() && self.split.is_none() && self.gaps.is_none();
        if is_as_it_is && format == Format::Mp4 {
            return Ok(());
        }
        for range in ranges {
            let row = library.find(&range.recording)?;
            if !row.form.is_joined() {
                bail!(
                    "recording {} is {}: all of it can be exported as an MP4, and nothing else of it",
                    row.id,
                    row.form
                );
            }
        }
        Ok(())
    }

    /// The requested ranges, in whichever way they were given.
    fn ranges(&self) -> anyhow::Result<Vec<Range>> {
        let mut ranges = self.ranges.clone();
        if self.last {
            ranges.push(Range::whole("last"));
        }
        if ranges.len() > MAX_RANGES {
            bail!(
                "{} ranges are too many for one file; at most {MAX_RANGES} are allowed",
                ranges.len()
            );
        }
        if self.from.is_some() || self.to.is_some() {
            match ranges.as_mut_slice() {
                [range] if range.is_whole() => (range.from, range.to) = (self.from, self.to),
                _ => bail!(
                    "--from and --to are for one recording; for several, write RECORDING@FROM..TO for each"
                ),
            }
        }
        Ok(ranges)
    }

    /// The files to make, each with its view.
    fn files(
        &self,
        view: View<LibrarySource>,
        format: Format,
        target: &Target,
    ) -> anyhow::Result<Vec<(View<LibrarySource>, Target)>> {
        let view = match format {
            Format::Aac => view.only(TrackKind::Audio),
            _ => view,
        };
        let changes = view.changes();
        let between_ranges = changes.iter().find(|change| change.ranges.0 != change.ranges.1);
        if let (Some(change), false) = (between_ranges, format == Format::Hls) {
            bail!("{change}; HLS can carry that");
        }
        let mut parts = match format {
            Format::Mp4 | Format::Fmp4 | Format::Aac => view.parts(),
            Format::Flv | Format::Hls => vec![view],
        };
        if let Some(number) = self.part {
            let count = parts.len();
            let part = (number.get() <= count).then(|| parts.swap_remove(number.get() - 1));
            let part = part.with_context(|| format!("there is no part {number}; there are {count}"))?;
            return Ok(vec![(part, target.clone())]);
        }
        let several = parts.len() > 1 || self.split.is_some();
        if let (Target::StandardOutput, true) = (target, several) {
            bail!(match changes.first() {
                Some(change) if parts.len() > 1 => format!(
                    "{}: standard output takes one file; choose one of {} with --part",
                    told(change),
                    parts.len()
                ),
                _ => "standard output takes one file: it cannot be split".to_owned(),
            });
        }
        if let Some(split) = self.split {
            let pieces = parts.into_iter().map(|part| part.split(split.as_micros()));
            let pieces: Vec<Vec<_>> = pieces.collect::<Result<_, _>>()?;
            let pieces = pieces.into_iter().flatten();
            return Ok(pieces
                .zip(1..)
                .map(|(piece, number)| (piece, target.numbered(number)))
                .collect());
        }
        if parts.len() > 1 {
            let changes: Vec<String> = changes.iter().map(told).collect();
            eprintln!("{}: {} files are made", changes.join(", "), parts.len());
        }
        let numbered = parts.into_iter().zip(1..).map(|(part, number)| match number {
            1 => (part, target.clone()),
            _ => (part, target.numbered(number)),
        });
        Ok(numbered.collect())
    }
}

/// The ranges as one view, and the most bytes of tape that it can have. Prints the beginning and the end of each range that is a
/// part of a recording.
fn joined(library: &Library, ranges: &[Range]) -> anyhow::Result<(View<LibrarySource>, u64)> {
    let mut known: HashMap<RecordingId, View<LibrarySource>> = HashMap::new();
    let mut views = Vec::with_capacity(ranges.len());
    let mut bytes = 0_u64;
    for (number, range) in (1..).zip(ranges) {
        let recording = library.find(&range.recording)?;
        let view = match known.get(&recording.id) {
            Some(view) => view.clone(),
            None => known
                .entry(recording.id)
                .or_insert(library.view(recording.id)?)
                .clone(),
        };
        bytes = bytes.saturating_add(recording.bytes);
        if range.is_whole() {
            views.push(view);
            continue;
        }
        if recording.composed && view.segments.iter().any(|segment| segment.range > 0) {
            bail!(
                "recording {} is put together of ranges, and has no part from one time to another: `edgereel recording cut` makes a recording of a part of it",
                recording.id
            );
        }
        let from = range.from.map_or(Micros::MIN, |when| when.from(recording.start));
        let to = range.to.map_or(Micros::MAX, |when| when.from(recording.start));
        let trimmed = view.trim(from, to)?;
        let Some((start, end)) = utc_bounds(&trimmed)? else {
            bail!("recording {} has nothing between these times", recording.id);
        };
        let which = if ranges.len() > 1 {
            format!("range {number}: ")
        } else {
            String::new()
        };
        eprintln!("{which}from {} to {}", rfc3339(start), rfc3339(end));
        views.push(trimmed);
    }
    let mut views = views.into_iter();
    let first = views.next().context("there is nothing to export")?;
    let others: Vec<_> = views.collect();
    if others.is_empty() {
        Ok((first, bytes))
    } else {
        Ok((first.join(others), bytes))
    }
}

/// The warning that gaps are closed although they are to be kept, if that is so.
fn closed_gaps<S>(view: &View<S>, format: Format) -> Option<String> {
    if format == Format::Hls {
        return view.keeps_a_gap().then(|| {
            "gaps are closed: HLS has no chunk as long as a gap; its dates (EXT-X-PROGRAM-DATE-TIME) keep the clock".to_owned()
        });
    }
    let codec = view.closed_gap()?;
    Some(format!(
        "gaps before or behind sound in {codec} are closed: edgereel makes no silent frames for this codec (it does for AAC LC, HE-AAC, \
         MP3, and Opus of up to two channels)"
    ))
}

fn told(change: &Change) -> String {
    format!("{change} at {}", rfc3339(change.at))
}

/// UTC of the beginning and the end of a view.
fn utc_bounds<S: TapeSource>(view: &View<S>) -> anyhow::Result<Option<(Micros, Micros)>> {
    let bounds = view.bounds()?;
    Ok(bounds.and_then(|(start, end)| view.utc(start).zip(view.utc(end))))
}
