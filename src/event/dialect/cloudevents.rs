//! CloudEvents 1.0 in structured JSON, with the sequence extension: nothing of an event is left out.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use super::played::with_addresses;
use super::{Message, Posted, Sender};
use crate::event::rfc3339;

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    /// An integer of a CloudEvent has 32 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, RawValue>>,
}

/// The one message that every event is.
pub(super) fn render(posted: &Posted, sender: &Sender, dropped: u64) -> Message {
    let as_written = || serde_json::from_str(&posted.body).ok().map(Cow::Borrowed);
    let event = CloudEvent {
        specversion: "1.0",
        id: &posted.id,
        source: &sender.source,
        kind: &posted.kind,
        time: rfc3339(posted.time),
        datacontenttype: "application/json",
        sequence: posted.sequence.to_string(),
        dropped: (dropped > 0).then(|| i32::try_from(dropped).unwrap_or(i32::MAX)),
        // As it was written, to the letter: a consumer may have fields that this release does not know.
        data: with_addresses(posted, sender).map(Cow::Owned).or_else(as_written),
    };
    Message {
        name: posted.kind.clone(),
        // Nothing in it can fail to be JSON.
        body: crate::defect::json(&event),
    }
}

/// The signature of a webhook's body: HMAC-SHA-256, in lower-case hexadecimal.
///
/// ```
/// let signature = edgereel::event::dialect::hmac_sha256_hex(b"key", b"The quick brown fox jumps over the lazy dog");
/// assert_eq!(signature, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
/// ```
pub fn hmac_sha256_hex(key: &[u8], body: &[u8]) -> String {
    // A key of any length will do: there is nothing to fail.
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(body).finalize());
    mac.map(|mac| HEXLOWER.encode(&mac.into_bytes()))
        .unwrap_or_default()
}
