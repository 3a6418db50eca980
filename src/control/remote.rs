//! The other side: asks a box through its broker, from any machine.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Packet, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{LinkSettings, link};

/// A broker takes messages of this size, at most.
const LARGEST: u32 = 1 << 20;

/// Why a box could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The broker is not there, or does not want this client.
    #[error("{broker}: {reason}")]
    Broker {
        /// Where it is.
        broker: String,
        /// What is wrong.
        reason: String,
    },
    /// The broker does not let this client listen.
    #[error("{broker} does not let this client subscribe to {topic}")]
    Unsubscribed {
        /// Where it is.
        broker: String,
        /// To what.
        topic: String,
    },
    /// The box did not answer.
    #[error("{root} did not answer within {seconds} s; {known}")]
    Silent {
        /// The box.
        root: String,
        /// How long it was waited for.
        seconds: u64,
        /// What it last said of itself.
        known: String,
    },
}

/// A client of a broker.
pub struct Remote {
    client: AsyncClient,
    events: EventLoop,
    broker: String,
    /// What came while something else was waited for.
    came: VecDeque<Publish>,
}

impl Remote {
    /// Connects. `link.client_id` is this client's own.
    pub async fn connect(link: &LinkSettings, broker: String) -> Result<Self, RemoteError> {
        let mut options = MqttOptions::new(&link.client_id, &link.host, link.port);
        if let Some(tls) = &link.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        if let Some((user, password)) = &link.login {
            options.set_credentials(user, password);
        }
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(LARGEST);
        options
            .set_keep_alive(link.keep_alive)
            .set_connection_timeout(10)
            .set_connect_properties(properties);
        let (client, events) = AsyncClient::new(options, 16);
        let mut remote = Self {
            client,
            events,
            broker,
            came: VecDeque::new(),
        };
        loop {
            if let Event::Incoming(Packet::ConnAck(_)) = remote.next().await? {
                return Ok(remote);
            }
        }
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
        let reply = format!("{root}/response/ctl/{id}");
        let status = format!("{root}/status");
        self.listen(&[&reply, &status]).await?;
        let mut request = arguments;
        request.insert("id".to_owned(), id.into());
        let properties = PublishProperties {
            response_topic: Some(reply.clone()),
            ..PublishProperties::default()
        };
        let topic = format!("{root}/request/{command}");
        let sent = self.client.try_publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            false,
            Value::Object(request).to_string(),
            properties,
        );
        sent.map_err(|error| self.broken(error.to_string()))?;
        let mut known = "it has never said anything to this broker".to_owned();
        let answer = async {
            loop {
                let message = self.message().await?;
                if message.topic == reply {
                    return Ok(serde_json::from_slice(&message.payload).unwrap_or(Value::Null));
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

    /// Listens to topics.
    pub async fn listen(&mut self, topics: &[&str]) -> Result<(), RemoteError> {
        for topic in topics {
            let subscribed = self.client.try_subscribe(*topic, QoS::AtLeastOnce);
            subscribed.map_err(|error| self.broken(error.to_string()))?;
            loop {
                let ack = match self.next().await? {
                    Event::Incoming(Packet::SubAck(ack)) => ack,
                    Event::Incoming(Packet::Publish(message)) => {
                        self.came.push_back(message);
                        continue;
                    }
                    _ => continue,
                };
                let taken = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().all(taken) {
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

    /// The next message.
    pub async fn message(&mut self) -> Result<Publish, RemoteError> {
        if let Some(message) = self.came.pop_front() {
            return Ok(message);
        }
        loop {
            if let Event::Incoming(Packet::Publish(message)) = self.next().await? {
                return Ok(message);
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _ = self.client.try_disconnect();
        let _ = timeout(Duration::from_secs(1), async {
            while self.next().await.is_ok() {}
        })
        .await;
    }

    async fn next(&mut self) -> Result<Event, RemoteError> {
        let event: Result<Event, ConnectionError> = self.events.poll().await;
        event.map_err(|error| self.broken(link::reason(&error)))
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
        // The last will was written when it connected.
        "down" => format!("it is down; it had connected at {}", word("time")),
        state => format!("it is {state} since {}", word("time")),
    }
}
