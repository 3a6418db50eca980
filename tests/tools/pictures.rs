//! JPEGs by the door and a real ffmpeg: the right picture, whatever encoded it; and a worker that dies again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::numbered::{draw, numbers};
use crate::onair::OnAir;
use crate::programs::{ENHANCED, FFMPEG, FFPROBE, Program};
use crate::session::{push_copy, sized_source};
use crate::support::delivered::files;
use crate::support::http::{Reply, get};
use crate::support::worker::Worker;
use crate::support::{
    Flv, Pusher, Service, edgereel, home, record_sample, sample, wait_closed_of, wait_until,
};

fn config(socket: &Path) -> String {
    format!("[http]\nlisten = [\"127.0.0.1:0\"]\n[media]\nsocket = {socket:?}\n")
}

fn still(service: &Service, stream: &str, query: &str) -> Reply {
    let id = wait_closed_of(&service.data(), stream).id;
    get(service.http(), &format!("/r/{id}/frame.jpg?{query}"), &[])
}

/// Width and height of a JPEG, as ffprobe finds them. The JPEG is in `still.jpg` then.
#[track_caller]
fn size(folder: &Path, jpeg: &Reply) -> (u32, u32) {
    assert_eq!(jpeg.status, 200, "{}", String::from_utf8_lossy(&jpeg.body));
    let path = folder.join("still.jpg");
    std::fs::write(&path, &jpeg.body).unwrap();
    let words = "-v error -of csv=p=0 -show_entries stream=width,height";
    let found = FFPROBE
        .run(words.split(' ').chain([path.to_str().unwrap()]))
        .ok()
        .text();
    let (width, height) = found.trim().split_once(',').unwrap();
    (width.parse().unwrap(), height.parse().unwrap())
}

#[test]
fn a_jpeg_is_the_picture_of_its_time_whatever_encoded_it() {
    let home = home();
    let socket = home.path().join("media.sock");
    let _worker = Worker::start(&socket, &FFMPEG.path());
    let service = Service::start_with(home.path(), &config(&socket));
    let x264 = "-c:v libx264 -preset veryfast -sc_threshold 0 -bf 0 -g 25";
    let ten_bits = format!("{x264} -pix_fmt yuv420p10le");
    let x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:min-keyint=25:scenecut=0:bframes=0";
    for (name, program, codecs) in [
        ("h264", FFMPEG, x264),
        ("ten", FFMPEG, &ten_bits),
        ("hevc", ENHANCED, x265),
    ] as [(&str, Program, &str); 3]
    {
        let (clip, stream) = (home.path().join(format!("{name}.flv")), format!("live/{name}"));
        draw(program, &clip, 4, (25, 6), codecs);
        push_copy(program, &clip, "", &service.url(&stream));
        for (query, number, width) in [
            ("at=2500ms", 50, 384),
            ("width=192", 125, 192),
            ("at=100ms&height=64&width=999", 0, 192),
        ] {
            let jpeg = still(&service, &stream, query);
            assert_eq!(size(home.path(), &jpeg), (width, width / 3), "{name} {query}");
            assert_eq!(
                numbers(&home.path().join("still.jpg")),
                [number],
                "{name} {query}"
            );
        }
    }
    // Sides that no macroblock divides, and pixels that are twice as wide as high.
    let odd = "-c:v libx264 -preset veryfast -vf format=yuv444p,scale=321:181,setsar=2 -c:a aac";
    let clip = sized_source(home.path(), FFMPEG, 2, "320x180", odd);
    push_copy(FFMPEG, &clip, "", &service.url("live/odd"));
    assert_eq!(size(home.path(), &still(&service, "live/odd", "")), (642, 181));
    let (width, height) = size(home.path(), &still(&service, "live/odd", "width=101"));
    assert!(width == 101 && (28..=29).contains(&height), "{width}x{height}");
    // A shape that no screen has costs no memory, and a side is never nothing.
    let wide = odd.replace("setsar=2", "setsar=100");
    let clip = sized_source(home.path(), FFMPEG, 2, "320x180", &wide);
    push_copy(FFMPEG, &clip, "", &service.url("live/wide"));
    assert_eq!(size(home.path(), &still(&service, "live/wide", "")).0, 8_192);
    assert_eq!(
        size(home.path(), &still(&service, "live/wide", "width=8")),
        (8, 1)
    );
}

#[test]
fn a_delivered_picture_is_the_picture_of_its_time_though_the_worker_was_away() {
    let (home, target) = (home(), home());
    let socket = home.path().join("media.sock");
    let sync = format!("[sync]\nurl = \"file://{}\"\n", target.path().display());
    let service = Service::start_with(home.path(), &(config(&socket) + &sync));
    let clip = home.path().join("clip.flv");
    let x264 = "-c:v libx264 -preset veryfast -sc_threshold 0 -bf 0 -g 25";
    draw(FFMPEG, &clip, 4, (25, 6), x264);
    push_copy(FFMPEG, &clip, "", &service.url("live/a"));
    let id = wait_closed_of(&service.data(), "live/a").id.to_string();
    let control = home.path().join("control.sock");
    let mut words = vec!["job", "stills", &id, "--count", "6", "--width", "192"];
    words.extend(["--key", "shots/{StreamID}-{Number}-{Width}x{Height}{Ext}"]);
    words.extend(["--socket", control.to_str().unwrap()]);
    edgereel(&words).ok();
    // It is asked for again and again until a worker is there.
    let pictures = || {
        let all = files(target.path()).into_iter();
        all.filter(|(name, _)| name.starts_with("shots/"))
            .collect::<Vec<_>>()
    };
    assert!(pictures().is_empty());
    let _worker = Worker::start(&socket, &FFMPEG.path());
    wait_until("all pictures to be delivered", || pictures().len() == 6);
    let found = pictures().into_iter().zip(1_u32..);
    let found: Vec<(bool, Vec<u32>)> = found
        .map(|((name, path), number)| {
            let is_named = name == format!("shots/a-{number:05}-192x64.jpg");
            (
                is_named,
                numbers(&path).into_iter().map(|shown| shown as u32).collect(),
            )
        })
        .collect();
    // The middles of six equal parts of six seconds, with a keyframe each second.
    let expected = [0, 25, 50, 75, 100, 125].map(|number| (true, vec![number]));
    assert_eq!(found, expected, "{:?}", pictures());
}

#[test]
fn a_damaged_keyframe_has_some_picture_or_a_reason_and_others_have_theirs() {
    let home = home();
    let socket = home.path().join("media.sock");
    let _worker = Worker::start(&socket, &FFMPEG.path());
    let service = Service::start_with(home.path(), &config(&socket));
    let mut clip = sample();
    let keys = clip
        .tags
        .iter_mut()
        .filter(|tag| tag.is_key() && !tag.is_header());
    for (number, tag) in keys.enumerate() {
        // The first loses all but the length of its first NAL unit, the others most of their picture.
        let from = if number == 0 { 10 } else { tag.body.len() / 3 };
        for (at, byte) in tag.body.iter_mut().enumerate().skip(from) {
            *byte ^= (at * 31) as u8;
        }
    }
    Pusher::start(service.address(), "live/torn", &clip, 100.0).done();
    for at in ["100ms", "10s"] {
        let jpeg = still(&service, "live/torn", &format!("at={at}"));
        let said = String::from_utf8_lossy(&jpeg.body);
        assert!([200, 404].contains(&jpeg.status), "{at}: {}: {said}", jpeg.status);
        assert!(jpeg.status == 200 || said.contains("cannot be decoded"), "{said}");
    }
    record_sample(&service, "live/whole");
    assert_eq!(still(&service, "live/whole", "").status, 200);
}

#[test]
fn a_worker_that_is_killed_fifty_times_costs_publishers_nothing() {
    let home = home();
    let socket = home.path().join("media.sock");
    let data = home.path().join("data");
    let on_air = OnAir::start(&data, ("", &config(&socket)), &["live/a", "live/b"], 2_000);
    let door = on_air.service.http();
    let ask = move |viewer: usize| -> Vec<u16> {
        let widths = (0..30).map(|number| 16 + viewer * 100 + number);
        let asked = widths.map(|width| get(door, &format!("/live/a/frame.jpg?width={width}"), &[]).status);
        asked.collect()
    };
    let asking: Vec<_> = (0..3)
        .map(|viewer| std::thread::spawn(move || ask(viewer)))
        .collect();
    let began = Instant::now();
    for _ in 0..50 {
        drop(Worker::start(&socket, &FFMPEG.path()));
    }
    let statuses: Vec<u16> = asking
        .into_iter()
        .flat_map(|asking| asking.join().unwrap())
        .collect();
    assert!(
        statuses.iter().all(|status| [200, 404, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "{:?}",
        began.elapsed()
    );
    for (recording, gaps) in on_air.end() {
        assert!(gaps.is_empty(), "{}: {gaps:?}", recording.stream);
    }
}

/// The numbers that the cells of a recording show, by its track, and when each of them ends, in milliseconds. The cells are 96 by 32.
fn cells(service: &Service, folder: &Path, stream: &str, words: &str) -> Vec<(u64, usize)> {
    let id = wait_closed_of(&service.data(), stream).id;
    let track = get(service.http(), &format!("/r/{id}/sprites.vtt?{words}"), &[]);
    assert_eq!(track.status, 200, "{}", track.text());
    let ms = |time: &str| -> u64 {
        let (whole, ms) = time.split_once('.').unwrap();
        let seconds = whole
            .split(':')
            .fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
        seconds * 1_000 + ms.parse::<u64>().unwrap()
    };
    let (mut ended, mut sheet) = (0, String::new());
    let (all, one) = (folder.join("sheet.jpg"), folder.join("cell.png"));
    let cue = |cue: &str| {
        let (times, picture) = cue.trim().split_once('\n').unwrap();
        let (from, to) = times.split_once(" --> ").unwrap();
        let (name, place) = picture.split_once("#xywh=").unwrap();
        // One begins where the one before ends.
        assert_eq!(ms(from), ended, "{cue}");
        ended = ms(to);
        assert!(ended > ms(from), "{cue}");
        if name != sheet {
            let got = get(service.http(), &format!("/r/{id}/{name}"), &[]);
            assert_eq!(got.status, 200, "{name}: {}", String::from_utf8_lossy(&got.body));
            std::fs::write(&all, &got.body).unwrap();
            sheet = name.to_owned();
        }
        let [x, y, width, height] = place.split(',').collect::<Vec<_>>()[..] else {
            panic!("{cue}")
        };
        let crop = format!("crop={width}:{height}:{x}:{y}");
        let words = ["-v", "error", "-y", "-i", all.to_str().unwrap(), "-vf", &crop];
        FFMPEG.run(words.into_iter().chain([one.to_str().unwrap()])).ok();
        (ended, numbers(&one)[0])
    };
    track.text().split("\n\n").skip(1).map(cue).collect()
}

#[test]
fn each_cell_of_a_sheet_shows_the_picture_of_its_time_and_a_damaged_keyframe_moves_no_other() {
    let home = home();
    let socket = home.path().join("media.sock");
    let _worker = Worker::start(&socket, &FFMPEG.path());
    let service = Service::start_with(home.path(), &config(&socket));
    let clip = home.path().join("numbered.flv");
    let x264 = "-c:v libx264 -preset veryfast -sc_threshold 0 -bf 0 -g 25";
    draw(FFMPEG, &clip, 4, (25, 30), x264);
    push_copy(FFMPEG, &clip, "", &service.url("live/whole"));
    let words = "every=2s&width=96&columns=4&rows=3&quality=90";
    let found = cells(&service, home.path(), "live/whole", words);
    let numbers: Vec<usize> = found.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (0..15).map(|cell| cell * 50).collect::<Vec<_>>());
    let length = found.last().unwrap().0;
    assert!((29_900..=30_100).contains(&length), "{length}");
    // A picture that is asked for more often than there are keyframes comes again.
    let often = cells(
        &service,
        home.path(),
        "live/whole",
        "every=1500ms&width=96&quality=90",
    );
    let keys = often
        .iter()
        .take(5)
        .map(|(_, number)| *number)
        .collect::<Vec<_>>();
    assert_eq!(keys, [0, 25, 75, 100, 150]);

    // The keyframes of the 0th, the 5th and the last second lose most of their picture.
    let mut clip = Flv::read(&clip);
    let keys = clip
        .tags
        .iter_mut()
        .filter(|tag| tag.is_key() && !tag.is_header());
    for (number, tag) in keys.enumerate() {
        if [0, 5, 29].contains(&number) {
            for (at, byte) in tag.body.iter_mut().enumerate().skip(10) {
                *byte ^= (at * 31) as u8;
            }
        }
    }
    Pusher::start(service.address(), "live/torn", &clip, 100.0).done();
    let torn = cells(&service, home.path(), "live/torn", "every=1s&width=96&quality=90");
    assert_eq!(torn.len(), 30);
    for (cell, (_, number)) in torn.iter().enumerate() {
        assert!(
            *number == cell * 25 || [0, 5, 29].contains(&cell),
            "{cell}: {number}"
        );
    }
}
