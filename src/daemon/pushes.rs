//! Starts what sends channels to other servers. Everything is recorded without it, too.

use super::{keys, may_block};
use crate::api::Api;
use crate::config::Config;
use crate::doors::rtmp::{Pushing, Trust};
use crate::https::with_causes;

/// What sends channels to other servers. It has a thread once the configuration names a server.
#[derive(Default)]
pub(super) struct Pushes(Option<Pushing>);

impl Pushes {
    /// Takes over where channels may be sent to. Says what is wrong with it.
    pub(super) async fn configure(&mut self, config: &Config, api: &Api) -> Option<String> {
        api.set_push_to(config.channel.push_to.clone());
        if self.0.is_none() && config.channel.push_to.is_empty() {
            return None;
        }
        let of = config.channel.clone();
        let trust = match may_block(move || keys::push_trust(&of)).await {
            Ok(trust) => trust,
            Err(error) => Err(error),
        };
        let (trust, warning): (Option<Option<Trust>>, _) = match trust {
            Ok(trust) => (Some(trust), None),
            Err(error) => {
                let text = format!(
                    "no server under TLS gets a channel: {}",
                    with_causes(error.as_ref())
                );
                (None, Some(text))
            }
        };
        match &self.0 {
            Some(running) => trust.into_iter().for_each(|trust| running.set_trust(trust)),
            None => match Pushing::start(api.clone(), config.storage.dir.clone(), trust.flatten()) {
                Ok(running) => self.0 = Some(running),
                Err(error) => return Some(format!("no channel is sent to another server: {error}")),
            },
        }
        warning
    }

    /// Ends all publishes.
    pub(super) async fn stop(self) {
        if let Some(running) = self.0 {
            running.stop().await;
        }
    }
}
