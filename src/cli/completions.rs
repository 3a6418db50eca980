//! `edgereel completions`: what a shell needs to complete commands, options and values.

use clap_complete::Shell;
use clap_complete::env::Shells;

use super::complete::VARIABLE;

/// For bash, which parts words at `=`: of `--format=mp4`, clap's own script is asked about `mp4` alone.
const BASH: &str = include_str!("completions.bash");

/// Print a completion script for a shell.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        super::output::bytes_of(script(self.shell)?.as_bytes())
    }
}

/// What makes a shell ask this program, which it finds on its PATH.
pub(super) fn script(shell: Shell) -> anyhow::Result<String> {
    if shell == Shell::Bash {
        return Ok(BASH.to_owned());
    }
    let name = shell.to_string();
    let known = Shells::builtins();
    let completer = known
        .completer(&name)
        .ok_or_else(|| anyhow::anyhow!("the shell {name} is not supported"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "edgereel", "edgereel", "edgereel", &mut script)?;
    Ok(String::from_utf8(script)?)
}
