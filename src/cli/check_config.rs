//! `edgereel check-config`: prints the configuration that is in force, or its mistake and the place of it.

use std::io::Write as _;

use super::open::{StoreArgument, machine};
use super::output;
use crate::config::Advice;
use crate::daemon;

#[derive(clap::Args)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    store: StoreArgument,
}

impl CheckConfig {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.store.config()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "# {}", self.store.source())?;
        out.write_all(config.to_toml().as_bytes())?;
        for address in config.http.addresses(&machine()) {
            writeln!(out, "\n# note: viewers open {address}")?;
        }
        if let Some(socket) = config.media.named().filter(|socket| !socket.exists()) {
            writeln!(
                out,
                "\n# note: no media worker is at {} now, and without one there is no frame.jpg: docs/pictures.md",
                socket.display()
            )?;
        }
        let now = jiff::Timestamp::now().as_microsecond();
        let of_file = self.store.advice(&config);
        let (path, text) = self.store.file()?;
        let place = |advice: &Advice| {
            let (path, line) = path.as_ref().zip(config.line_of(&text, advice))?;
            Some(format!("{}:{line}: ", path.display()))
        };
        for advice in config
            .advice()
            .iter()
            .chain(&config.advice_of_tasks(now))
            .chain(&of_file)
        {
            eprintln!("edgereel: warning: {}{advice}", place(advice).unwrap_or_default());
        }
        for template in config.templates.iter().filter(|template| template.keeps_gaps()) {
            writeln!(
                out,
                "\n# note: gaps = \"keep\" of template '{}' works for sound in AAC LC, HE-AAC, MP3, and Opus of up to two channels; \
                 for other codecs, and in HLS, gaps are closed",
                template.name
            )?;
        }
        // The service may run as another user, and have credentials that are not available here.
        let unread = [
            daemon::authorizer(&config).err(),
            daemon::certificate(&config).err(),
            daemon::https_certificate(&config).err(),
            daemon::viewers(&config).err().map(anyhow::Error::from),
            daemon::authority(&config).err(),
            config
                .mqtt
                .as_ref()
                .and_then(|mqtt| daemon::broker_keys(mqtt).err()),
            config
                .review
                .as_ref()
                .and_then(|review| daemon::review_key(review).err()),
        ];
        let unsigned = config
            .callbacks
            .iter()
            .filter_map(|callback| daemon::callback_key(callback).err());
        for error in unread.into_iter().flatten().chain(unsigned) {
            writeln!(out, "\n# note: as this user, {}", output::told(&error))?;
        }
        Ok(())
    }
}
