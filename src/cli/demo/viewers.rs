//! The demo's viewers: who they are, and where they watch.

use crate::access::viewer::{NoRandom, new_key};
use crate::config::stream_path;
use crate::media::{RecordingId, StreamName};
use crate::model::recording_path;

/// Those who watch the demo: whoever is on this machine, and one that may do more. Its key is made anew for each run.
pub(super) struct Viewers {
    key: String,
}

impl Viewers {
    pub(super) fn new() -> Result<Self, NoRandom> {
        Ok(Self { key: new_key()? })
    }

    /// Their sections of the configuration.
    pub(super) fn sections(&self) -> String {
        format!(
            "[http]\nlisten = [\"127.0.0.1:8080\"]\n\
             [[viewer]]\nname = \"here\"\naddresses = [\"127.0.0.0/8\"]\nmay = [\"watch\", \"download\", \"metrics\"]\n\
             [[viewer]]\nname = \"demo\"\nkey = \"{}\"\n\
             may = [\"watch\", \"download\", \"operate\", \"moderate\", \"metrics\"]\n",
            self.key
        )
    }

    /// What they can do at this address from now on.
    pub(super) fn invitation(&self, address: &str, stream: &StreamName) -> String {
        format!(
            "console:     {address}/ in a browser of this machine, without a key\n\
             operate it:  with the key of the viewer 'demo', who was made for this run, as in\n             \
             curl -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\\n             \
             -d '{{\"stream\":\"{stream}\",\"before\":\"5s\"}}' {address}/api/v1/clip.create\n",
            self.key
        )
    }
}

/// Where a stream plays while it is on the air.
pub(super) fn live(address: &str, stream: &StreamName) -> String {
    format!("{address}{}/master.m3u8", stream_path(stream))
}

/// Where a recording plays while it grows, and afterwards.
pub(super) fn recorded(address: &str, recording: RecordingId) -> String {
    format!("{address}{}/master.m3u8", recording_path(recording))
}
