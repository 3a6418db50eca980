//! `edgereel completions`: what a shell needs to complete commands and options.

/// Print a completion script for a shell.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(&self, mut whole: clap::Command) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut whole, "edgereel", &mut script);
        super::output::bytes_of(&script)
    }
}
