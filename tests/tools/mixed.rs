//! Recordings that play beside each other: every track decodes whole, and what was recorded at the same moment is shown at the same moment.

use std::path::Path;

use serde_json::json;

use crate::browser::Case;
use crate::numbered::{BITS, draw, numbers_of};
use crate::players::{MPV_OPTIONS, plays};
use crate::programs::{FFMPEG, FFPROBE, MPV};
use crate::session::push_copy;
use crate::support::{Recording, Service, export, home, typed, wait_all_closed};

/// Each picture of a video track: when it is presented, in seconds, and its number.
fn shown(path: &Path, track: usize) -> Vec<(f64, usize)> {
    let path = path.to_str().unwrap();
    let which = format!("v:{track}");
    let asked = [
        "-v",
        "error",
        "-select_streams",
        &which,
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
        path,
    ];
    let times = FFPROBE.run(asked).ok().text();
    let times = times
        .lines()
        .map(|line| line.trim_end_matches(','))
        .filter(|time| !time.is_empty())
        .map(|time| time.parse().unwrap());
    let scale = format!("scale={BITS}:1:flags=area,format=gray");
    let map = format!("0:{which}");
    let asked = ["-v", "error", "-i", path, "-map", &map, "-vf", &scale];
    let words = "-fps_mode passthrough -f rawvideo -";
    let pixels = FFMPEG.run(asked.into_iter().chain(words.split(' '))).ok().stdout;
    let numbers = numbers_of(&pixels);
    let times: Vec<f64> = times.collect();
    assert_eq!(times.len(), numbers.len(), "track {track}");
    times.into_iter().zip(numbers).collect()
}

fn seconds(time: &str) -> f64 {
    let time: jiff::Timestamp = time.parse().unwrap();
    time.as_microsecond() as f64 / 1e6
}

#[test]
fn recordings_in_step_decode_whole_and_show_the_same_moments_together() {
    let folder = home();
    let service = Service::start(folder.path());
    let of = |name: &str, size: usize, seconds: u32, codecs: &str| {
        let path = folder.path().join(format!("{name}.flv"));
        let codecs = format!("-c:v libx264 -preset veryfast -sc_threshold 0 {codecs}");
        draw(FFMPEG, &path, size, (25, seconds), &codecs);
        push_copy(FFMPEG, &path, "", &service.url(&format!("live/{name}")));
    };
    // Pushed faster than they play, the second begins while the first one still lasts, by the clock of the box.
    of("front", 1, 20, "-bf 2 -g 50");
    of("back", 2, 12, "-bf 0 -g 30");
    let mut all = wait_all_closed(&service.data(), 2);
    all.sort_by(|one, other| one.start.cmp(&other.start));
    let [front, back]: [Recording; 2] = all.try_into().ok().unwrap();
    assert_eq!(
        (front.stream.as_str(), back.stream.as_str()),
        ("live/front", "live/back")
    );
    // The front from the middle of a GOP on: it begins behind the beginning of the back.
    let from_s = seconds(&back.start) - seconds(&front.start) + 3.1;
    let sides = json!([{"recording": front.id, "from_s": from_s}, {"recording": back.id}]);
    let asked = [
        "recording",
        "mix",
        "--recordings",
        &sides.to_string(),
        "--title",
        "Both",
    ];
    let made = typed(folder.path(), &asked);
    let path = folder.path().join("both.mp4");
    export(&service.data(), made["recording"].as_str().unwrap(), "mp4", &path).ok();

    let (one, other) = (shown(&path, 0), shown(&path, 1));
    // The back has all its pictures, and the front those from that moment on, each once.
    assert!(
        other.iter().map(|(_, number)| *number).eq(0..12 * 25),
        "{other:?}"
    );
    let first = one[0].1;
    assert!(
        one.iter().map(|(_, number)| *number).eq(first..20 * 25),
        "{one:?}"
    );
    assert!(
        (first as f64 / 25.0 - from_s).abs() <= 0.08,
        "{first} for {from_s}"
    );
    // The moment of each picture, by the clock: within one frame of where its track shows it. A recording starts when its first picture
    // is decoded; that of the front is shown two frames later, because of its B-frames.
    let moment =
        |of: &Recording, number: usize, later: f64| seconds(&of.start) + later + number as f64 / 25.0;
    let zero = moment(&back, other[0].1, 0.0) - other[0].0;
    for (track, of, later) in [(&one, &front, 0.08), (&other, &back, 0.0)] {
        for (at, number) in track {
            let off = moment(of, *number, later) - zero - at;
            assert!(
                off.abs() <= 0.04,
                "picture {number} of {} at {at}: {off}",
                of.stream
            );
        }
    }

    let tracks = FFPROBE.run([
        "-v",
        "error",
        "-show_streams",
        "-show_format",
        path.to_str().unwrap(),
    ]);
    let tracks = tracks.ok().text();
    let count = |line: &str| tracks.lines().filter(|found| *found == line).count();
    assert_eq!(
        (count("codec_type=video"), count("codec_type=audio")),
        (2, 2),
        "{tracks}"
    );
    assert_eq!(
        (
            count("TAG:handler_name=live/front"),
            count("TAG:handler_name=live/back")
        ),
        (2, 2),
        "{tracks}"
    );
    // The first track of each kind is the one that plays.
    assert_eq!(
        (count("DISPOSITION:default=1"), count("TAG:title=Both")),
        (2, 1),
        "{tracks}"
    );
    assert_eq!((count("width=96"), count("width=192")), (1, 1), "{tracks}");
    plays(&path);
    let said = MPV.run(MPV_OPTIONS.split_whitespace().chain([path.to_str().unwrap()]));
    let said = said.ok().text();
    for track in ["--vid=1", "--vid=2", "--aid=1", "--aid=2"] {
        assert!(said.contains(track), "{said}");
    }
    // The browser plays the first tracks; its length counts the hidden pictures, too.
    let seen = Case::file(&path).rate(2.0).play();
    assert!(seen.ended && seen.errors.is_empty() && seen.sound > 0, "{seen:?}");
    assert!(
        seen.width == 96 && seen.frames as usize >= one.len() - 5,
        "{seen:?}"
    );
    let begins = seen.times.iter().copied().fold(f64::MAX, f64::min);
    assert!((begins - one[0].0).abs() <= 0.2, "{begins}: {seen:?}");
}
