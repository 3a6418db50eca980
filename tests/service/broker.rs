//! The broker that other tests rely on does what MQTT says, and fails only when a test tells it to.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::broker::{Behaviour, Broker, Publishing};
use crate::support::wait::PATIENCE;
use crate::support::wait_until;
use bytes::BytesMut;
use rumqttc::v5::mqttbytes::QoS::{AtLeastOnce, AtMostOnce};
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Connect, ConnectReturnCode, DisconnectReasonCode, Filter, LastWill, LastWillProperties, Packet,
    PubAckReason, Publish, PublishProperties,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};

/// A client, and what happens to it.
struct Client {
    client: AsyncClient,
    events: EventLoop,
    connack: ConnAck,
}

impl Client {
    async fn connect(options: MqttOptions) -> Self {
        let (client, mut events) = AsyncClient::new(options, 100);
        let first = tokio::time::timeout(PATIENCE, events.poll()).await.unwrap();
        let Ok(Event::Incoming(Packet::ConnAck(connack))) = first else {
            panic!("{first:?}");
        };
        Self {
            client,
            events,
            connack,
        }
    }

    /// The first packet that `pick` accepts.
    async fn wait<T>(&mut self, pick: impl Fn(Packet) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.unwrap()
                    && let Some(picked) = pick(packet)
                {
                    return picked;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap()
    }

    async fn published(&mut self) -> Publish {
        let publish = |packet| match packet {
            Packet::Publish(publish) => Some(publish),
            _ => None,
        };
        self.wait(publish).await
    }

    /// The reason of the disconnection.
    async fn sent_away(&mut self) -> DisconnectReasonCode {
        let looking = async {
            loop {
                match self.events.poll().await {
                    Ok(_) => (),
                    Err(ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. })) => {
                        return reason_code;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap()
    }

    async fn subscribe(&mut self, filter: Filter) {
        self.client.subscribe_many([filter]).await.unwrap();
        let acked = |packet| matches!(packet, Packet::SubAck(_)).then_some(());
        self.wait(acked).await;
    }

    async fn publish(&mut self, topic: &str, payload: &str, retain: bool) -> PubAckReason {
        let payload = payload.to_owned();
        self.client
            .publish(topic, AtLeastOnce, retain, payload)
            .await
            .unwrap();
        let acked = |packet| match packet {
            Packet::PubAck(ack) => Some(ack.reason),
            _ => None,
        };
        self.wait(acked).await
    }

    async fn disconnect(mut self) {
        self.client.disconnect().await.unwrap();
        while self.events.poll().await.is_ok() {}
    }
}

/// A client that breaks the rules of the protocol.
struct Raw {
    socket: std::net::TcpStream,
    bytes: BytesMut,
}

impl Raw {
    fn connect(broker: &Broker) -> Self {
        let socket = std::net::TcpStream::connect(address(broker)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut raw = Self {
            socket,
            bytes: BytesMut::new(),
        };
        raw.send(&connect_packet());
        raw
    }

    fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, None).unwrap();
        }
        self.socket.write_all(&bytes).unwrap();
    }

    /// The next packet; none at the end of the connection.
    fn next(&mut self) -> Option<Packet> {
        loop {
            if let Ok(packet) = Packet::read(&mut self.bytes, None) {
                return Some(packet);
            }
            let mut more = [0; 1000];
            let count = self.socket.read(&mut more).unwrap();
            if count == 0 {
                return None;
            }
            self.bytes.extend_from_slice(&more[..count]);
        }
    }
}

fn connect_packet() -> [Packet; 1] {
    let connect = Connect {
        keep_alive: 0,
        client_id: "raw".to_owned(),
        clean_start: true,
        properties: None,
    };
    [Packet::Connect(connect, None, None)]
}

fn publish_packet(pkid: u16, len: usize) -> Packet {
    let mut publish = Publish::new("some/topic", AtLeastOnce, vec![b'x'; len], None);
    publish.pkid = pkid;
    Packet::Publish(publish)
}

fn address(broker: &Broker) -> String {
    broker.url().split_once("://").unwrap().1.to_owned()
}

fn options(broker: &Broker, id: &str) -> MqttOptions {
    let address: std::net::SocketAddr = address(broker).parse().unwrap();
    let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
    options.set_pending_throttle(Duration::ZERO);
    options
}

/// The options of a client that comes back to its session.
fn lasting(broker: &Broker, id: &str) -> MqttOptions {
    let mut options = options(broker, id);
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(3600));
    options
}

#[tokio::test]
async fn what_is_retained_and_wills_arrive() {
    let broker = Broker::start();
    let mut options_ = options(&broker, "box");
    options_.set_last_will(LastWill::new("box/state", "lost", AtLeastOnce, true, None));
    let mut lost = Client::connect(options_.clone()).await;
    assert_eq!(
        lost.publish("box/state", "here", true).await,
        PubAckReason::Success
    );

    let mut watcher = Client::connect(options(&broker, "watcher")).await;
    watcher.subscribe(Filter::new("box/#", AtLeastOnce)).await;
    let first = watcher.published().await;
    assert_eq!((&first.payload[..], first.retain), (&b"here"[..], true));

    drop(lost);
    let will = watcher.published().await;
    assert_eq!((&will.payload[..], will.retain), (&b"lost"[..], false));
    assert_eq!(broker.retained()["box/state"], b"lost");
    let said = broker.messages();
    assert_eq!(
        (said[1].client.as_str(), said[1].text(), said[1].will),
        ("box", "lost", true)
    );

    let well = Client::connect(options_).await;
    assert_eq!(broker.clients(), ["watcher", "box"]);
    well.disconnect().await;
    wait_until("the client's leave", || broker.connections() == 1);
    assert_eq!(broker.messages().len(), 2, "no will of a client that takes leave");

    let cleared = Publishing {
        retain: true,
        ..Default::default()
    };
    broker.publish("box/state", b"", cleared);
    assert!(broker.retained().is_empty());
    assert!(watcher.published().await.payload.is_empty());
}

#[tokio::test]
async fn what_a_client_has_not_acknowledged_waits_for_it() {
    let mut broker = Broker::start();
    let mut careful = lasting(&broker, "box");
    careful.set_manual_acks(true).set_receive_maximum(Some(2));
    let mut client = Client::connect(careful.clone()).await;
    assert!(!client.connack.session_present);
    client.subscribe(Filter::new("to/+", AtLeastOnce)).await;
    for payload in ["1", "2", "3"] {
        let acked = Publishing {
            qos: 1,
            ..Default::default()
        };
        broker.publish("to/box", payload.as_bytes(), acked);
    }
    let first = client.published().await;
    assert_eq!((&first.payload[..], first.dup), (&b"1"[..], false));
    assert_eq!(client.published().await.payload, "2");
    // The client accepts two at a time. The third waits, which delays nothing that needs no acknowledgement.
    broker.publish("to/box", b"between", Publishing::default());
    assert_eq!(client.published().await.payload, "between");
    client.client.ack(&first).await.unwrap();
    assert_eq!(client.published().await.payload, "3");

    broker.stop();
    let away = Publishing {
        qos: 1,
        ..Default::default()
    };
    broker.publish("to/box", b"4", away);
    broker.publish("to/box", b"lost", Publishing::default());
    broker.resume();

    let mut client = Client::connect(careful.clone()).await;
    assert!(client.connack.session_present);
    let mut came = Vec::new();
    for _ in 0..3 {
        let publish = client.published().await;
        client.client.ack(&publish).await.unwrap();
        came.push((publish.payload, publish.dup));
    }
    let expected = [("2", true), ("3", true), ("4", false)];
    assert_eq!(came, expected.map(|(payload, dup)| (payload.into(), dup)));

    broker.stop();
    broker.forget();
    broker.resume();
    let client = Client::connect(careful).await;
    assert!(!client.connack.session_present);
    assert_eq!((broker.connects(), broker.messages().len()), (3, 6));
}

#[tokio::test]
async fn a_client_gives_way_to_its_twin() {
    let broker = Broker::start();
    let mut with_will = lasting(&broker, "box");
    with_will.set_last_will(LastWill::new("box/state", "lost", AtMostOnce, false, None));
    let mut one = Client::connect(with_will.clone()).await;
    let mut other = Client::connect(with_will).await;
    assert!(other.connack.session_present);
    assert_eq!(one.sent_away().await, DisconnectReasonCode::SessionTakenOver);
    assert_eq!((broker.connects(), broker.clients()), (2, vec!["box".to_owned()]));
    assert!(broker.messages()[0].will);

    broker.takes_over("box");
    assert_eq!(other.sent_away().await, DisconnectReasonCode::SessionTakenOver);
    assert_eq!(broker.connections(), 0);

    // The broker does not send a delayed will for a client that is back in time.
    let patient = LastWillProperties {
        delay_interval: Some(1),
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let mut with_will = lasting(&broker, "box");
    with_will.set_last_will(LastWill::new(
        "box/state",
        "late",
        AtMostOnce,
        false,
        Some(patient),
    ));
    drop(Client::connect(with_will.clone()).await);
    wait_until("the client's loss", || broker.connections() == 0);
    let again = Client::connect(with_will).await;
    assert_eq!(broker.messages().len(), 2);
    let lost = Instant::now();
    drop(again);
    wait_until("the will", || broker.messages().len() > 2);
    assert_eq!(broker.messages()[2].text(), "late");
    assert!(lost.elapsed() >= Duration::from_secs(1));

    let mut third = Client::connect(lasting(&broker, "box")).await;
    broker.cut();
    assert_eq!(broker.connections(), 0);
    assert!(third.events.poll().await.is_err());
}

#[tokio::test]
async fn questions_and_answers_find_their_way() {
    let broker = Broker::start();
    let mut server = Client::connect(options(&broker, "server")).await;
    let mut own = Filter::new("boxes/+/ask", AtLeastOnce);
    own.nolocal = true;
    server.subscribe(own).await;
    let mut asker = Client::connect(options(&broker, "asker")).await;
    asker.subscribe(Filter::new("answers/#", AtMostOnce)).await;

    assert_eq!(
        server.publish("boxes/7/ask", "its own", false).await,
        PubAckReason::Success
    );
    asker.publish("boxes/7/other", "not this", false).await;
    asker.publish("boxes/7/8/ask", "nor this", false).await;
    let properties = PublishProperties {
        response_topic: Some("answers/7".to_owned()),
        correlation_data: Some(vec![0, 255].into()),
        content_type: Some("application/json".to_owned()),
        user_properties: vec![("key".to_owned(), "value".to_owned())],
        ..Default::default()
    };
    let sending = asker.client.publish_with_properties(
        "boxes/7/ask",
        AtLeastOnce,
        false,
        "{\"a\":1}",
        properties.clone(),
    );
    sending.await.unwrap();
    asker
        .wait(|packet| matches!(packet, Packet::PubAck(_)).then_some(()))
        .await;

    let question = server.published().await;
    assert_eq!(question.payload, "{\"a\":1}");
    assert_eq!(question.properties, Some(properties));
    let recorded = broker.messages().pop().unwrap();
    assert_eq!(recorded.json()["a"], 1);
    assert_eq!(recorded.response_topic.as_deref(), Some("answers/7"));
    assert_eq!(recorded.correlation.as_deref(), Some(&[0, 255][..]));

    server.publish("answers/7", "yes", false).await;
    let answer = asker.published().await;
    assert_eq!((&answer.payload[..], answer.qos), (&b"yes"[..], AtMostOnce));
    let options = Publishing {
        correlation: Some(b"id".to_vec()),
        ..Default::default()
    };
    broker.publish("answers", b"too", options);
    let answer = asker.published().await;
    assert_eq!(answer.properties.unwrap().correlation_data.unwrap(), "id");
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let broker = Broker::start();
    broker.behave(Behaviour {
        max_packet: Some(1000),
        receive_max: Some(2),
        no_retain: true,
        ..Default::default()
    });
    let client = Client::connect(options(&broker, "box")).await;
    let told = client.connack.properties.unwrap();
    assert_eq!(
        (told.max_packet_size, told.receive_max, told.retain_available),
        (Some(1000), Some(2), Some(0))
    );

    let away = |packets: &[Packet]| {
        let mut raw = Raw::connect(&broker);
        raw.send(packets);
        std::iter::from_fn(move || raw.next()).last().unwrap()
    };
    let large = away(&[publish_packet(1, 1000)]);
    let many = away(&[publish_packet(1, 9), publish_packet(2, 9), publish_packet(3, 9)]);
    for (last, reason) in [
        (large, DisconnectReasonCode::PacketTooLarge),
        (many, DisconnectReasonCode::ReceiveMaximumExceeded),
    ] {
        let Packet::Disconnect(disconnect) = last else {
            panic!("{last:?}")
        };
        assert_eq!(disconnect.reason_code, reason);
    }
    assert_eq!(broker.messages().len(), 2);

    let mut with_will = options(&broker, "other");
    with_will.set_last_will(LastWill::new("state", "lost", AtMostOnce, true, None));
    let refused = AsyncClient::new(with_will, 1).1.poll().await;
    let expected = ConnectReturnCode::RetainNotSupported;
    assert!(
        matches!(refused, Err(ConnectionError::ConnectionRefused(code)) if code == expected),
        "{refused:?}"
    );
}

#[tokio::test]
async fn faults_come_as_ordered() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let trusting = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let broker = Broker::start_tls(tls);
    assert!(broker.url().starts_with("mqtts://127.0.0.1:"));
    broker.login("user", "secret");
    let mut options = options(&broker, "box");
    let trusting = rumqttc::TlsConfiguration::Rustls(Arc::new(trusting));
    options.set_transport(rumqttc::Transport::tls_with_config(trusting));
    options.set_credentials("user", "wrong");
    let refused = AsyncClient::new(options.clone(), 1).1.poll().await;
    let expected = ConnectReturnCode::BadUserNamePassword;
    assert!(
        matches!(refused, Err(ConnectionError::ConnectionRefused(code)) if code == expected),
        "{refused:?}"
    );
    options.set_credentials("user", "secret");
    let mut client = Client::connect(options).await;
    broker.behave(Behaviour {
        refuse: Some(PubAckReason::QuotaExceeded),
        ..Default::default()
    });
    assert_eq!(
        client.publish("a/event/b", "refused", false).await,
        PubAckReason::QuotaExceeded
    );
    assert_eq!(
        client.publish("a/state", "taken", false).await,
        PubAckReason::Success
    );

    let plain = Broker::start();
    plain.behave(Behaviour {
        silent: true,
        ..Default::default()
    });
    let mut raw = Raw::connect(&plain);
    raw.send(&[publish_packet(1, 1)]);
    wait_until("the bytes", || plain.bytes().0 > 30);
    assert_eq!(
        (plain.connects(), plain.bytes().1, plain.messages().len()),
        (0, 0, 0)
    );
    plain.behave(Behaviour {
        cut_after: Some(3),
        ..Default::default()
    });
    raw.send(&[publish_packet(2, 1), publish_packet(3, 1), publish_packet(4, 1)]);
    let came: Vec<_> = std::iter::from_fn(|| raw.next()).collect();
    assert!(
        matches!(
            came[..],
            [Packet::ConnAck(_), Packet::PubAck(_), Packet::PubAck(_)]
        ),
        "{came:?}"
    );
    assert_eq!(plain.messages().len(), 3);

    plain.behave(Behaviour {
        lose_acks: true,
        ..Default::default()
    });
    let mut raw = Raw::connect(&plain);
    raw.send(&[
        publish_packet(1, 1),
        Packet::PingReq(rumqttc::v5::mqttbytes::v5::PingReq),
    ]);
    assert!(matches!(raw.next(), Some(Packet::ConnAck(_))));
    assert!(matches!(raw.next(), Some(Packet::PingResp(_))));
    assert_eq!((broker.messages().len(), plain.messages().len()), (1, 4));
}
