//! MQTT 5 by rumqttc.

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Filter, LastWill, Packet,
    PublishProperties, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions, StateError};

use super::wire::{CONNECT, Client, Events, Failed, Manner, Said, full, transport};
use super::{FLYING, Limits, Loss, Post, QUEUE, words};
use crate::doors::mqtt::LinkSettings;

pub(super) fn open(settings: &LinkSettings, manner: &Manner) -> (Client, Events) {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    if let Some(transport) = transport(settings) {
        options.set_transport(transport);
    }
    if let Some((user, password)) = &settings.login {
        options.set_credentials(user, password);
    }
    let expiry = u32::try_from(settings.session_expiry.as_secs()).unwrap_or(u32::MAX);
    options
        .set_keep_alive(settings.keep_alive)
        .set_clean_start(manner.clean)
        .set_connection_timeout(manner.patience)
        .set_manual_acks(manner.manual_acks)
        .set_outgoing_inflight_upper_limit(FLYING);
    if let Some(will) = &manner.will {
        options.set_last_will(LastWill::new(
            &will.topic,
            will.body.clone(),
            QoS::AtLeastOnce,
            will.retain,
            None,
        ));
    }
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(expiry);
    properties.receive_maximum = manner.receive_max;
    properties.max_packet_size = Some(manner.largest);
    options.set_connect_properties(properties);
    let (client, events) = AsyncClient::new(options, QUEUE);
    (Client::V5(client), Events::V5(Box::new(events)))
}

pub(super) fn subscribe(client: &AsyncClient, filter: String, retained: bool) -> Result<(), Loss> {
    let filter = Filter {
        path: filter,
        qos: QoS::AtLeastOnce,
        // A retained message may be this box's own, of another run.
        nolocal: !retained,
        preserve_retain: !retained,
        retain_forward_rule: if retained {
            RetainForwardRule::OnEverySubscribe
        } else {
            RetainForwardRule::Never
        },
    };
    client.try_subscribe_many([filter]).map_err(|_| full())
}

pub(super) fn publish(client: &AsyncClient, post: Post, response_topic: Option<String>) -> Result<(), Loss> {
    let qos = if post.confirmed {
        QoS::AtLeastOnce
    } else {
        QoS::AtMostOnce
    };
    let properties = PublishProperties {
        correlation_data: post.correlation,
        response_topic,
        ..PublishProperties::default()
    };
    client
        .try_publish_with_properties(post.topic, qos, post.retain, post.body, properties)
        .map_err(|_| full())
}

pub(super) fn said(event: Result<Event, ConnectionError>) -> Result<Said, Failed> {
    Ok(match event.map_err(|error| failed(&error))? {
        Event::Incoming(Packet::ConnAck(ack)) => Said::Connected(limits(&ack)?),
        Event::Incoming(Packet::PubAck(ack)) => Said::Confirmed(ack.pkid, ack.reason),
        Event::Incoming(Packet::Publish(publish)) => Said::Message(publish),
        Event::Incoming(Packet::SubAck(ack)) => {
            let taken = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
            Said::Subscribed(ack.return_codes.iter().all(taken))
        }
        Event::Outgoing(Outgoing::Publish(id)) => Said::Sent(id),
        Event::Outgoing(Outgoing::AwaitAck(id)) => Said::Held(id),
        _ => Said::Other,
    })
}

fn limits(ack: &ConnAck) -> Result<Limits, Loss> {
    let said = ack.properties.as_ref();
    if said.and_then(|said| said.max_qos) == Some(0) {
        let text = "the broker confirms nothing (its maximum QoS is 0), so nothing could be relied on";
        return Err(Loss::Refused(text.to_owned()));
    }
    let packet = said.and_then(|said| said.max_packet_size).unwrap_or(u32::MAX);
    let flying = said
        .and_then(|said| said.receive_max)
        .unwrap_or(FLYING)
        .min(FLYING);
    Ok(Limits {
        packet: usize::try_from(packet).unwrap_or(usize::MAX),
        flying: usize::from(flying.max(1)),
        retains: said.and_then(|said| said.retain_available) != Some(0),
    })
}

fn failed(error: &ConnectionError) -> Failed {
    // A broker that does not speak MQTT 5 says so, or closes, or answers with a packet of 3.1.1. That packet is shorter than
    // any of MQTT 5, and rumqttc waits for the rest of it.
    let unspoken = match error {
        ConnectionError::ConnectionRefused(code) => matches!(
            code,
            ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion
        ),
        ConnectionError::Timeout(_) | ConnectionError::NotConnAck(_) => true,
        ConnectionError::MqttState(state) => !matches!(
            state,
            StateError::ServerDisconnect { .. } | StateError::AwaitPingResp
        ),
        _ => false,
    };
    let loss = match error {
        ConnectionError::ConnectionRefused(_) if unspoken => {
            Loss::Refused("the broker does not speak MQTT 5".to_owned())
        }
        error => loss(error),
    };
    Failed { loss, unspoken }
}

/// Tells what a failure of the connection means.
fn loss(error: &ConnectionError) -> Loss {
    let text = crate::https::with_causes(error);
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServerBusy => {
                Loss::Gone("the broker is busy".to_owned())
            }
            ConnectReturnCode::RetainNotSupported => Loss::NoRetain,
            code => Loss::Refused(format!(
                "the broker refuses this client: {}",
                words(&format!("{code:?}"))
            )),
        },
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => match reason_code {
            DisconnectReasonCode::SessionTakenOver => Loss::TakenOver,
            code => {
                let why = reason_string
                    .as_deref()
                    .map_or(String::new(), |why| format!(": {why}"));
                Loss::Gone(format!(
                    "the broker ended the connection, {}{why}",
                    words(&format!("{code:?}"))
                ))
            }
        },
        ConnectionError::Timeout(_) => Loss::Gone(format!("no answer within {CONNECT} s")),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Loss::Gone("the broker does not answer any more".to_owned())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            Loss::Gone("the connection broke".to_owned())
        }
        _ => Loss::Gone(text),
    }
}
