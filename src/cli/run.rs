//! `edgereel run`: the service.

use super::open::ConfigArgument;
use crate::daemon;

#[derive(clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigArgument,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let again = self.config;
        daemon::block_on(daemon::run(config, Box::new(move || again.load())))
    }
}
