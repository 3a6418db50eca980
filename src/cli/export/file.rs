//! Writes a virtual file into a file, a folder or a pipe.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

use super::overwrite;
use crate::cli::interrupt::Interrupt;
use crate::format::adts::Adts;
use crate::format::flv::Flv;
use crate::format::hls::{Hls, TARGET_MS};
use crate::format::mp4::{Labels, Mp4};
use crate::format::{Format, Looked, TapeSource, View, VirtualFile};

/// Bytes that are read and written at a time. They are so many that flash and disk are accessed seldom.
const BLOCK: usize = 1 << 20;

/// Name of the folder that holds the files until all of them are there. It is in the target folder itself, so that each file is
/// moved in one step, whatever the target folder is: a mount point, or the current directory.
pub(super) const STAGING: &str = ".edgereel-export";

/// Where an export goes.
#[derive(Clone)]
pub(super) enum Target {
    Path(PathBuf),
    StandardOutput,
}

impl Target {
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Target::Path(path) => Some(path),
            Target::StandardOutput => None,
        }
    }

    /// The same target with a number: `OUT-2.mp4` for `OUT.mp4`.
    pub(super) fn numbered(&self, number: usize) -> Self {
        let Target::Path(path) = self else {
            return self.clone();
        };
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        Target::Path(path.with_file_name(name))
    }
}

/// The progress bar and the interrupt of an export.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) bar: &'a ProgressBar,
    pub(super) interrupt: &'a Interrupt,
}

/// Exports a view in a format, with what people wrote about it where the format has a place for that.
pub(super) fn write<S: TapeSource + Clone>(
    view: View<S>,
    labels: &Labels,
    (format, target): (Format, &Target),
    watch: Watch<'_>,
) -> anyhow::Result<()> {
    let raw_aac = matches!(target, Target::Path(path) if path.extension().is_some_and(|end| end == "aac"));
    let looked = Looked::default();
    match format {
        Format::Mp4 => one(&mut Mp4::resume(view, labels, looked)?.0, target, watch),
        Format::Fmp4 => one(&mut crate::format::Fmp4::open(view)?, target, watch),
        Format::Flv => one(&mut Flv::open(view)?, target, watch),
        Format::Aac if raw_aac => one(&mut Adts::open(view)?, target, watch),
        Format::Aac => one(&mut Mp4::resume_audio(view, labels, looked)?.0, target, watch),
        Format::Hls => match target {
            Target::Path(folder) => folder_of(&Hls::open(view, TARGET_MS)?, folder, watch),
            Target::StandardOutput => bail!("HLS is a folder and cannot go to standard output"),
        },
    }
}

fn one(made: &mut dyn VirtualFile, target: &Target, watch: Watch<'_>) -> anyhow::Result<()> {
    watch.bar.set_length(made.len());
    match target {
        Target::Path(path) => into_file(made, path, watch),
        Target::StandardOutput => copy(made, &mut std::io::stdout().lock(), watch),
    }
}

/// Makes all files beside the old ones, then moves them into their place. A failure leaves the folder as it was.
fn folder_of<S: TapeSource + Clone>(hls: &Hls<S>, folder: &Path, watch: Watch<'_>) -> anyhow::Result<()> {
    let shown = folder.display();
    let made = !folder.exists();
    let staging = folder.join(STAGING);
    // The remains of an export that was killed.
    let _ = std::fs::remove_dir_all(&staging);
    std::fs::create_dir_all(&staging).with_context(|| format!("cannot make '{shown}'"))?;
    let placed = into_staging(hls, &staging, watch).and_then(|names| {
        // The playlists go first, so that no reader sees one that names a missing file.
        let mut old = overwrite::of_hls(folder);
        old.sort_by_key(|path| path.extension().is_none_or(|end| end != "m3u8"));
        old.iter().for_each(|path| remove(path));
        // The files move in their own order, the playlist last: a reader that sees it finds every file that it names.
        names
            .iter()
            .try_for_each(|name| rename(&staging.join(name), &folder.join(name)))
            .with_context(|| format!("cannot write '{shown}'"))
    });
    let _ = std::fs::remove_dir_all(&staging);
    if made && placed.is_err() {
        let _ = std::fs::remove_dir(folder);
    }
    placed
}

fn into_staging<S: TapeSource + Clone>(
    hls: &Hls<S>,
    staging: &Path,
    watch: Watch<'_>,
) -> anyhow::Result<Vec<String>> {
    watch.bar.set_length(hls.files().map(|(_, length)| length).sum());
    let mut names = Vec::with_capacity(hls.count());
    for mut file in (0..hls.count()).map_while(|number| hls.file(number)) {
        let path = staging.join(file.name());
        into_file(&mut file, &path, watch)?;
        names.push(file.name().to_owned());
    }
    Ok(names)
}

/// Makes the file beside its path and renames it, so that a reader always sees the whole file.
fn into_file(made: &mut dyn VirtualFile, path: &Path, watch: Watch<'_>) -> anyhow::Result<()> {
    let cannot = || format!("cannot write '{}'", path.display());
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        // The path is a device or a pipe. A renamed file would replace it.
        return create(path)
            .and_then(|mut file| copy(made, &mut file, watch))
            .with_context(cannot);
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = create(&part).and_then(|file| copy(made, &mut BufWriter::with_capacity(0, file), watch));
    let placed = written.and_then(|()| rename(&part, path));
    if placed.is_err() {
        remove(&part);
    }
    placed.with_context(cannot)
}

fn copy(made: &mut dyn VirtualFile, out: &mut dyn Write, watch: Watch<'_>) -> anyhow::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut offset = 0;
    loop {
        watch.interrupt.check()?;
        let count = made.read_at(offset, &mut block)?;
        let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        out.write_all(bytes)?;
        offset += count as u64;
        watch.bar.inc(count as u64);
    }
    out.flush()?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
pub(in crate::cli) fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot make '{}'", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    Ok(std::fs::rename(from, to)?)
}

#[expect(clippy::disallowed_methods, reason = "a file for the user, not the tape")]
fn remove(path: &Path) {
    // The remains of a failed export are of no use. If they cannot be removed either, nothing changes.
    let _ = std::fs::remove_file(path);
}
