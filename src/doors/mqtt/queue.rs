//! Requests in the order in which they came: a few are carried out at a time, some wait, and further ones are refused. Each
//! request is confirmed to the broker when its answer has arrived, in order (MQTT 5, 4.6). When the box loses power before
//! that, the broker sends the request again.

use std::collections::VecDeque;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::task::JoinSet;

use super::link::REQUESTS;
use super::request::Reply;
use crate::api::{Answer, Api, Caller, Code, Failure, Request};
use crate::watch;

/// The most requests that are carried out at the same time.
const RUNNING: usize = 8;
/// The most requests of QoS 0, which nobody confirms, at a time.
const LOOSE: usize = 32;

/// Requests that came and are not over.
pub(super) struct RequestQueue {
    received: VecDeque<Received>,
    next: u64,
    running: JoinSet<Answered>,
    waiting: VecDeque<(u64, String, Request, Reply)>,
}

/// A request that is not over.
struct Received {
    place: u64,
    publish: Publish,
    over: bool,
}

/// An answer that is to go out.
pub(super) struct Answered {
    pub(super) place: u64,
    pub(super) answer: Answer,
    pub(super) reply: Reply,
}

impl RequestQueue {
    pub(super) fn new() -> Self {
        Self {
            received: VecDeque::new(),
            next: 0,
            running: JoinSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// True when there is no place for this request. The broker sends only [`REQUESTS`] of the requests that are confirmed.
    /// Requests of QoS 0 may come in any number, and have places of their own.
    pub(super) fn is_full_for(&self, publish: &Publish) -> bool {
        let loose = self
            .received
            .iter()
            .filter(|received| received.publish.qos == QoS::AtMostOnce)
            .count();
        match publish.qos {
            QoS::AtMostOnce => loose >= LOOSE,
            _ => self.received.len() - loose >= usize::from(REQUESTS),
        }
    }

    /// Gives a place to a message that somebody published.
    pub(super) fn place(&mut self, publish: Publish) -> u64 {
        self.next += 1;
        self.received.push_back(Received {
            place: self.next,
            publish,
            over: false,
        });
        self.next
    }

    /// Queues the request in this place. It is carried out in its turn.
    pub(super) fn carry_out(&mut self, place: u64, command: String, request: Request, reply: Reply) {
        self.waiting.push_back((place, command, request, reply));
    }

    /// Begins as many requests as may run. `most` is how large an answer may be, in bytes.
    pub(super) fn begin(&mut self, api: &Api, most: usize) {
        while self.running.len() < RUNNING
            && let Some((place, command, request, reply)) = self.waiting.pop_front()
        {
            let api = api.for_caller(Caller::mqtt(&reply.topic));
            self.running.spawn(async move {
                let id = request.id.clone();
                let answer = watch::caught(answer(&api, &command, request, most)).await;
                let answer = answer.unwrap_or_else(|how| {
                    watch::failed(&command, &how, "that is its answer");
                    let text = format!("it failed, which is a defect of edgereel: {how}");
                    Answer {
                        id,
                        result: Err(Failure::new(Code::Internal, text)),
                    }
                });
                Answered { place, answer, reply }
            });
        }
    }

    /// The next request that was carried out. Never resolves while none is.
    pub(super) async fn answered(&mut self) -> Answered {
        loop {
            match self.running.join_next().await {
                Some(Ok(answered)) => return answered,
                // Panics are caught, and nobody aborts a request.
                Some(Err(error)) => watch::failed("a request", &error.to_string(), "it has no answer"),
                None => std::future::pending().await,
            }
        }
    }

    /// Ends the request in this place: its answer has arrived, or there will be none. Returns the requests to confirm now, in
    /// order.
    pub(super) fn over(&mut self, place: u64) -> Vec<Publish> {
        if let Some(received) = self.received.iter_mut().find(|received| received.place == place) {
            received.over = true;
        }
        let mut confirmed = Vec::new();
        while let Some(received) = self.received.pop_front_if(|received| received.over) {
            confirmed.push(received.publish);
        }
        confirmed
    }
}

/// Carries the request out. An answer that is longer than the broker takes becomes a refusal.
async fn answer(api: &Api, command: &str, request: Request, most: usize) -> Answer {
    let mut answer = api.ask_within(command, request, most).await;
    let bytes = answer.to_json().len();
    if bytes > most {
        let text = format!("the answer has {bytes} bytes, and the broker takes {most}; ask for less");
        answer.result = Err(Failure::new(Code::Refused, text));
    }
    answer
}
