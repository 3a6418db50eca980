//! Each part has one configuration.

use std::sync::Arc;

use super::*;
use crate::format::Fmp4;
use crate::format::testing::{self, Take, eventful, on_tape, two_segments};
use crate::media::Tracks;

fn of(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}

#[test]
fn a_view_is_cut_where_the_picture_becomes_another() {
    let takes = eventful();
    let view = testing::view(&takes);
    // The picture begins later than the sound, and there is a break. Neither is a change.
    let changes = view.changes();
    assert_eq!(of(&changes), ["h264 320x240 becomes h264 640x360"]);
    assert_eq!(
        changes[0].at,
        testing::SOME_DAY + takes[2].publish_zero + 3_000_000
    );
    let parts = view.clone().parts();
    assert_eq!(
        parts.iter().map(|part| part.segments.len()).collect::<Vec<_>>(),
        [2, 2]
    );
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let of_kind = |view: &View<_>| on_tape(&view.clone().only(kind));
        let again: Vec<_> = parts.iter().flat_map(of_kind).collect();
        assert!(again == of_kind(&view));
    }
    assert!(Fmp4::open(view).is_err());
    assert!(
        parts
            .into_iter()
            .all(|part| part.changes().is_empty() && Fmp4::open(part).is_ok())
    );
}

#[test]
fn a_change_back_is_a_change_and_both_tracks_at_once_are_one_cut() {
    let mut takes = two_segments();
    takes.extend(two_segments());
    let other = Tracks {
        video: Some(Arc::new(testing::other_video())),
        audio: Some(Arc::new(testing::opus())),
    };
    takes[1].tracks = other;
    let view = testing::view(&takes);
    assert_eq!(view.clone().parts().len(), 3);
    assert_eq!(
        of(&view.changes()),
        [
            "h264 320x240 becomes h264 640x360",
            "aac 44100 Hz 2 ch becomes opus 48000 Hz 2 ch",
            "h264 640x360 becomes h264 320x240",
            "opus 48000 Hz 2 ch becomes aac 44100 Hz 2 ch",
        ]
    );
    // A view of the sound alone does not see changes of the picture.
    let mut eventful = eventful();
    assert_eq!(testing::view(&eventful).only(TrackKind::Audio).parts().len(), 1);
    eventful[1].tracks.audio = None;
    assert_eq!(testing::view(&eventful).only(TrackKind::Audio).parts().len(), 1);
}

#[test]
fn ranges_that_differ_are_named() {
    let small = |reel| testing::view_of(&two_segments(), reel);
    let other = |video| {
        let tracks = Tracks {
            video: Some(Arc::new(video)),
            ..testing::both()
        };
        let shots = testing::shoot(&tracks, 0, 1_000, 0);
        let take = Take {
            tracks,
            publish_zero: 0,
            shots,
        };
        testing::view_of(&[take], 9)
    };
    assert_eq!(small(0).join(vec![small(1), small(0)]).changes(), []);
    let joined = small(0).join(vec![small(1), other(testing::other_video())]);
    let changes = of(&joined.changes());
    assert_eq!(changes, ["range 3 has h264 640x360, range 2 has h264 320x240"]);
    // The same size, with other parameter sets.
    let mut video = testing::small_video();
    let mut record = video.record.to_vec();
    *record.last_mut().unwrap() ^= 1;
    video.record = record.into();
    let changes = of(&small(0).join(vec![other(video)]).changes());
    assert_eq!(
        changes,
        ["range 2 has h264 320x240 with other parameters than range 1"]
    );
}
