//! What browsers make of it.

use crate::browser::{Case, Seek, Seen};
use crate::programs::FFMPEG;
use crate::session::{Session, flash_and_beep, plain_session, push_copy};
use crate::support::home;

#[test]
fn chromium_plays_every_rendition() {
    let session = plain_session(6);
    for name in ["mp4", "fmp4", "m4a"] {
        let seen = Case::file(&session.rendition(name)).rate(2.0).play();
        seen.plays_through(6.0);
        assert!(seen.sound > 0, "{name}: {seen:?}");
        assert_eq!(seen.frames > 0, name != "m4a", "{name}: {seen:?}");
        let sought = Case::file(&session.rendition(name)).seeks(&[4.0, 1.0]).play();
        let near = |seek: &Seek| seek.landed && (seek.at - seek.to).abs() < 0.1;
        assert!(
            sought.seeks.len() == 2 && sought.seeks.iter().all(near),
            "{name}: {sought:?}"
        );
    }
    let folder = session.rendition("hls");
    let seen = Case::hls(folder.parent().unwrap()).rate(2.0).play();
    seen.plays_through(6.0);
    assert!(seen.errors.is_empty() && seen.holes(0.2).is_empty(), "{seen:?}");
}

#[test]
fn sound_and_picture_are_together_in_chromium() {
    let folder = home();
    let file = flash_and_beep(folder.path(), 6);
    let session = Session::record(|url| push_copy(FFMPEG, &file, "", url));
    for name in ["mp4", "fmp4"] {
        let seen = Case::file(&session.rendition(name))
            .listening()
            .limit(15.0)
            .play();
        assert_together(&seen, 4, name);
    }
    let hls = session.rendition("hls");
    let seen = Case::hls(hls.parent().unwrap()).listening().limit(15.0).play();
    assert_together(&seen, 4, "hls");
}

/// Fails unless there are so many flashes, each with its beep. A machine with other work is late with some.
#[track_caller]
fn assert_together(seen: &Seen, flashes: usize, name: &str) {
    let mut sync = seen.sync();
    assert!(sync.len() >= flashes, "{name}: {sync:?} {seen:?}");
    sync.sort_by(f64::total_cmp);
    assert!(sync[sync.len() / 2].abs() < 60.0, "{name}: {sync:?}");
}
