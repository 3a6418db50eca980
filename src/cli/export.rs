//! `edgereel export`: a file that plays, from a recording.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

use super::open::StoreArgument;
use super::output;
use super::when::{When, rfc3339};
use crate::format::adts::Adts;
use crate::format::flv::Flv;
use crate::format::hls::{Hls, TARGET_MS};
use crate::format::mp4::Mp4;
use crate::format::{Format, Rendition, TapeSource, View};
use crate::media::Micros;

/// Read and written at a time: large enough that flash and disk are asked seldom.
const BLOCK: usize = 1 << 20;

#[derive(clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    store: StoreArgument,
    /// Which recording: an id as `edgereel ls` prints it, or its beginning.
    #[arg(value_name = "RECORDING", required_unless_present = "last")]
    recording: Option<String>,
    /// The newest recording.
    #[arg(long, conflicts_with = "recording")]
    last: bool,
    /// mp4, fmp4, flv, hls or aac.
    #[arg(long)]
    format: Format,
    /// From here on: a time (RFC 3339), or a length of time from the beginning. The file begins at the last
    /// keyframe at or before; an MP4 shows nothing before the first picture asked for.
    #[arg(long, value_name = "T")]
    from: Option<When>,
    /// Up to here, exactly, in the same terms.
    #[arg(long, value_name = "T")]
    to: Option<When>,
    /// The file to make (of HLS, the folder); `-` for standard output. aac makes M4A unless it ends in .aac.
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
}

/// Where a rendition goes.
pub(super) enum Target {
    Path(PathBuf),
    StandardOutput,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let target = match self.output.to_str() {
            Some("-") if self.format == Format::Hls => {
                bail!("HLS is a folder and cannot go to standard output")
            }
            Some("-") => Target::StandardOutput,
            _ => Target::Path(self.output),
        };
        let library = self.store.library()?;
        let recording = library.find(self.recording.as_deref().unwrap_or("last"))?;
        let view = library.view(recording.id)?;
        let bar = output::bytes_bar("exported", recording.bytes);
        let result = if self.from.is_some() || self.to.is_some() {
            let from = self.from.map_or(i64::MIN, |when| when.from(recording.start));
            let to = self.to.map_or(i64::MAX, |when| when.from(recording.start));
            let trimmed = view.trim(from, to)?;
            let Some((start, end)) = utc_bounds(&trimmed)? else {
                bail!("recording {} has nothing between these times", recording.id);
            };
            eprintln!("from {} to {}", rfc3339(start), rfc3339(end));
            write(trimmed, self.format, &target, &bar)
        } else {
            write(view, self.format, &target, &bar)
        };
        bar.finish_and_clear();
        result.with_context(|| format!("cannot export recording {}", recording.id))
    }
}

/// UTC of where a view begins and ends.
fn utc_bounds<S: TapeSource>(view: &View<S>) -> anyhow::Result<Option<(Micros, Micros)>> {
    let bounds = view.bounds()?;
    Ok(bounds.and_then(|(start, end)| view.utc(start).zip(view.utc(end))))
}

/// Makes the rendition of a view.
pub(super) fn write<S: TapeSource + Clone>(
    view: View<S>,
    format: Format,
    target: &Target,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let raw_aac = matches!(target, Target::Path(path) if path.extension().is_some_and(|end| end == "aac"));
    match format {
        Format::Mp4 => one(&mut Mp4::open(view)?, target, bar),
        Format::Fmp4 => one(&mut crate::format::Fmp4::open(view)?, target, bar),
        Format::Flv => one(&mut Flv::open(view)?, target, bar),
        Format::Aac if raw_aac => one(&mut Adts::open(view)?, target, bar),
        Format::Aac => one(&mut Mp4::open_audio(view)?, target, bar),
        Format::Hls => match target {
            Target::Path(folder) => folder_of(&Hls::open(view, TARGET_MS)?, folder, bar),
            Target::StandardOutput => bail!("HLS is a folder and cannot go to standard output"),
        },
    }
}

fn one(rendition: &mut dyn Rendition, target: &Target, bar: &ProgressBar) -> anyhow::Result<()> {
    bar.set_length(rendition.len());
    match target {
        Target::Path(path) => into_file(rendition, path, bar),
        Target::StandardOutput => copy(rendition, &mut std::io::stdout().lock(), bar),
    }
}

fn folder_of<S: TapeSource + Clone>(hls: &Hls<S>, folder: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let shown = folder.display();
    if folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        bail!("'{shown}' is not empty: files of two exports would be mixed there");
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make '{shown}'"))?;
    bar.set_length(hls.files().map(|(_, length)| length).sum());
    // In their own order, the playlist last: whoever sees it finds everything it names.
    for mut file in (0..hls.count()).map_while(|number| hls.file(number)) {
        let path = folder.join(file.name());
        into_file(&mut file, &path, bar)?;
    }
    Ok(())
}

/// Beside the path first, then renamed: whoever sees the file sees all of it.
fn into_file(rendition: &mut dyn Rendition, path: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = create(&part).and_then(|file| copy(rendition, &mut BufWriter::with_capacity(0, file), bar));
    let placed = written.and_then(|()| rename(&part, path));
    if placed.is_err() {
        remove(&part);
    }
    placed.with_context(|| format!("cannot write '{}'", path.display()))
}

fn copy(rendition: &mut dyn Rendition, out: &mut dyn Write, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut offset = 0;
    loop {
        let count = rendition.read_at(offset, &mut block)?;
        let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        out.write_all(bytes)?;
        offset += count as u64;
        bar.inc(count as u64);
    }
    out.flush()?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
pub(super) fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot make '{}'", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    Ok(std::fs::rename(from, to)?)
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
fn remove(path: &Path) {
    // What is left of a failed export is of no use; that it could not be removed either changes nothing.
    let _ = std::fs::remove_file(path);
}
