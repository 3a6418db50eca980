//! The client's side: asks a box through its broker, from any machine.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::Publish;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::LinkSettings;
use super::link::{CONNECT, Client, Connected, Events, Manner, Post, Said, Version, connect};
use super::request::plain;
use super::topics::Topics;

/// The largest packet that this client takes, in bytes.
const LARGEST: u32 = 1 << 20;

/// Why a box could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The broker is not there, or does not want this client.
    #[error("{broker}: {reason}")]
    Broker {
        /// The broker's address.
        broker: String,
        /// Why the broker could not be used.
        reason: String,
    },
    /// The broker does not let this client listen.
    #[error("{broker} does not let this client subscribe to {topic}")]
    Unsubscribed {
        /// The broker's address.
        broker: String,
        /// The topic that was refused.
        topic: String,
    },
    /// The box did not answer.
    #[error("{root} did not answer within {seconds} s; {known}")]
    Silent {
        /// The root of the box's topics.
        root: String,
        /// How long the client waited for the answer, in seconds.
        seconds: u64,
        /// The last status of the box, in words.
        known: String,
    },
}

/// A client of a broker.
pub struct Remote {
    client: Client,
    events: Events,
    version: Version,
    broker: String,
    /// Messages that came while the client waited for a subscription.
    came: VecDeque<Publish>,
}

impl Remote {
    /// Connects. `link.client_id` is this client's own.
    pub async fn connect(link: &LinkSettings, broker: String) -> Result<Self, RemoteError> {
        let manner = Manner {
            will: None,
            clean: true,
            manual_acks: false,
            receive_max: None,
            largest: LARGEST,
            patience: CONNECT,
        };
        let connected = connect(link, &manner, Version::V5).await;
        let Connected {
            client,
            events,
            version,
            ..
        } = connected.map_err(|loss| RemoteError::Broker {
            broker: broker.clone(),
            reason: loss.reason(),
        })?;
        Ok(Self {
            client,
            events,
            version,
            broker,
            came: VecDeque::new(),
        })
    }

    /// Asks a box, and gives its answer.
    pub async fn ask(
        &mut self,
        root: &str,
        command: &str,
        arguments: Map<String, Value>,
        patience: Duration,
    ) -> Result<Value, RemoteError> {
        let id = uuid::Uuid::now_v7().to_string();
        let topics = Topics::new(root.to_owned(), Vec::new());
        let (usual, status) = (topics.response(&plain(command)), topics.status());
        // The answer goes to a topic of its own, where the broker can pass that topic on. A box that speaks 3.1.1 does not see
        // it, and answers on the usual topic of the command. Other requests' answers there have other ids.
        let own = topics.response(&format!("ctl/{id}"));
        let own = (self.version == Version::V5).then_some(own);
        match &own {
            Some(own) => {
                self.listen(&[own, &status]).await?;
                // A client that may not read the usual topic can still ask every box that speaks MQTT 5.
                match self.listen(&[&usual]).await {
                    Ok(()) | Err(RemoteError::Unsubscribed { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            None => self.listen(&[&usual, &status]).await?,
        }
        let mut request = arguments;
        request.insert("id".to_owned(), id.as_str().into());
        let post = Post {
            topic: format!("{root}/request/{command}"),
            body: Value::Object(request).to_string().into(),
            retain: false,
            confirmed: true,
            correlation: None,
        };
        let sent = self.client.publish(post, own.clone());
        sent.map_err(|loss| self.broken(loss.reason()))?;
        let mut known = "it has never published anything to this broker".to_owned();
        let answer = async {
            loop {
                let message = self.message().await?;
                let answer: Value = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
                let is_own = own.as_ref().is_some_and(|own| message.topic == *own);
                if is_own || message.topic == usual && answer.get("id") == Some(&Value::from(id.as_str())) {
                    return Ok(answer);
                }
                if message.topic == status {
                    known = last_said(&message.payload);
                }
            }
        };
        match timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(RemoteError::Silent {
                root: root.to_owned(),
                seconds: patience.as_secs(),
                known,
            }),
        }
    }

    /// Subscribes to topics, one after the other, and waits until the broker confirms each.
    pub async fn listen(&mut self, topics: &[&str]) -> Result<(), RemoteError> {
        for topic in topics {
            let subscribed = self.client.subscribe((*topic).to_owned(), true);
            subscribed.map_err(|loss| self.broken(loss.reason()))?;
            loop {
                let taken = match self.next().await? {
                    Said::Subscribed(taken) => taken,
                    Said::Message(message) => {
                        self.came.push_back(message);
                        continue;
                    }
                    _ => continue,
                };
                if taken {
                    break;
                }
                return Err(RemoteError::Unsubscribed {
                    broker: self.broker.clone(),
                    topic: (*topic).to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The next message of a subscription. The error says that the connection is lost.
    pub async fn message(&mut self) -> Result<Publish, RemoteError> {
        if let Some(message) = self.came.pop_front() {
            return Ok(message);
        }
        loop {
            if let Said::Message(message) = self.next().await? {
                return Ok(message);
            }
        }
    }

    /// Ends the connection in order, and waits at most a second for the broker to close it.
    pub async fn close(mut self) {
        self.client.disconnect();
        let _ = timeout(Duration::from_secs(1), async {
            while self.next().await.is_ok() {}
        })
        .await;
    }

    async fn next(&mut self) -> Result<Said, RemoteError> {
        let said = self.events.next().await;
        said.map_err(|failed| self.broken(failed.loss.reason()))
    }

    fn broken(&self, reason: String) -> RemoteError {
        RemoteError::Broker {
            broker: self.broker.clone(),
            reason,
        }
    }
}

fn last_said(status: &[u8]) -> String {
    let status: Value = serde_json::from_slice(status).unwrap_or_default();
    let word = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or("?");
    match word("state") {
        // The broker wrote down the last will when the box connected.
        "down" => format!("it is down; it had connected at {}", word("time")),
        state => format!("it is {state} since {}", word("time")),
    }
}
