//! `edgereel completions`: the script with which a shell completes commands, options and values.

use clap_complete::Shell;
use clap_complete::env::Shells;

use super::complete::VARIABLE;

/// The script for bash. Bash parts words at `=`, and clap's own script would ask about `mp4` alone in `--format=mp4`.
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

/// The script that makes a shell ask this program, which the shell finds on its PATH.
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
