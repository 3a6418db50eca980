//! `edgereel token create` while no service runs: the key of the configuration makes a token, too.

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::open::{StoreArgument, machine};
use crate::access::viewer::VIEWER;
use crate::api::{self, token_claims, token_made};
use crate::daemon;
use crate::store::{Clock as _, RealClock};

/// The answer that the service would give.
pub(super) fn token(store: &StoreArgument, arguments: Map<String, Value>) -> anyhow::Result<Value> {
    let config = store.config()?;
    let claims = match token_claims(arguments, RealClock.utc(), RealClock.synced()) {
        Ok(claims) => claims,
        Err(failure) => return Ok(api::without_service(&Err(failure))),
    };
    // The service may run as another user, and have credentials that are not available here.
    let viewers = daemon::viewers(&config).context("as this user, no token can be made")?;
    let token = viewers.token(&claims);
    let token = token.map_err(|reason| anyhow::Error::msg(VIEWER.told(&reason)))?;
    let addresses = config.http.addresses(&machine());
    let address = addresses.first().map(|address| address.trim_end_matches('/'));
    let made = serde_json::to_value(token_made(token, &claims, address, false))?;
    Ok(api::without_service(&Ok(made)))
}
