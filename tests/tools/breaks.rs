//! Flash and beep over a connection that breaks, and sound that drops out, as a decoder outputs them.

use std::path::Path;

use crate::programs::FFMPEG;
use crate::ranges::shown;
use crate::session::{Session, flash_and_beep_in};
use crate::support::Service;
use crate::support::flv::{AUDIO, Flv, Tag};
use crate::support::rtmp::Rtmp;
use crate::support::{home, wait_for};

/// A template whose recordings wait for their publisher.
const WAITS: &str = "\n[[template]]\nname = \"waits\"\nformats = [\"mp4\"]\nresume_window = \"1min\"\n\
                     [[rule]]\ntemplate = \"waits\"\n";

/// The times at which the picture lights up, in seconds.
fn flashes(path: &Path) -> Vec<f64> {
    let file = path.to_str().unwrap();
    let words = "-vf scale=2:2 -fps_mode passthrough -pix_fmt gray -f rawvideo -";
    let start = ["-v", "error", "-i", file, "-map", "0:v"];
    let pixels = FFMPEG.run(start.into_iter().chain(words.split(' '))).ok().stdout;
    let times = shown(path, "v:0");
    assert_eq!(pixels.len(), times.len() * 4, "{file}");
    let pictures = pixels.chunks(4).zip(times);
    pictures
        .filter(|(pixels, _)| pixels[0] > 128)
        .map(|(_, time)| time)
        .collect()
}

/// The times at which a beep begins: by the times of the file, or played end to end.
fn beeps(path: &Path, end_to_end: bool) -> Vec<f64> {
    const RATE: f64 = 48_000.0;
    let file = path.to_str().unwrap();
    let (filter, begins) = if end_to_end {
        ("anull", shown(path, "a:0")[0])
    } else {
        ("aresample=async=1:first_pts=0", 0.0)
    };
    let start = ["-v", "error", "-copyts", "-i", file, "-map", "0:a", "-af", filter];
    let words = "-ac 1 -ar 48000 -f f32le -";
    let bytes = FFMPEG.run(start.into_iter().chain(words.split(' '))).ok().stdout;
    let samples = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    let mut found: Vec<f64> = Vec::new();
    let mut last = f64::MIN;
    for (number, _) in samples.enumerate().filter(|(_, sample)| sample.abs() > 0.1) {
        let at = begins + number as f64 / RATE;
        if at - last > 0.3 {
            found.push(at);
        }
        last = at;
    }
    found
}

/// Pushes the media before 3.4 s, breaks off, and continues with the keyframe of second 6. Of the sound, 150 ms are lost each
/// second, and all of it from 8.4 s to 11.6 s.
fn push_with_a_break(service: &Service, flv: &Flv) {
    let is_lost = |time: u32| (400..550).contains(&(time % 1_000)) || (8_400..11_600).contains(&time);
    let lost = |tag: &Tag| tag.kind == AUDIO && is_lost(tag.time);
    let keys = |tag: &&Tag| tag.is_key() && tag.time > 5_500;
    let again = flv.tags.iter().find(keys).unwrap().time;
    for (from, to) in [(0, 3_400), (again, u32::MAX)] {
        let mut client = Rtmp::publishing(service.address(), "live", "cam1");
        for tag in flv.tags.iter().filter(|tag| tag.is_header()) {
            client.media(tag.kind, from, &tag.body).unwrap();
        }
        let tags = flv.tags.iter().filter(|tag| !tag.is_header() && !lost(tag));
        for tag in tags.filter(|tag| (from..to).contains(&tag.time)) {
            client.media(tag.kind, tag.time, &tag.body).unwrap();
        }
        if to == u32::MAX {
            client.unpublish("cam1").unwrap();
        } else {
            client.ping(1).unwrap();
            wait_for("all of it to be taken", || {
                client.last_pong().filter(|pong| *pong == 1)
            });
        }
    }
}

#[test]
fn flash_and_beep_stay_together_over_a_break_and_drop_outs() {
    let folder = home();
    let flv = Flv::read(&flash_and_beep_in(folder.path(), 14, "-c:a aac -ar 44100"));
    let session = Session::record_with(WAITS, |service| push_with_a_break(service, &flv));
    // The tolerance is a frame of the sound, and a picture.
    let most = 1_024.0 / 44_100.0 + 0.04;
    for name in ["mp4", "fmp4", "flv", "hls"] {
        let path = session.rendition(name);
        let flashes = flashes(&path);
        // Flashes of seconds 0 to 3 and 6 to 13, and no beep of seconds 9 to 11.
        assert_eq!(flashes.len(), 12, "{name}: {flashes:?}");
        let heard = [&flashes[..7], &flashes[10..]].concat();
        for end_to_end in [false, true] {
            let beeps = beeps(&path, end_to_end);
            assert_eq!(beeps.len(), heard.len(), "{name}: {beeps:?}");
            for (flash, beep) in heard.iter().zip(&beeps) {
                assert!(
                    (beep - flash).abs() < most,
                    "{name}, end to end: {end_to_end}: {heard:?} {beeps:?}"
                );
            }
        }
    }
}
