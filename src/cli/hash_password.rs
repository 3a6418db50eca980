//! `edgereel hash-password`: the hash of a password, for a `[[viewer]]`.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use anyhow::{Context as _, ensure};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::output;
use crate::access::viewer::hash_password;

/// The shortest password. A shorter one is found by trying, however it is hashed.
const SHORTEST: usize = 8;
/// The longest password, in bytes.
const LONGEST: usize = 512;

/// Print the hash of a password, for `password` or `password_file` of a [[viewer]].
///
/// The password is read from the terminal, twice and unseen, or else from the first line of the standard input.
#[derive(clap::Args)]
pub(super) struct HashPassword {}

impl HashPassword {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let password = if std::io::stdin().is_terminal() {
            let unseen = Unseen::begin();
            let (first, second) = (asked("Password: ")?, asked("The same again: ")?);
            drop(unseen);
            ensure!(first == second, "the two passwords differ");
            first
        } else {
            line()?
        };
        ensure!(
            password.chars().count() >= SHORTEST,
            "a password has at least {SHORTEST} characters"
        );
        output::line(&hash_password(password.as_bytes())?.expose())
    }
}

fn asked(what: &str) -> anyhow::Result<String> {
    eprint!("{what}");
    let password = line();
    eprintln!();
    password
}

/// The next line of the standard input, without its end.
fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    let most = u64::try_from(LONGEST)? + 2;
    let read = std::io::stdin().lock().take(most).read_line(&mut line);
    read.context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(
        password.len() <= LONGEST,
        "a password has at most {LONGEST} bytes"
    );
    Ok(password.to_owned())
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Unseen(Option<Termios>);

impl Unseen {
    fn begin() -> Self {
        let terminal = std::io::stdin();
        let before = tcgetattr(&terminal).ok();
        if let Some(mut unseen) = before.clone() {
            unseen.local_flags.remove(LocalFlags::ECHO);
            // Where this fails the password is seen, by whoever types it.
            let _ = tcsetattr(&terminal, SetArg::TCSAFLUSH, &unseen);
        }
        Self(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSAFLUSH, before);
        }
    }
}
