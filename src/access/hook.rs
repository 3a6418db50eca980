//! Asks a service whether a client may have a stream: one POST. The HTTP status is the answer.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::RootCertStore;
use tokio::sync::OnceCell;
use tracing::{debug, warn};

use super::{Client, Grant, HookFailure, Reason};
use crate::config::Hook;
use crate::defect;
use crate::https::{self, with_causes};
use crate::media::StreamName;

/// What a service is asked about. It holds no parameter that is known to be a secret.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The stream that the client asks for.
    pub stream: &'a StreamName,
    /// The address that the connection comes from.
    pub peer: IpAddr,
    /// The host of the address that the client asked for.
    pub domain: Option<&'a str>,
    /// The query, without secrets.
    pub query: &'a str,
}

/// Clients of HTTP, each made when it is first needed. Both are small and share no connection.
#[derive(Debug)]
pub(super) struct Hooks {
    client: &'static Client,
    plain: OnceCell<reqwest::Client>,
    /// The client that knows the certificates that the system trusts.
    tls: OnceCell<reqwest::Client>,
}

/// The body of the POST, as JSON.
#[derive(serde::Serialize)]
struct Body<'a> {
    action: &'static str,
    app: &'a str,
    stream: &'a str,
    ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    query: &'a str,
}

impl Hooks {
    pub(super) fn new(client: &'static Client) -> Self {
        Self {
            client,
            plain: OnceCell::new(),
            tls: OnceCell::new(),
        }
    }

    /// Asks one service after the other, and gives the first yes, or else the last no.
    pub(super) async fn ask(
        &self,
        hooks: &[(Hook, Arc<Grant>)],
        question: &Question<'_>,
    ) -> Result<Arc<Grant>, Reason> {
        let mut answer = Err(Reason::NotListed);
        for (hook, grant) in hooks {
            answer = self.ask_one(hook, question).await.map(|()| Arc::clone(grant));
            if answer.is_ok() {
                break;
            }
        }
        answer
    }

    /// Waits for the answer, no longer than the hook's timeout. Every other answer than a yes is a no.
    async fn ask_one(&self, hook: &Hook, question: &Question<'_>) -> Result<(), Reason> {
        let asking = self.answer(hook, body(self.client, question));
        let answer = tokio::time::timeout(hook.timeout.duration(), asking).await;
        answer.unwrap_or(Err(Reason::HookFailed(HookFailure::TimedOut)))
    }

    async fn answer(&self, hook: &Hook, body: String) -> Result<(), Reason> {
        let client = if !hook.url.is_tls() {
            self.plain
                .get_or_try_init(|| async { client(self.client, RootCertStore::empty()) })
                .await
        } else {
            self.tls
                .get_or_try_init(|| async { client(self.client, trusted().await) })
                .await
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
        debug!(hook = %hook.url, status = answer.status().as_u16(), "asked whether a client may {}", self.client.verb);
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(Reason::HookRefused(answer.status().as_u16()))
        }
    }
}

fn body(client: &Client, question: &Question<'_>) -> String {
    let body = Body {
        action: client.action,
        app: question.stream.app(),
        stream: question.stream.name(),
        ip: question.peer.to_canonical().to_string(),
        domain: question.domain,
        query: question.query,
    };
    defect::json(&body)
}

fn client(of: &Client, roots: RootCertStore) -> Result<reqwest::Client, HookFailure> {
    let unusable = |error: &dyn Error| {
        warn!(
            "no service can be asked who may {}: {}",
            of.verb,
            with_causes(error)
        );
        HookFailure::Unusable
    };
    https::client(roots)
        .map_err(|error| unusable(&error))?
        // A service may close an idle connection at any time, also just when it is asked. A publisher would then be turned
        // away. Publishes are too rare for a kept connection to be worth it.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| unusable(&error))
}

/// The certificates that the system trusts. A warning says when there are none.
async fn trusted() -> RootCertStore {
    let roots = https::trusted().await;
    if roots.is_empty() {
        warn!(
            "the system trusts no certificates (is ca-certificates installed?): no hook under https can be asked"
        );
    }
    roots
}
