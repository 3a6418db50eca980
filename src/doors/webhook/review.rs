//! The worker of `review.hook`: it asks a web service about recordings that a template holds back, until the service has answered.
//!
//! The journal says which recordings are to be asked about, so nothing is forgotten: not over a restart, nor where the service is away
//! for weeks. What failed, and when it is tried again, is known in memory alone: a start tries all at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::offer::{Door, signed};
use super::turns::{Turn, Turns};
use crate::api::{Api, HookStatus};
use crate::config::HookUrl;
use crate::media::RecordingId;
use crate::model::{Reason, Review, ReviewStatus};
use crate::store::Progress;
use crate::watch::{has_failed, may_fail};

/// The most bytes of an answer.
const MOST_ANSWER: usize = 4 << 10;
/// The most characters of an answer that a message repeats.
const EXCERPT: usize = 200;
/// How often recordings are looked for at least.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait before a journal that could not be read is read again.
const PAUSE: Duration = Duration::from_secs(2);

/// The name of the task.
const TASK: &str = "review.hook";

/// A web service that says whether viewers may have recordings.
#[derive(Clone)]
pub struct HookSettings {
    /// Its address, which may hold a token.
    pub url: HookUrl,
    /// The key that signs each question.
    pub key: Option<Vec<u8>>,
    /// How long after a failed try the next one comes.
    pub every: Duration,
    /// How long the service may take to answer.
    pub timeout: Duration,
}

/// The questions to a service, from their beginning to their end.
pub struct ReviewHook {
    task: Option<JoinHandle<()>>,
    again: Arc<Notify>,
    url: String,
    state: State,
}

/// How it goes, for people.
#[derive(Clone, Default)]
struct State(Arc<Mutex<Now>>);

#[derive(Default)]
struct Now {
    waiting: usize,
    next: Option<Instant>,
    error: Option<String>,
}

impl ReviewHook {
    /// Starts the worker on this runtime. `client` belongs to this hook alone, and keeps at most one connection.
    pub fn start(
        settings: HookSettings,
        client: Client,
        api: Api,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        let (again, state) = (Arc::new(Notify::new()), State::default());
        let url = settings.url.to_string();
        let asking = run(settings, client, api, progress, (again.clone(), state.clone()));
        Self {
            task: Some(tokio::spawn(asking)),
            again,
            url,
            state,
        }
    }

    /// A hook that cannot be asked, for this reason.
    pub fn unready(url: &HookUrl, reason: String) -> Self {
        let state = State::default();
        state.now().error = Some(reason);
        Self {
            task: None,
            again: Arc::default(),
            url: url.to_string(),
            state,
        }
    }

    /// All that failed is tried again at once.
    pub fn look_again(&self) {
        self.again.notify_one();
    }

    /// How it goes.
    pub fn status(&self) -> HookStatus {
        let now = self.state.now();
        HookStatus {
            url: self.url.clone(),
            waiting: now.waiting,
            next_in: now
                .next
                .map(|next| next.saturating_duration_since(Instant::now())),
            error: now.error.clone(),
        }
    }
}

impl Drop for ReviewHook {
    fn drop(&mut self) {
        // A recording that is being asked about is asked about again by the next worker.
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl State {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(
    settings: HookSettings,
    client: Client,
    api: Api,
    progress: watch::Receiver<Progress>,
    (again, state): (Arc<Notify>, State),
) {
    let begin = || {
        let worker = Worker {
            settings: settings.clone(),
            door: Door::new(client.clone()),
            api: api.clone(),
            state: state.clone(),
            away: None,
            turns: Turns::default(),
        };
        worker.work(progress.clone(), again.clone())
    };
    while has_failed(TASK, begin()).await {}
}

/// Why a recording has no answer.
enum Fault {
    /// The service cannot be asked now: other recordings would have none either.
    Away(String),
    /// It is about this recording.
    Wrong(String),
    /// The box cannot ask, or cannot note the answer.
    Here(String),
}

/// What a service says.
#[derive(Debug, PartialEq)]
enum Said {
    Review(Review),
    /// It, or somebody, reviews the recording later.
    Later,
}

struct Worker {
    settings: HookSettings,
    door: Door,
    api: Api,
    state: State,
    /// The service is away: when it is asked again, and why.
    away: Option<(Instant, String)>,
    turns: Turns,
}

impl Worker {
    async fn work(mut self, mut progress: watch::Receiver<Progress>, again: Arc<Notify>) {
        loop {
            may_fail(TASK);
            let ended = progress.borrow_and_update().recordings_ended;
            let wait = self.step().await;
            if wait.is_zero() {
                continue;
            }
            tokio::select! {
                more = has_ended(&mut progress, ended) => if !more { return },
                () = again.notified() => {
                    self.away = None;
                    self.turns = Turns::default();
                }
                () = sleep(wait) => {}
            }
        }
    }

    /// Asks about one recording, if one is due. Gives the time until the next look.
    async fn step(&mut self) -> Duration {
        let found = match self.api.to_ask(self.turns.after()).await {
            Ok(found) => found,
            Err(failure) => {
                tracing::debug!("{TASK}: the journal cannot be read: {}", failure.message);
                return PAUSE;
            }
        };
        let now = Instant::now();
        self.say(found.waiting);
        let until = |next: Instant| next.saturating_duration_since(now).clamp(MOMENT, LOOK);
        if let Some((next, _)) = self.away.as_ref().filter(|(next, _)| *next > now) {
            return until(*next);
        }
        let tries = self.away.is_some();
        let id = match self.turns.next(&found.page, found.is_last, (now, tries)) {
            Turn::Ask(id) => id,
            Turn::ReadOn => return Duration::ZERO,
            Turn::Wait(next) => {
                self.say(found.waiting);
                return next.map_or(LOOK, until);
            }
        };
        match self.ask(id).await {
            Ok(()) => {
                self.turns.settled(id);
                self.is_back();
            }
            Err(fault) => self.note(id, fault),
        }
        self.say(found.waiting);
        Duration::ZERO
    }

    /// Asks about a recording, and notes the answer.
    async fn ask(&mut self, id: RecordingId) -> Result<(), Fault> {
        let here = |failure: crate::api::Failure| Fault::Here(failure.message);
        let Some(body) = self.api.question(id).await.map_err(here)? else {
            return Ok(());
        };
        let url = self.settings.url.expose();
        let url: reqwest::Url = url
            .parse()
            .map_err(|_| Fault::Here("the address is none".to_owned()))?;
        let request = self.door.post(url);
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        let request = signed(request, self.settings.key.as_deref(), body);
        let answer = self
            .door
            .exchange(request, self.settings.timeout, MOST_ANSWER)
            .await;
        let (status, body) = answer.map_err(Fault::Away)?;
        let said = read(status, &body)?;
        let review = match said {
            Said::Review(review) => Some(review),
            Said::Later => None,
        };
        self.api.hook_says(id, review).await.map_err(here)
    }

    fn note(&mut self, id: RecordingId, fault: Fault) {
        let (url, every) = (&self.settings.url, self.settings.every);
        match fault {
            Fault::Away(why) => {
                let reason = format!("{url} is not asked about recordings that are held back: {why}");
                if self.away.is_none() {
                    tracing::warn!("{reason}; edgereel tries again, and they stay held back");
                }
                self.away = Some((Instant::now() + every, reason));
                // Where it is this recording that keeps the service from answering, the next try is about another one.
                let reason = format!("{url} gave no answer about recording {id}: {why}");
                self.turns.failed(id, every * 2, reason);
            }
            Fault::Wrong(why) => {
                let reason = format!("{url} gave no usable answer about recording {id}: {why}");
                if !self.turns.is_known(&reason) {
                    tracing::warn!("{reason}; edgereel asks again, and the recording stays held back");
                }
                self.turns.failed(id, every, reason);
                self.is_back();
            }
            Fault::Here(why) => {
                // Often it is the same for all.
                let reason = format!("a review is not asked for, or not noted: {why}");
                if !self.turns.is_known(&reason) {
                    tracing::warn!("{reason}; edgereel tries again, and recording {id} stays held back");
                }
                self.turns.failed(id, every, reason);
            }
        }
    }

    /// The service answers.
    fn is_back(&mut self) {
        if self.away.take().is_some() {
            tracing::info!("{} answers again", self.settings.url);
        }
    }

    /// Says how it goes.
    fn say(&self, waiting: usize) {
        let fault = self.away.as_ref().or(self.turns.fault());
        let fault = fault.filter(|_| waiting > 0);
        let mut now = self.state.now();
        now.waiting = waiting;
        now.next = fault.map(|(due, _)| *due);
        now.error = fault.map(|(_, reason)| reason.clone());
    }
}

/// The shortest wait between two looks.
const MOMENT: Duration = Duration::from_millis(10);

/// Waits until another recording has ended; false when the store has.
async fn has_ended(progress: &mut watch::Receiver<Progress>, known: u64) -> bool {
    while progress.changed().await.is_ok() {
        if progress.borrow_and_update().recordings_ended != known {
            return true;
        }
    }
    false
}

/// The answer as a service writes it. Other fields are its own.
#[derive(Deserialize)]
struct Answer {
    status: ReviewStatus,
    reason: Option<Reason>,
}

/// Reads an answer.
fn read(status: StatusCode, body: &[u8]) -> Result<Said, Fault> {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Fault::Away(format!("it answered {status}")));
    }
    if !status.is_success() {
        let redirect = if status.is_redirection() {
            "; redirects are not followed"
        } else {
            ""
        };
        return Err(Fault::Wrong(format!("it answered {status}{redirect}")));
    }
    if body.len() > MOST_ANSWER {
        let text = format!("its answer has more than {MOST_ANSWER} bytes");
        return Err(Fault::Wrong(text));
    }
    if status == StatusCode::ACCEPTED {
        return Ok(Said::Later);
    }
    if body.trim_ascii().is_empty() {
        let text =
            format!("it answered {status} without a review; where the review comes later, it answers 202");
        return Err(Fault::Wrong(text));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        let why = error.to_string();
        let why = why.chars().filter(|c| !crate::model::misleads(*c)).take(EXCERPT);
        Fault::Wrong(format!("its answer is no review: {}", why.collect::<String>()))
    })?;
    Ok(Said::Review(Review {
        status: answer.status,
        reason: answer.reason,
        asks: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &[u8]) -> Result<Said, String> {
        read(StatusCode::from_u16(status).unwrap(), body).map_err(|fault| match fault {
            Fault::Away(reason) => format!("away: {reason}"),
            Fault::Wrong(reason) | Fault::Here(reason) => reason,
        })
    }

    #[test]
    fn an_answer_is_a_review_or_says_that_one_comes_later() {
        for (status, word) in ReviewStatus::ALL.map(|status| (status, status.as_str())) {
            let body = format!("{{\"status\":\"{word}\",\"reason\":\"why\",\"score\":0.3}}");
            let review = Review {
                reason: Some("why".to_owned().try_into().unwrap()),
                ..Review::of(status)
            };
            assert_eq!(said(200, body.as_bytes()), Ok(Said::Review(review)));
            let body = format!("{{\"status\":\"{word}\",\"reason\":null}}");
            assert_eq!(said(201, body.as_bytes()), Ok(Said::Review(Review::of(status))));
        }
        for body in [&b"{\"status\":\"pass\"}"[..], b"", b"ok"] {
            assert_eq!(said(202, body), Ok(Said::Later));
        }
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let long = format!("{{\"status\":\"pass\",\"reason\":\"{}\"}}", "x".repeat(129));
        for (status, body, word) in [
            (200, &b"ok"[..], "no review"),
            (200, b"", "without a review"),
            (200, b" \r\n", "202"),
            (204, b"", "without a review"),
            (200, b"\xff\xfe", "no review"),
            (200, b"null", "no review"),
            (200, b"{}", "status"),
            (200, b"[\"pass\"]", "no review"),
            (200, b"{\"status\":\"passed\"}", "passed"),
            (200, b"{\"status\":\"PASS\"}", "PASS"),
            (200, b"{\"status\":1}", "no review"),
            (200, b"{\"status\":\"pass\",\"reason\":\"\"}", "no review"),
            (200, b"{\"status\":\"pass\",\"reason\":\"a\\nb\"}", "no review"),
            (200, long.as_bytes(), "128"),
            (200, &[b'x'; MOST_ANSWER + 1], "more than 4096"),
            (302, b"", "redirects are not followed"),
            (404, b"{\"status\":\"pass\"}", "404"),
            (500, b"{\"status\":\"pass\"}", "away: it answered 500"),
            (429, b"", "away: it answered 429"),
        ] {
            let why = said(status, body).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
        let evil = "{\"status\":\"\u{1b}[31m\u{202e}".to_owned() + &"é".repeat(900) + "\"}";
        let why = said(200, evil.as_bytes()).unwrap_err();
        assert!(
            why.chars().count() < 300 && !why.contains(['\u{1b}', '\u{202e}']),
            "{why:?}"
        );
    }
}
