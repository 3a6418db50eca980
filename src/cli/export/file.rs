//! A rendition into a file, a folder or a pipe.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

use crate::format::adts::Adts;
use crate::format::flv::Flv;
use crate::format::hls::{Hls, TARGET_MS};
use crate::format::mp4::Mp4;
use crate::format::{Format, Rendition, TapeSource, View};

/// Read and written at a time: large enough that flash and disk are asked seldom.
const BLOCK: usize = 1 << 20;

/// Where a rendition goes.
#[derive(Clone)]
pub(in crate::cli) enum Target {
    Path(PathBuf),
    StandardOutput,
}

impl Target {
    /// The same with a number: `OUT-2.mp4` of `OUT.mp4`.
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

/// Makes the rendition of a view.
pub(in crate::cli) fn write<S: TapeSource + Clone>(
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
pub(in crate::cli) fn create(path: &Path) -> anyhow::Result<File> {
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
