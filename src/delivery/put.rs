//! Small objects beside recordings: pictures. They are sent at the hours, at the rate and through the connection of deliveries.

use bytes::Bytes;

use super::context::{Context, End};
use super::remote::{About, Answer, Fault, Payload, Request};
use crate::media::RecordingId;

/// A small object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its key, without the prefix of all keys of the store.
    pub key: String,
    /// Its type.
    pub mime: &'static str,
    /// The recording that it is of.
    pub recording: RecordingId,
    /// What it is: some MiB at most.
    pub bytes: Bytes,
}

/// An object that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// Where it can be fetched.
    pub url: String,
}

/// Why an object was not put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPut {
    /// Nothing is sent now: the object is not the cause.
    #[error("{0}")]
    Later(String),
    /// The store refuses this object, or damaged it.
    #[error("{0}")]
    Refused(String),
}

pub(super) async fn put(cx: &Context, object: Object) -> Result<Stored, NotPut> {
    let key = cx.delivery.target.full_key(&object.key);
    let request = Request::Put {
        key: key.clone(),
        body: Payload::of(object.bytes),
        about: About {
            mime: object.mime,
            recording: object.recording.to_string(),
            ..About::default()
        },
    };
    match cx.ask(request).await {
        Ok(Answer::Stored { .. } | Answer::Doubted { .. }) => Ok(Stored {
            url: cx.url_of(&key),
            key,
        }),
        Ok(_) => Err(NotPut::Refused(
            "the store gave an answer to something else".to_owned(),
        )),
        Err(End::Fault(fault @ (Fault::Refused(_) | Fault::Damaged(_) | Fault::Unsupported(_)))) => {
            Err(NotPut::Refused(fault.to_string()))
        }
        Err(End::Fault(fault)) => Err(NotPut::Later(format!("the object store is not reached: {fault}"))),
        Err(end) => Err(NotPut::Later(format!("{end:?}"))),
    }
}
