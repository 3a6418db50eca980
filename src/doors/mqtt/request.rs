//! Makes a request, or the refusal of one, from what arrives. Pure: every message published to the box goes through here.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

use super::topics::Topics;
use crate::api::{Answer, Code, Failure, Request};

/// The field that is wrong when a request wants its answer where this box does not answer.
pub(super) const RESPONSE_TOPIC: &str = "response_topic";

/// The longest correlation data that an answer repeats, in bytes.
const MAX_CORRELATION: usize = 1_024;

/// Where an answer goes, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) topic: String,
    pub(super) correlation: Option<Bytes>,
}

/// What somebody published below `request/`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// A command that can be asked for.
    Request {
        command: String,
        request: Request,
        reply: Reply,
    },
    /// A request that cannot be carried out, and its answer.
    Refused { answer: Answer, reply: Reply },
    /// A message that is not for this box.
    Stray,
}

/// Reads a message that was published to this box.
pub(super) fn read(topics: &Topics, publish: &Publish) -> Asked {
    let Ok(topic) = std::str::from_utf8(&publish.topic) else {
        return Asked::Stray;
    };
    let Some(command) = topics.command(topic) else {
        return Asked::Stray;
    };
    let properties = publish.properties.as_ref();
    let correlation = properties.and_then(|properties| properties.correlation_data.clone());
    let wanted = properties.and_then(|properties| properties.response_topic.clone());
    // A name that is no command is answered on the topic that the command would have, cut to a length that a topic allows.
    let usual = topics.response(&plain(command));
    let reply = |topic| Reply {
        topic,
        correlation: correlation.clone().filter(|data| data.len() <= MAX_CORRELATION),
    };
    let refuse = |failure: Failure| Asked::Refused {
        answer: Answer {
            id: Request::parse(&publish.payload)
                .ok()
                .and_then(|request| request.id),
            result: Err(failure),
        },
        reply: reply(usual.clone()),
    };
    if publish.retain {
        let text = "a request that is retained would be carried out at every connection; publish it without";
        return refuse(Failure::new(Code::Refused, text));
    }
    if correlation
        .as_ref()
        .is_some_and(|data| data.len() > MAX_CORRELATION)
    {
        let text = format!("the correlation data has more than {MAX_CORRELATION} bytes");
        return refuse(Failure::new(Code::BadRequest, text));
    }
    let topic = match wanted {
        Some(wanted) if !topics.may_answer(&wanted) => {
            let text = format!(
                "this box does not answer to that response topic: it answers below {}, and where its \
                 mqtt.response_topics allows",
                topics.response("")
            );
            return refuse(Failure {
                field: Some(RESPONSE_TOPIC.to_owned()),
                ..Failure::new(Code::BadRequest, text)
            });
        }
        Some(wanted) => wanted,
        None => usual.clone(),
    };
    match Request::parse(&publish.payload) {
        Ok(request) => Asked::Request {
            command: command.chars().take(128).collect(),
            request,
            reply: reply(topic),
        },
        Err(failure) => Asked::Refused {
            answer: Answer::refusal(failure),
            reply: reply(topic),
        },
    }
}

/// A command's name as it stands in the topic of its answer.
pub(super) fn plain(command: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    command
        .chars()
        .take(64)
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}

/// Reads any message. The first byte says what goes with it, the second how long the topic is.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let [flags, length, rest @ ..] = bytes else { return };
    let (topic, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    let (wanted, body) = rest.split_at(usize::from(flags >> 4).min(rest.len()));
    let topics = Topics::new("edgereel/b".to_owned(), Vec::new());
    let mut publish = Publish::new("", QoS::AtMostOnce, body.to_vec(), None);
    publish.topic = [b"edgereel/b/request/", topic].concat().into();
    publish.retain = flags & 1 != 0;
    publish.properties = Some(PublishProperties {
        response_topic: (flags & 2 != 0).then(|| String::from_utf8_lossy(wanted).into_owned()),
        correlation_data: (flags & 4 != 0).then(|| Bytes::copy_from_slice(wanted)),
        ..PublishProperties::default()
    });
    match read(&topics, &publish) {
        Asked::Request { reply, .. } | Asked::Refused { reply, .. } => {
            assert!(topics.may_answer(&reply.topic))
        }
        Asked::Stray => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topics() -> Topics {
        Topics::new("edgereel/b".to_owned(), Vec::new())
    }

    fn publish(topic: &str, payload: &[u8]) -> Publish {
        Publish::new(topic, QoS::AtLeastOnce, payload.to_vec(), None)
    }

    fn refused(asked: Asked) -> (Code, String) {
        match asked {
            Asked::Refused { answer, reply } => (answer.result.unwrap_err().code, reply.topic),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_answered_where_it_says_with_what_it_gave() {
        let mut asked = publish("edgereel/b/request/sync.status", b"{\"id\":\"1\"}");
        asked.properties = Some(PublishProperties {
            response_topic: Some("edgereel/b/response/me".to_owned()),
            correlation_data: Some(Bytes::from_static(b"\0\xff")),
            ..PublishProperties::default()
        });
        let Asked::Request {
            command,
            request,
            reply,
        } = read(&topics(), &asked)
        else {
            panic!()
        };
        assert_eq!(
            (command.as_str(), request.id.as_deref()),
            ("sync.status", Some("1"))
        );
        assert_eq!(reply.topic, "edgereel/b/response/me");
        assert_eq!(reply.correlation.as_deref(), Some(&b"\0\xff"[..]));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_with_the_reason() {
        let usual = "edgereel/b/response/a.b".to_owned();
        let topic = "edgereel/b/request/a.b";
        let mut retained = publish(topic, b"{\"id\":\"7\"}");
        retained.retain = true;
        let Asked::Refused { answer, .. } = read(&topics(), &retained) else {
            panic!()
        };
        assert_eq!(answer.id.as_deref(), Some("7"));
        assert_eq!(
            refused(read(&topics(), &retained)),
            (Code::Refused, usual.clone())
        );
        for body in [&b"[]"[..], b"{", b"\xff", &vec![b' '; 70_000], b"{\"id\":5}"] {
            let asked = read(&topics(), &publish(topic, body));
            assert_eq!(refused(asked), (Code::BadRequest, usual.clone()));
        }
        for wanted in ["edgereel/b/request/a.b", "edgereel/c/request/a.b", "me/answers"] {
            let mut elsewhere = publish(topic, b"{}");
            elsewhere.properties = Some(PublishProperties {
                response_topic: Some(wanted.to_owned()),
                ..PublishProperties::default()
            });
            assert_eq!(
                refused(read(&topics(), &elsewhere)),
                (Code::BadRequest, usual.clone())
            );
        }
        assert_eq!(
            read(&topics(), &publish("edgereel/c/request/a", b"{}")),
            Asked::Stray
        );
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_answered_on_one_topic_of_bounded_length(
            topic in prop_oneof![Just(b"edgereel/b/request/".to_vec()), prop::collection::vec(any::<u8>(), 0..40)],
            more in prop::collection::vec(any::<u8>(), 0..300),
            body in prop::collection::vec(any::<u8>(), 0..200),
            wanted in prop::option::of(".{0,40}"),
            correlation in prop::option::of(prop::collection::vec(any::<u8>(), 0..2_000)),
            retain: bool,
        ) {
            let mut asked = publish("", &body);
            asked.topic = [topic, more].concat().into();
            asked.retain = retain;
            asked.properties = Some(PublishProperties {
                response_topic: wanted,
                correlation_data: correlation.map(Bytes::from),
                ..PublishProperties::default()
            });
            match read(&topics(), &asked) {
                Asked::Request { reply, .. } | Asked::Refused { reply, .. } => {
                    prop_assert!(topics().may_answer(&reply.topic));
                    prop_assert!(reply.topic.len() <= 200);
                    let carried_out = matches!(read(&topics(), &asked), Asked::Request { .. });
                    prop_assert!(!(retain && carried_out));
                }
                Asked::Stray => {}
            }
        }
    }
}
