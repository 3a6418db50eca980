//! Deletion, also of the delivered files, of a recording that was stopped and has not ended yet.

use serde_json::json;

use super::{Box, a_box};
use crate::media::{PublishId, RecordingId, StreamName};
use crate::store::{Command, RecordingSpec, testing};

const ZERO: i64 = 1_000_000_000_000;

/// A second of a recording that is known to end a second later.
async fn ending(the_box: &Box, id: RecordingId) {
    let publish = PublishId::new(1);
    for command in [
        Command::PublishStarted {
            tell: None,
            publish,
            stream: StreamName::new("live", "cam1").unwrap(),
            tape_zero: ZERO,
            boot_zero: 0,
            about: Default::default(),
        },
        Command::RecordingStarted {
            recording: id,
            publish,
            start: ZERO,
            spec: RecordingSpec::built_in().into(),
        },
        Command::Append {
            publish,
            fragment: testing::fragment(0, true),
        },
        Command::RecordingEnds {
            recording: id,
            end: ZERO + 2_000_000,
        },
    ] {
        the_box.api.recorder.submit(command).await.unwrap();
    }
}

/// The test's clock goes on at once while nobody does anything, so the seconds in which the recording does not end pass at
/// once.
#[tokio::test(start_paused = true)]
async fn what_is_delivered_of_a_recording_is_not_removed_before_that_has_ended() {
    let the_box = a_box();
    let id = RecordingId::new(7);
    ending(&the_box, id).await;
    let remote = json!({ "recording": id.to_string(), "remote": true });
    // Files that were delivered before the removal are gone. Files that are delivered behind it would be there again.
    let (code, _, message) = the_box.refused("recording.delete", &remote).await;
    assert_eq!(code, "conflict", "{message}");
    assert!(message.contains("ending; try again in a moment"), "{message}");

    the_box
        .api
        .recorder
        .submit(Command::RecordingClosed {
            recording: id,
            end: ZERO + 1_000_000,
            reason: "stopped".to_owned(),
        })
        .await
        .unwrap();
    // The recording has ended, and the uploader is asked to remove it. Here there is no uploader.
    let (code, _, message) = the_box.refused("recording.delete", &remote).await;
    assert_eq!(code, "conflict", "{message}");
    assert!(message.contains("sync.url"), "{message}");
    // Nothing was removed here either.
    let is = the_box
        .ask("recording.get", &json!({ "recording": id.to_string() }))
        .await;
    assert_eq!(is["result"]["state"], "closed", "{is}");
    the_box.done().await;
}
