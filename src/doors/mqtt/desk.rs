//! Requests in the order in which they came: a few are carried out at a time, some wait, and what is more is turned away.
//! Each is confirmed when its answer has arrived, in order (MQTT 5, 4.6): one that the box dies over comes again.

use std::collections::VecDeque;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::task::JoinSet;

use super::link::REQUESTS;
use super::request::Reply;
use crate::api::{Answer, Api, Caller, Code, Failure, Request};
use crate::watch;

/// So many are carried out at the same time.
const RUNNING: usize = 8;
/// So many that nobody confirms are taken at a time.
const LOOSE: usize = 32;

/// Requests that came and are not over.
pub(super) struct Desk {
    slips: VecDeque<Slip>,
    next: u64,
    running: JoinSet<Answered>,
    waiting: VecDeque<(u64, String, Request, Reply)>,
}

/// A request that is not over.
struct Slip {
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

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            slips: VecDeque::new(),
            next: 0,
            running: JoinSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// True when this one is too much. Of those that are confirmed the broker hands over only so many; the others may come in
    /// any number, and have places of their own.
    pub(super) fn is_full_for(&self, publish: &Publish) -> bool {
        let loose = self
            .slips
            .iter()
            .filter(|slip| slip.publish.qos == QoS::AtMostOnce)
            .count();
        match publish.qos {
            QoS::AtMostOnce => loose >= LOOSE,
            _ => self.slips.len() - loose >= usize::from(REQUESTS),
        }
    }

    /// A place for what somebody published.
    pub(super) fn place(&mut self, publish: Publish) -> u64 {
        self.next += 1;
        self.slips.push_back(Slip {
            place: self.next,
            publish,
            over: false,
        });
        self.next
    }

    /// It is to be carried out.
    pub(super) fn carry_out(&mut self, place: u64, command: String, request: Request, reply: Reply) {
        self.waiting.push_back((place, command, request, reply));
    }

    /// Begins what may begin. `most` is how large an answer may be.
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

    /// The next that was carried out; never, while nothing is.
    pub(super) async fn answered(&mut self) -> Answered {
        loop {
            match self.running.join_next().await {
                Some(Ok(answered)) => return answered,
                // Failures are caught, and nobody aborts one.
                Some(Err(error)) => watch::failed("a request", &error.to_string(), "it has no answer"),
                None => std::future::pending().await,
            }
        }
    }

    /// Its answer has arrived, or there will be none. Gives what is to be confirmed now, in order.
    pub(super) fn over(&mut self, place: u64) -> Vec<Publish> {
        if let Some(slip) = self.slips.iter_mut().find(|slip| slip.place == place) {
            slip.over = true;
        }
        let mut confirmed = Vec::new();
        while let Some(slip) = self.slips.pop_front_if(|slip| slip.over) {
            confirmed.push(slip.publish);
        }
        confirmed
    }
}

/// Carries it out; what is longer than the broker takes is refused.
async fn answer(api: &Api, command: &str, request: Request, most: usize) -> Answer {
    let mut answer = api.ask_within(command, request, most).await;
    let bytes = answer.to_json().len();
    if bytes > most {
        let text = format!("the answer has {bytes} bytes, and the broker takes {most}; ask for less");
        answer.result = Err(Failure::new(Code::Refused, text));
    }
    answer
}
