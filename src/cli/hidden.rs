//! Secrets among the arguments of a command. Every user of a machine sees the arguments of its processes.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

/// Stands for an argument that comes from standard input.
pub(super) const FROM_INPUT: &str = "-";

/// The longest such argument, in bytes. It fits into a pipe that nobody reads yet.
const LONGEST: usize = 2_048;

/// Begins this program again without the secret among its arguments: the secret comes from standard input. Returns only where that is
/// not possible. The program then goes on as it is.
pub(super) fn hide(secret: &str) {
    if secret.len() > LONGEST {
        return;
    }
    let Ok((input, mut sent)) = std::io::pipe() else {
        return;
    };
    if sent.write_all(secret.as_bytes()).is_err() {
        return;
    }
    drop(sent);
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "edgereel".into());
    let shown = arguments.map(|argument| {
        if argument == secret {
            FROM_INPUT.into()
        } else {
            argument
        }
    });
    let error = Command::new("/proc/self/exe")
        .arg0(name)
        .args(shown)
        .stdin(input)
        .exec();
    tracing::debug!("the arguments are not hidden: {error}");
}

/// Reads an argument from standard input: its first line.
pub(super) fn read() -> anyhow::Result<String> {
    let mut text = String::new();
    let most = LONGEST as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
