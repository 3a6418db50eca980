//! A media worker that serves at a socket of a test.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::cli::command;
use super::wait::wait_until;

/// `edgereel media-worker --listen`. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
}

impl Worker {
    /// Starts one that decodes by this program, and waits until it serves.
    #[track_caller]
    pub(crate) fn start(socket: &Path, program: &Path) -> Self {
        let mut command = command();
        command.args(["media-worker", "--listen"]).arg(socket);
        command.arg("--program").arg(program);
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = quiet.spawn().unwrap();
        let worker = Self { child };
        wait_until("the worker to serve", || UnixStream::connect(socket).is_ok());
        worker
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program in place of ffmpeg: it notes in `decoder.runs` that it ran, and gives a JPEG of 32 by 18 with these bytes in its scan.
pub(crate) fn decoder(folder: &Path, scan: &[u8]) -> PathBuf {
    let head = [
        0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 18, 0, 32, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0,
    ];
    let path = folder.join("decoder");
    std::fs::write(
        folder.join("decoder.jpg"),
        [&head[..], scan, &[0xff, 0xd9]].concat(),
    )
    .unwrap();
    let script = "#!/bin/sh\necho ran >> $0.runs\ncat > /dev/null\ncat $0.jpg\n";
    // Another process writes it: a file that this one has open for writing, also in a child of another test, cannot be run.
    let write = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let written = Command::new("sh")
        .args(["-c", write])
        .arg(&path)
        .arg(script)
        .status();
    assert!(written.unwrap().success());
    path
}
