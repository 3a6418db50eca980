//! MQTT 3.1.1 by rumqttc: the broker tells no limits and no reasons, and messages have no properties.

use bytes::Bytes;
use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::mqttbytes::v4::ConnectReturnCode;
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use rumqttc::{
    AsyncClient, ConnectionError, Event, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, QoS,
    StateError, SubscribeReasonCode,
};

use super::wire::{CONNECT, Client, Events, Failed, Manner, Said, transport};
use super::{FLYING, Limits, Loss, QUEUE};
use crate::doors::mqtt::LinkSettings;

/// The largest packet that the broker is given, in bytes. It does not say how large packets may be, and cloud brokers take no
/// more.
const LARGEST_SENT: usize = 128 << 10;
/// The largest packet that is taken, in bytes. A broker cannot be told a limit, so only a packet far larger than a request ends
/// the connection.
const LARGEST_TAKEN: u32 = 1 << 20;

pub(super) fn open(settings: &LinkSettings, manner: &Manner) -> (Client, Events) {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    if let Some(transport) = transport(settings) {
        options.set_transport(transport);
    }
    if let Some((user, password)) = &settings.login {
        options.set_credentials(user, password);
    }
    let taken = usize::try_from(manner.largest.max(LARGEST_TAKEN)).unwrap_or(usize::MAX);
    options
        .set_keep_alive(settings.keep_alive)
        // A session of 3.1.1 never expires, or ends with the connection.
        .set_clean_session(manner.clean || settings.session_expiry.is_zero())
        .set_max_packet_size(taken, LARGEST_SENT)
        .set_manual_acks(manner.manual_acks)
        .set_inflight(FLYING);
    if let Some(will) = &manner.will {
        options.set_last_will(LastWill::new(
            &will.topic,
            will.body.clone(),
            QoS::AtLeastOnce,
            will.retain,
        ));
    }
    let (client, mut events) = AsyncClient::new(options, QUEUE);
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(manner.patience);
    events.set_network_options(network);
    (Client::V4(client), Events::V4(Box::new(events)))
}

pub(super) fn said(event: Result<Event, ConnectionError>) -> Result<Said, Failed> {
    Ok(match event.map_err(|error| failed(&error))? {
        Event::Incoming(Packet::ConnAck(_)) => Said::Connected(Limits {
            packet: LARGEST_SENT,
            flying: usize::from(FLYING),
            retains: true,
        }),
        Event::Incoming(Packet::PubAck(ack)) => Said::Confirmed(ack.pkid, PubAckReason::Success),
        Event::Incoming(Packet::Publish(publish)) => Said::Message(Publish {
            dup: publish.dup,
            qos: match publish.qos {
                QoS::AtMostOnce => QoS5::AtMostOnce,
                QoS::AtLeastOnce => QoS5::AtLeastOnce,
                QoS::ExactlyOnce => QoS5::ExactlyOnce,
            },
            retain: publish.retain,
            topic: Bytes::from(publish.topic),
            pkid: publish.pkid,
            payload: publish.payload,
            properties: None,
        }),
        Event::Incoming(Packet::SubAck(ack)) => {
            let taken = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
            Said::Subscribed(ack.return_codes.iter().all(taken))
        }
        Event::Outgoing(Outgoing::Publish(id)) => Said::Sent(id),
        Event::Outgoing(Outgoing::AwaitAck(id)) => Said::Held(id),
        _ => Said::Other,
    })
}

/// The parts of a message that a confirmation needs.
pub(super) fn acked(publish: &Publish) -> rumqttc::Publish {
    let qos = match publish.qos {
        QoS5::AtMostOnce => QoS::AtMostOnce,
        QoS5::AtLeastOnce => QoS::AtLeastOnce,
        QoS5::ExactlyOnce => QoS::ExactlyOnce,
    };
    let mut acked = rumqttc::Publish::from_bytes("", qos, Bytes::new());
    acked.pkid = publish.pkid;
    acked
}

fn failed(error: &ConnectionError) -> Failed {
    let gone = |reason: String| Loss::Gone(reason);
    let (loss, unspoken) = match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::ServiceUnavailable => (gone("the broker is busy".to_owned()), false),
            ConnectReturnCode::RefusedProtocolVersion => (
                Loss::Refused("the broker does not speak MQTT 3.1.1".to_owned()),
                true,
            ),
            code => {
                let why = super::words(&format!("{code:?}"));
                (
                    Loss::Refused(format!("the broker refuses this client: {why}")),
                    false,
                )
            }
        },
        ConnectionError::MqttState(StateError::Deserialization(PacketError::PayloadSizeLimitExceeded(
            bytes,
        ))) => (Loss::TooLarge(*bytes), false),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            (gone(format!("no answer within {CONNECT} s")), true)
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            (gone("the broker does not answer any more".to_owned()), false)
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            (gone("the connection broke".to_owned()), true)
        }
        ConnectionError::MqttState(_) | ConnectionError::NotConnAck(_) => {
            (gone(crate::https::with_causes(error)), true)
        }
        _ => (gone(crate::https::with_causes(error)), false),
    };
    Failed { loss, unspoken }
}
