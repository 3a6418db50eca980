//! `edgereel run`: the service.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use super::open::StoreArgument;
use super::output;
use crate::daemon;

#[derive(clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    store: StoreArgument,
}

/// An error that `check-config` would report, too. A restart does not help. An error that depends on the rest of the box (a
/// port, a store, a file with a key) is different: it may disappear by itself.
#[derive(Debug, thiserror::Error)]
#[error("{}", output::told(.0))]
pub(super) struct WrongConfiguration(anyhow::Error);

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.store.config().map_err(|error| {
            if may_pass(&error) {
                error
            } else {
                WrongConfiguration(error).into()
            }
        })?;
        let again = self.store;
        let said = again.advice(&config).into_iter();
        let service = async {
            said.for_each(|advice| tracing::warn!("{advice}"));
            let reload = move || {
                let config = again.config()?;
                let of_file = again.advice(&config);
                Ok((config, of_file))
            };
            daemon::run(config, Arc::new(reload)).await
        };
        daemon::block_on(service)
    }
}

/// True for an existing file that may be readable the next time: a storage device can fail for a moment.
fn may_pass(error: &anyhow::Error) -> bool {
    let lasts = [
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::NotADirectory,
        ErrorKind::IsADirectory,
        ErrorKind::InvalidData,
    ];
    error
        .downcast_ref::<Error>()
        .is_some_and(|error| !lasts.contains(&error.kind()))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_card_that_cannot_be_read_is_no_wrong_configuration() {
        let error = |kind| {
            Err::<(), _>(Error::from(kind))
                .context("cannot read")
                .unwrap_err()
        };
        assert!(may_pass(&error(ErrorKind::Other)));
        assert!(!may_pass(&error(ErrorKind::NotFound)));
        assert!(!may_pass(&anyhow::anyhow!("it is no configuration")));
    }
}
