//! The AsyncAPI document around the messages.

use serde_json::{Map, Value, json};

use super::messages::Message;
use crate::api::described::{referring, shared};

const ABOUT: &str = "RTMP recorder for edge boxes: what a box tells over MQTT, and what it can be asked. Events are delivered at \
                     least once and in order, with the same id however often they come; requests are carried out once for each \
                     id. Over MQTT 5 or, as mqtt.version says, 3.1.1: there a request names no response topic and has no correlation \
                     data, and its answer goes to response/{command} with its id. What is said here is held against what is really sent by a test.";

/// A channel: the topics of one kind of message.
struct Channel {
    name: &'static str,
    /// The topic below the root.
    address: &'static str,
    about: &'static str,
    /// What the box does on the channel.
    action: &'static str,
    qos: u8,
    retain: bool,
    parameters: &'static [(&'static str, &'static str)],
}

const CHANNELS: [Channel; 9] = [
    Channel {
        name: "status",
        address: "status",
        about: "Whether the box is connected: published at every connection, and by the last will.",
        action: "send",
        qos: 1,
        retain: true,
        parameters: &[],
    },
    Channel {
        name: "health",
        address: "health",
        about: "The state of the box, every mqtt.health and when something important changes.",
        action: "send",
        qos: 0,
        retain: true,
        parameters: &[],
    },
    Channel {
        name: "stream",
        address: "stream/{app}/{name}",
        about: "How a stream is, when something about it changes and every mqtt.health. An empty message when the stream is \
                forgotten. In names %, + and # are written as %25, %2B and %23.",
        action: "send",
        qos: 1,
        retain: true,
        parameters: &[
            ("app", "The stream's app, which may have several levels."),
            ("name", "The stream's name in its app."),
        ],
    },
    Channel {
        name: "job",
        address: "job/{job}",
        about: "How far a job is, when it changed, every five seconds while something of a job is sent, every thirty otherwise: as job.get answers. Its end is the event job.ended.",
        action: "send",
        qos: 0,
        retain: false,
        parameters: &[("job", "The job's id.")],
    },
    Channel {
        name: "event",
        address: "event/{kind}",
        about: "Events as CloudEvents 1.0, if mqtt.dialects has cloudevents.",
        action: "send",
        qos: 1,
        retain: false,
        parameters: &[("kind", "The kind, which is also the type of the event.")],
    },
    Channel {
        name: "tencent",
        address: "tencent/{event}",
        about: "Events in the format of Tencent Cloud's CSS, if mqtt.dialects has tencent.",
        action: "send",
        qos: 1,
        retain: false,
        parameters: &[("event", "The event type.")],
    },
    Channel {
        name: "aliyun",
        address: "aliyun/{event}",
        about: "Events in the format of Alibaba Cloud's ApsaraVideo Live, if mqtt.dialects has aliyun.",
        action: "send",
        qos: 1,
        retain: false,
        parameters: &[("event", "The event.")],
    },
    Channel {
        name: "request",
        address: "request/{command}",
        about: "What the box is asked: the arguments of a command, at most 64 KiB. An empty message is a request without \
                arguments. A retained request is refused.",
        action: "receive",
        qos: 1,
        retain: false,
        parameters: &[("command", "The command.")],
    },
    Channel {
        name: "response",
        address: "response/{command}",
        about: "What requests came to, at most 64 KiB, unless a request names another topic below \
                response/ as its MQTT 5 response topic, or one that mqtt.response_topics allows. Its \
                correlation data is echoed. Requests that are refused because too many came at once are answered with QoS 0.",
        action: "send",
        qos: 1,
        retain: false,
        parameters: &[("command", "The command.")],
    },
];

/// Makes the document of these messages.
pub(super) fn document(messages: &[Message]) -> Value {
    let named = CHANNELS.iter().map(|channel| channel.name.to_owned());
    let channels = CHANNELS.iter().map(|channel| described(channel, messages));
    let operations = CHANNELS
        .iter()
        .map(|channel| (operation_name(channel), operation(channel)));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgereel",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": "application/json",
        "servers": {
            "tls": server("mqtts", "8883", "The broker, over TLS.", &["user", "certificate"]),
            "plain": server("mqtt", "1883", "The broker without TLS, for a trusted network.", &["user"]),
        },
        "channels": named.zip(channels).collect::<Map<String, Value>>(),
        "operations": operations.collect::<Map<String, Value>>(),
        "components": {
            "schemas": shared().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect::<Map<String, Value>>(),
            "messages": messages.iter().map(|one| (one.name(), message(one))).collect::<Map<String, Value>>(),
            "messageTraits": { "request": request_trait() },
            "correlationIds": {
                "id": { "location": "$message.payload#/id", "description": "An answer repeats the id of its request." },
            },
            "parameters": {
                "prefix": { "default": "edgereel", "description": "mqtt.prefix: the prefix of a fleet's topics; one level or several." },
                "device": { "description": "The id of the box." },
            },
            "securitySchemes": {
                "user": { "type": "userPassword", "description": "mqtt.user and mqtt.password" },
                "certificate": { "type": "X509", "description": "mqtt.cert_file and mqtt.key_file" },
            },
        },
    })
}

fn server(protocol: &str, port: &str, about: &str, security: &[&str]) -> Value {
    let security = security
        .iter()
        .map(|name| reference("components/securitySchemes", name));
    json!({
        "host": "{broker}:{port}",
        "protocol": protocol,
        "protocolVersion": "5",
        "description": about,
        "variables": {
            "broker": { "description": "Name or address, as in mqtt.url." },
            "port": { "default": port, "description": "Its port." },
        },
        "security": security.collect::<Vec<_>>(),
        "bindings": {
            "mqtt": {
                "clientId": "edgereel-{device}",
                "cleanSession": false,
                "keepAlive": 30,
                "sessionExpiryInterval": 86_400,
                "lastWill": { "topic": "{prefix}/{device}/status", "qos": 1, "retain": true, "message": "{\"state\":\"down\", …}" },
                "bindingVersion": "0.2.0",
            },
        },
    })
}

fn described(channel: &Channel, messages: &[Message]) -> Value {
    let own = messages.iter().filter(|message| message.channel == channel.name);
    let own = own.map(|message| (message.name(), reference("components/messages", &message.name())));
    let shared = ["prefix", "device"].map(|name| (name.to_owned(), reference("components/parameters", name)));
    let parameters = channel.parameters.iter();
    let parameters = parameters.map(|(name, about)| ((*name).to_owned(), json!({ "description": about })));
    json!({
        "address": format!("{{prefix}}/{{device}}/{}", channel.address),
        "description": channel.about,
        "parameters": shared.into_iter().chain(parameters).collect::<Map<String, Value>>(),
        "messages": own.collect::<Map<String, Value>>(),
    })
}

/// The name of an operation, as in `sendStatus`, `receiveRequest`.
fn operation_name(channel: &Channel) -> String {
    let (first, rest) = channel.name.split_at(1);
    format!("{}{}{rest}", channel.action, first.to_uppercase())
}

fn operation(channel: &Channel) -> Value {
    let mut operation = json!({
        "action": channel.action,
        "channel": reference("channels", channel.name),
        "bindings": { "mqtt": { "qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0" } },
    });
    if channel.action == "receive" {
        operation["reply"] = json!({ "channel": reference("channels", "response") });
    }
    operation
}

fn message(message: &Message) -> Value {
    let mut described = json!({
        "name": message.name(),
        "summary": message.about,
        "payload": referring(&message.payload, &shared()),
    });
    if let Some([effect, right]) = &message.effect {
        described["traits"] = json!([reference("components/messageTraits", "request")]);
        described["x-effect"] = effect.clone();
        described["x-right"] = right.clone();
    }
    if message.channel == "response" {
        described["correlationId"] = reference("components/correlationIds", "id");
    }
    described
}

fn request_trait() -> Value {
    json!({
        "correlationId": reference("components/correlationIds", "id"),
        "bindings": {
            "mqtt": {
                "responseTopic": {
                    "type": "string",
                    "description": "Where the answer is to go, if not to response/{command}: below the box's response/, or where mqtt.response_topics allows.",
                },
                "correlationData": {
                    "type": "string",
                    "maxLength": 1_024,
                    "description": "Echoed with the answer: any bytes.",
                },
                "bindingVersion": "0.2.0",
            },
        },
    })
}

fn reference(place: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{place}/{name}") })
}
