//! `edgereel check-config`: what is in force, or what is wrong and where.

use std::io::Write as _;

use super::open::ConfigArgument;

#[derive(clap::Args)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    config: ConfigArgument,
}

impl CheckConfig {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "# {}", self.config.source())?;
        out.write_all(config.to_toml().as_bytes())?;
        Ok(())
    }
}
