//! How a browser plays the files.

use crate::browser::{Case, Seek, Seen};
use crate::programs::FFMPEG;
use crate::session::{H264_AAC, Session, flash_and_beep, plain_session, push_copy, sized_source, source};
use crate::support::flv::{AUDIO, SCRIPT, VIDEO};
use crate::support::{Flv, Tag, home, publish_file};

#[test]
fn chromium_plays_every_rendition() {
    let session = plain_session(6);
    for name in ["mp4", "fmp4", "m4a"] {
        let file = session.rendition(name);
        let seen = Case::file(&file).rate(2.0).play();
        seen.plays_through(6.0);
        assert!(seen.sound > 0, "{name}: {seen:?}");
        assert_eq!(seen.frames > 0, name != "m4a", "{name}: {seen:?}");
        let sought = Case::file(&file).seeks(&[4.0, 1.0]).play();
        let near = |seek: &Seek| seek.landed && (seek.at - seek.to).abs() < 0.1;
        assert!(
            sought.seeks.len() == 2 && sought.seeks.iter().all(near),
            "{name}: {sought:?}"
        );
    }
    let folder = session.rendition("hls");
    for playlist in ["index.m3u8", "master.m3u8"] {
        let seen = Case::of(folder.parent().unwrap(), playlist).rate(2.0).play();
        seen.plays_through(6.0);
        // Every picture was decoded, in one piece. The times at which pictures are shown depend on the busy machine.
        assert!(seen.errors.is_empty() && seen.buffered.len() == 1, "{seen:?}");
        assert!(seen.frames >= 6 * 25 - 2, "{seen:?}");
    }
}

/// A size, a profile and the sound's rate change in the middle, and CODECS names all of them.
#[test]
fn what_changes_in_the_middle_plays_in_hls_js_from_the_master_playlist() {
    let folder = home();
    let small = source(folder.path(), FFMPEG, 4, H264_AAC);
    let other = H264_AAC.replace("-c:v libx264", "-c:v libx264 -profile:v baseline -ar 44100");
    let large = sized_source(folder.path(), FFMPEG, 4, "640x360", &other);
    let mut flv = Flv::read(&small);
    flv.tags.extend(Flv::read(&large).later(4_000).tags);
    let file = folder.path().join("both.flv");
    flv.write(&file);
    let session = Session::record(|url| {
        publish_file(&file, url);
    });
    let playlist = session.rendition("master");
    let text = std::fs::read_to_string(&playlist).unwrap();
    assert!(
        text.contains("RESOLUTION=640x360") && text.matches("avc1.").count() == 2,
        "{text}"
    );
    let seen = Case::of(playlist.parent().unwrap(), "master.m3u8")
        .rate(2.0)
        .play();
    seen.plays_through(8.0);
    assert_eq!((seen.fatal, seen.width), (false, 640), "{seen:?}");
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

/// Fails unless there are so many flashes, each with its beep. A busy machine shows some of them late.
#[track_caller]
fn assert_together(seen: &Seen, flashes: usize, name: &str) {
    let mut sync = seen.sync();
    assert!(sync.len() >= flashes, "{name}: {sync:?} {seen:?}");
    sync.sort_by(f64::total_cmp);
    assert!(sync[sync.len() / 2].abs() < 60.0, "{name}: {sync:?}");
}

#[test]
fn tracks_that_pause_or_stop_or_never_come_play_in_hls_js() {
    let folder = home();
    let whole = Flv::read(&flash_and_beep(folder.path(), 14));
    let header = |tag: &Tag| tag.kind != SCRIPT && tag.body.get(1) == Some(&0);
    let without = |kind: u8, from: u32, to: u32| {
        whole.only(|tag| header(tag) || tag.kind != kind || tag.time < from || tag.time >= to)
    };
    // The sent media, the least number of shown pictures, and whether sound and picture can be compared.
    let cases = [
        // Chromium plays on without a pause of 150 ms. The sound is early by this time from then on.
        (
            "a short drop-out of sound",
            without(AUDIO, 5_900, 6_050),
            320,
            false,
        ),
        ("sound that pauses", without(AUDIO, 4_500, 8_500), 320, true),
        ("sound that stops", without(AUDIO, 5_000, u32::MAX), 320, false),
        ("sound that never comes", without(AUDIO, 0, u32::MAX), 320, false),
        ("a picture that pauses", without(VIDEO, 4_000, 8_000), 220, false),
        (
            "a picture that never comes",
            without(VIDEO, 0, u32::MAX),
            0,
            false,
        ),
        ("a picture that comes late", without(VIDEO, 0, 4_000), 220, false),
    ];
    for (number, (name, flv, pictures, compared)) in cases.into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.flv"));
        flv.write(&file);
        let session = Session::record(|url| {
            publish_file(&file, url);
        });
        let hls = session.rendition("hls");
        let case = Case::hls(hls.parent().unwrap());
        let seen = if compared {
            case.listening().play()
        } else {
            case.rate(2.0).play()
        };
        assert!(seen.ended && !seen.fatal, "{name}: {seen:?}");
        assert!(seen.frames >= pictures, "{name}: {seen:?}");
        if compared {
            // A flash without its beep has no beep near it.
            let near = seen.sync().into_iter().filter(|apart| apart.abs() < 500.0);
            let mut near: Vec<f64> = near.collect();
            let after = near.split_off(near.len() / 2);
            assert!(
                after.len() >= 4 && after.iter().all(|apart| apart.abs() < 120.0),
                "{name}: {after:?}"
            );
        }
    }
}
