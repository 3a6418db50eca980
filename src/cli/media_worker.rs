//! `edgereel media-worker`: decodes pictures for a recorder.

use std::ffi::OsString;
use std::path::PathBuf;

use super::output;
use crate::worker::{Decoder, listen, serve_input};

/// Make pictures for the service, in a process of its own.
///
/// edgereel-media.socket of systemd starts it for each picture, with the connection as standard input. It runs ffmpeg.
#[derive(clap::Args)]
pub(super) struct MediaWorker {
    /// Without systemd: listen at this socket, and serve until it is ended.
    ///
    /// Then nothing bounds its memory and its rights: start it below a limit (ulimit -v), and give it a low priority (nice).
    #[arg(long, value_name = "PATH", conflicts_with = "check")]
    listen: Option<PathBuf>,
    /// The ffmpeg to run: a name or a path.
    #[arg(long, value_name = "PROGRAM", default_value = "ffmpeg")]
    program: OsString,
    /// Say whether pictures can be made here, and end.
    #[arg(long)]
    check: bool,
}

impl MediaWorker {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let decoder = Decoder::new(self.program);
        if self.check {
            let took = decoder.check().map_err(anyhow::Error::msg)?;
            return output::line(&format!(
                "pictures can be made here: a small one took {} ms",
                took.as_millis()
            ));
        }
        match self.listen {
            Some(path) => {
                eprintln!(
                    "edgereel: the media worker serves at {}; nothing limits its memory",
                    path.display()
                );
                listen(&path, &decoder)?;
            }
            None => serve_input(&decoder)?,
        }
        Ok(())
    }
}
