//! Asks a service whether a publish may begin: one POST, and its status is the answer.

use std::error::Error;

use rustls::RootCertStore;
use tokio::sync::OnceCell;
use tracing::{debug, warn};

use crate::access::{HookFailure, Reason};
use crate::config::Hook;
use crate::https::{self, with_causes};
use crate::recorder::PublishRequest;

/// Clients, made when the first is asked for. Both are small and share nothing with a connection.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    plain: OnceCell<reqwest::Client>,
    /// Knows the certificates that the system trusts.
    tls: OnceCell<reqwest::Client>,
}

/// What a service is told. No secret is in it that is known to be one.
#[derive(serde::Serialize)]
struct Question<'a> {
    action: &'static str,
    app: &'a str,
    stream: &'a str,
    ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    query: &'a str,
}

impl Hooks {
    /// Waits for the answer, no longer than the hook's time. Whatever is not a yes is a no.
    pub(super) async fn ask(&self, hook: &Hook, request: &PublishRequest) -> Result<(), Reason> {
        let asking = self.answer(hook, question(request));
        let answer = tokio::time::timeout(hook.timeout.duration(), asking).await;
        answer.unwrap_or(Err(Reason::HookFailed(HookFailure::TimedOut)))
    }

    async fn answer(&self, hook: &Hook, body: String) -> Result<(), Reason> {
        let client = match hook.url.is_tls() {
            false => {
                self.plain
                    .get_or_try_init(|| async { client(RootCertStore::empty()) })
                    .await
            }
            true => {
                self.tls
                    .get_or_try_init(|| async { client(trusted().await) })
                    .await
            }
        };
        let client = client.map_err(Reason::HookFailed)?;
        let post = client
            .post(hook.url.expose())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        let answer = post.send().await.map_err(|error| {
            let what = match (error.is_connect(), error.is_builder()) {
                (true, _) => HookFailure::Unreachable,
                (false, true) => HookFailure::Unusable,
                (false, false) => HookFailure::NoAnswer,
            };
            // The address may hold a token.
            debug!(hook = %hook.url, "{what}: {}", with_causes(&error.without_url()));
            Reason::HookFailed(what)
        })?;
        debug!(hook = %hook.url, status = answer.status().as_u16(), "asked whether a publish may begin");
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(Reason::HookRefused(answer.status().as_u16())),
        }
    }
}

fn question(request: &PublishRequest) -> String {
    let question = Question {
        action: "publish",
        app: request.stream.app(),
        stream: request.stream.name(),
        ip: request.peer.ip().to_canonical().to_string(),
        domain: request.domain.as_deref(),
        query: &request.query,
    };
    // Nothing in it can fail to be JSON; what cannot be asked would be refused.
    serde_json::to_string(&question).unwrap_or_default()
}

fn client(roots: RootCertStore) -> Result<reqwest::Client, HookFailure> {
    let unusable = |error: &dyn Error| {
        warn!("no service can be asked who may push: {}", with_causes(error));
        HookFailure::Unusable
    };
    https::client(roots)
        .map_err(|error| unusable(&error))?
        // A service closes an idle connection when it likes, also just when it is asked: a publisher would be turned away
        // for that. Publishes are too rare for a kept one to be worth it.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| unusable(&error))
}

/// What the system trusts.
async fn trusted() -> RootCertStore {
    let roots = https::trusted().await;
    if roots.is_empty() {
        warn!(
            "the system trusts no certificates (is ca-certificates installed?): no hook under https can be asked"
        );
    }
    roots
}
