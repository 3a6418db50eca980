//! What is counted of streams for metrics.

use super::*;
use crate::config::{Pattern, Rule};
use crate::recorder::EndedBy;
use crate::recorder::ended::closed;

#[test]
fn what_came_in_is_counted_over_publishes_and_a_short_push_has_no_row() {
    let mut rig = Rig::new();
    let short = rig.begin("live/short");
    rig.configure("live/short", short);
    rig.play("live/short", short, 0, 500, 500);
    assert_eq!(
        rig.core.counted(),
        Default::default(),
        "it may become a recording"
    );
    rig.end("live/short", short);
    for _ in 0..2 {
        let publish = rig.begin("live/a");
        rig.configure("live/a", publish);
        rig.play("live/a", publish, 0, 4_000, 2_000);
        rig.core.tick(rig.now(), &mut rig.commands);
        rig.end("live/a", publish);
    }
    let counts = rig.core.counted();
    let names: Vec<&str> = counts.named.keys().map(StreamName::as_str).collect();
    assert_eq!(names, ["live/a"]);
    let row = &counts.named[&name("live/a")];
    assert_eq!((row.received.video_frames, row.received.audio_frames), (200, 400));
    assert_eq!(row.received.bytes, 200 * 1_000 + 400 * 100);
    assert_eq!(row.last_frame, Some(rig.boot));
    assert_eq!(counts.others.received.audio_frames, 25);
}

#[test]
fn streams_that_rules_name_are_known_before_anybody_publishes_them() {
    let mut rig = Rig::new();
    let rule = |stream: &str| {
        let stream = Pattern::try_from(stream.to_owned()).unwrap();
        Rule::about(Pattern::any(), None, Some(stream)).unwrap()
    };
    let rules = vec![rule("live/lobby"), rule("live/cam*")];
    rig.core.rulebook.configure(Vec::new(), rules);
    let counts = rig.core.counted();
    assert_eq!(counts.named.keys().collect::<Vec<_>>(), [&name("live/lobby")]);
    assert_eq!(counts.named[&name("live/lobby")].last_frame, None);
}

#[test]
fn recordings_are_counted_by_what_ended_them() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 4_000, 2_000);
    rig.end("live/a", publish);
    let ended: Vec<_> = closed(&rig.commands).into_iter().collect();
    assert_eq!(ended, [(EndedBy::Publisher, 1)]);
}
