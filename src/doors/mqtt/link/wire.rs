//! One connection by either version of MQTT. What rumqttc says comes in types that are the same for both.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use rumqttc::{TlsConfiguration, Transport};

use super::{Limits, Loss, Post, v4, v5};
use crate::config::MqttVersion;
use crate::doors::mqtt::LinkSettings;

/// How long a broker may take to answer, in seconds. A broker that has not answered by then counts as away.
pub(in crate::doors::mqtt) const CONNECT: u64 = 15;

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::doors::mqtt) enum Version {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl Version {
    pub(in crate::doors::mqtt) fn other(self) -> Self {
        match self {
            Version::V5 => Version::V311,
            Version::V311 => Version::V5,
        }
    }

    pub(in crate::doors::mqtt) fn as_str(self) -> &'static str {
        match self {
            Version::V5 => "MQTT 5",
            Version::V311 => "MQTT 3.1.1",
        }
    }
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub(in crate::doors::mqtt) struct Manner {
    pub(in crate::doors::mqtt) will: Option<Post>,
    /// The broker throws away what it keeps of an earlier connection.
    pub(in crate::doors::mqtt) clean: bool,
    /// Messages that came are confirmed one by one, by the code that handled them.
    pub(in crate::doors::mqtt) manual_acks: bool,
    /// The most messages that the broker hands over before one of them is confirmed.
    pub(in crate::doors::mqtt) receive_max: Option<u16>,
    /// The largest packet that the client takes, in bytes.
    pub(in crate::doors::mqtt) largest: u32,
    /// Seconds within which the broker must answer.
    pub(in crate::doors::mqtt) patience: u64,
}

/// What the broker says, or what became of a packet that was sent to it.
#[derive(Debug)]
pub(in crate::doors::mqtt) enum Said {
    /// The broker takes the connection.
    Connected(Limits),
    /// A publish was written under this packet id; 0 where it is not confirmed.
    Sent(u16),
    /// A publish has the packet id of another one that is on its way, and waits for that one.
    Held(u16),
    /// A publish was confirmed.
    Confirmed(u16, PubAckReason),
    /// Somebody published something that was subscribed to.
    Message(Publish),
    /// A subscription was taken, or not.
    Subscribed(bool),
    /// An event that needs no reaction.
    Other,
}

/// Why a connection is gone, or could not be made.
#[derive(Clone, Debug)]
pub(in crate::doors::mqtt) struct Failed {
    pub(in crate::doors::mqtt) loss: Loss,
    /// The failure came before the broker took the connection. A broker that does not speak this version fails so.
    pub(in crate::doors::mqtt) unspoken: bool,
}

impl From<Loss> for Failed {
    fn from(loss: Loss) -> Self {
        Self {
            loss,
            unspoken: false,
        }
    }
}

/// The half of a connection that sends.
pub(in crate::doors::mqtt) enum Client {
    V5(rumqttc::v5::AsyncClient),
    V4(rumqttc::AsyncClient),
}

/// The half of a connection that receives.
pub(in crate::doors::mqtt) enum Events {
    V5(Box<rumqttc::v5::EventLoop>),
    V4(Box<rumqttc::EventLoop>),
}

/// A connection that the broker took.
pub(in crate::doors::mqtt) struct Connected {
    pub(in crate::doors::mqtt) client: Client,
    pub(in crate::doors::mqtt) events: Events,
    pub(in crate::doors::mqtt) limits: Limits,
    pub(in crate::doors::mqtt) version: Version,
    /// Why the version is not the one that was tried first, if so.
    pub(in crate::doors::mqtt) instead: Option<String>,
}

/// Connects by the version that is configured. Where either version may be used, it tries `first`, and then the other one if
/// the broker may not speak `first`.
pub(in crate::doors::mqtt) async fn connect(
    settings: &LinkSettings,
    manner: &Manner,
    first: Version,
) -> Result<Connected, Loss> {
    let first = match settings.version {
        MqttVersion::Auto => first,
        MqttVersion::V5 => Version::V5,
        MqttVersion::V311 => Version::V311,
    };
    let failed = match connect_by(settings, manner, first).await {
        Ok(connected) => return Ok(connected),
        Err(failed) if !failed.unspoken => return Err(failed.loss),
        Err(failed) => failed,
    };
    if settings.version != MqttVersion::Auto {
        return Err(unspoken(failed.loss, first));
    }
    let other = first.other();
    match connect_by(settings, manner, other).await {
        Ok(connected) => Ok(Connected {
            instead: Some(failed.loss.reason()),
            ..connected
        }),
        // The broker understood this version, so its reason is the right one.
        Err(second) if !second.unspoken => Err(second.loss),
        Err(second) => Err(neither((failed.loss, first), (second.loss, other))),
    }
}

/// The failure of a broker that takes the connection in neither version.
fn neither((first, tried): (Loss, Version), (second, then): (Loss, Version)) -> Loss {
    Loss::Gone(format!(
        "asked in {}, {}; asked in {}, {}",
        tried.as_str(),
        first.reason(),
        then.as_str(),
        second.reason()
    ))
}

/// The failure of a broker that does not answer to the one version that may be used.
fn unspoken(loss: Loss, version: Version) -> Loss {
    let text = format!(
        "{}; so does a broker that speaks {} alone, and mqtt.version = \"auto\" speaks that, too",
        loss.reason(),
        version.other().as_str()
    );
    match loss {
        Loss::Refused(_) => Loss::Refused(text),
        _ => Loss::Gone(text),
    }
}

async fn connect_by(settings: &LinkSettings, manner: &Manner, version: Version) -> Result<Connected, Failed> {
    let (client, mut events) = match version {
        Version::V5 => v5::open(settings, manner),
        Version::V311 => v4::open(settings, manner),
    };
    // The time limit covers DNS, TCP and TLS.
    let late = Failed {
        loss: Loss::Gone(format!("no answer within {} s", manner.patience)),
        unspoken: true,
    };
    let limit = Duration::from_secs(manner.patience + 1);
    match tokio::time::timeout(limit, events.next())
        .await
        .map_err(|_| late)??
    {
        Said::Connected(limits) => Ok(Connected {
            client,
            events,
            limits,
            version,
            instead: None,
        }),
        _ => Err(Loss::Gone("the broker said something else first".to_owned()).into()),
    }
}

impl Events {
    /// The next thing that the broker says. A packet that was being read is lost when this future is dropped before it is done.
    pub(in crate::doors::mqtt) async fn next(&mut self) -> Result<Said, Failed> {
        match self {
            Events::V5(events) => v5::said(events.poll().await),
            Events::V4(events) => v4::said(events.poll().await),
        }
    }
}

impl Client {
    /// Subscribes to topics. Live messages come with their `retain` as it was published. Retained messages come if `retained`
    /// is set. MQTT 3.1.1 knows no such wishes.
    pub(in crate::doors::mqtt) fn subscribe(&self, filter: String, retained: bool) -> Result<(), Loss> {
        match self {
            Client::V5(client) => v5::subscribe(client, filter, retained),
            Client::V4(client) => {
                let subscribed = client.try_subscribe(filter, rumqttc::QoS::AtLeastOnce);
                subscribed.map_err(|_| full())
            }
        }
    }

    pub(in crate::doors::mqtt) fn unsubscribe(&self, filter: String) -> Result<(), Loss> {
        match self {
            Client::V5(client) => client.try_unsubscribe(filter).map_err(|_| full()),
            Client::V4(client) => client.try_unsubscribe(filter).map_err(|_| full()),
        }
    }

    /// Publishes a message. The response topic and the correlation go out in MQTT 5 alone.
    pub(in crate::doors::mqtt) fn publish(
        &self,
        post: Post,
        response_topic: Option<String>,
    ) -> Result<(), Loss> {
        match self {
            Client::V5(client) => v5::publish(client, post, response_topic),
            Client::V4(client) => {
                let qos = if post.confirmed {
                    rumqttc::QoS::AtLeastOnce
                } else {
                    rumqttc::QoS::AtMostOnce
                };
                let sent = client.try_publish(post.topic, qos, post.retain, post.body);
                sent.map_err(|_| full())
            }
        }
    }

    /// Confirms a message that somebody published.
    pub(in crate::doors::mqtt) fn confirm(&self, publish: &Publish) -> Result<(), Loss> {
        match self {
            Client::V5(client) => client.try_ack(publish).map_err(|_| full()),
            Client::V4(client) => client.try_ack(&v4::acked(publish)).map_err(|_| full()),
        }
    }

    pub(in crate::doors::mqtt) fn disconnect(&self) {
        // A broker that cannot be told sees the socket close.
        let _ = match self {
            Client::V5(client) => client.try_disconnect().map_err(drop),
            Client::V4(client) => client.try_disconnect().map_err(drop),
        };
    }
}

pub(super) fn transport(settings: &LinkSettings) -> Option<Transport> {
    let tls = settings.tls.as_ref()?;
    Some(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())))
}

/// The loss when the queue is full: the broker takes nothing, so there is no use in going on.
pub(super) fn full() -> Loss {
    Loss::Gone("the broker takes nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A broker of MQTT 3.1.1. It answers other versions with these bytes, and closes then if `closes` says so.
    fn old_broker(answer: &'static [u8], closes: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for mut client in listener.incoming().flatten() {
                let mut connect = [0; 1_024];
                let _ = client.read(&mut connect);
                // The byte behind the header and "MQTT".
                let is_old = connect[8] == 4;
                let _ = client.write_all(if is_old { &[0x20, 2, 0, 0] } else { answer });
                if is_old || !closes {
                    open.push(client);
                }
            }
        });
        port
    }

    fn settings(port: u16, version: MqttVersion) -> LinkSettings {
        LinkSettings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: None,
            client_id: "a".to_owned(),
            login: None,
            version,
            keep_alive: Duration::from_secs(30),
            session_expiry: Duration::ZERO,
        }
    }

    const MANNER: Manner = Manner {
        will: None,
        clean: true,
        manual_acks: false,
        receive_max: None,
        largest: 1_000,
        patience: 1,
    };

    #[tokio::test]
    async fn a_broker_that_refuses_closes_or_is_silent_is_asked_by_the_other_version() {
        let refuses: &[u8] = &[0x20, 2, 0, 1];
        for (answer, closes) in [
            (refuses, true),
            (refuses, false),
            (&[][..], true),
            (&[][..], false),
        ] {
            let settings = settings(old_broker(answer, closes), MqttVersion::Auto);
            for first in [Version::V5, Version::V311] {
                let connected = connect(&settings, &MANNER, first).await.ok().unwrap();
                assert_eq!(connected.version, Version::V311);
                assert_eq!(connected.instead.is_some(), first == Version::V5);
            }
        }
    }

    #[tokio::test]
    async fn one_version_alone_is_tried_where_it_is_said_and_what_to_do_is_told() {
        let settings = settings(old_broker(&[0x20, 3, 0, 0x84, 0], true), MqttVersion::V5);
        let loss = connect(&settings, &MANNER, Version::V311).await.err().unwrap();
        let Loss::Refused(reason) = loss else {
            panic!("{loss:?}")
        };
        assert!(
            reason.contains("MQTT 3.1.1 alone") && reason.contains("auto"),
            "{reason}"
        );
    }

    #[tokio::test]
    async fn what_a_broker_does_that_takes_neither_is_told_of_both() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let loss = connect(&settings(port, MqttVersion::Auto), &MANNER, Version::V5).await;
        let reason = loss.err().unwrap().reason();
        assert!(
            reason.contains("asked in MQTT 5, ") && reason.contains("asked in MQTT 3.1.1, "),
            "{reason}"
        );
    }

    #[tokio::test]
    async fn nobody_at_the_port_is_no_question_of_versions() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let failed = connect_by(&settings(port, MqttVersion::Auto), &MANNER, Version::V5).await;
        assert!(!failed.err().unwrap().unspoken);
    }
}
