//! From a push to files that hold exactly what was pushed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::rtmp::Rtmp;
use crate::support::{
    Flv, Pusher, Recording, Service, edgereel, export, home, only_recording, publish_file, recordings,
    sample, sample_path, wait_all_closed, wait_closed_of, wait_for, wait_until,
};
use nix::sys::signal::Signal;

/// FLV rounds the times of sound to milliseconds, everything else has it on its sample clock.
const ROUNDING: f64 = 1.5;

/// A service that has recorded the whole sample once.
fn recorded(home: &Path) -> (Service, Recording) {
    let service = Service::start(home);
    publish_file(&sample_path(), &service.url("live/cam1"));
    let recording = wait_all_closed(&service.data(), 1).remove(0);
    (service, recording)
}

fn exported(service_data: &Path, id: &str, format: &str, out: PathBuf) -> Vec<u8> {
    // Some tests export one recording after the other to the same file. The earlier contents have been read.
    let _ = std::fs::remove_file(&out);
    export(service_data, id, format, &out).ok();
    std::fs::read(out).unwrap()
}

#[test]
fn a_push_becomes_one_recording() {
    let home = home();
    let (_service, recording) = recorded(home.path());
    assert_eq!(recording.stream, "live/cam1");
    assert!(
        (recording.duration_s - 20.0).abs() < 0.06,
        "{} s",
        recording.duration_s
    );
    assert!(
        recording.gaps.is_empty() && recording.bytes > 300_000,
        "{recording:?}"
    );
    let [video, audio] = recording.tracks.as_slice() else {
        panic!("two tracks, not {:?}", recording.tracks)
    };
    assert_eq!((video.kind.as_str(), video.codec.as_str()), ("video", "h264"));
    assert_eq!((video.width, video.height), (Some(320), Some(180)));
    assert_eq!(
        (audio.kind.as_str(), audio.codec.as_str(), audio.sample_rate),
        ("audio", "aac", Some(44_100))
    );
    let (start, end): (jiff::Timestamp, jiff::Timestamp) =
        (recording.start.parse().unwrap(), recording.end.parse().unwrap());
    let length = end.duration_since(start).as_secs_f64();
    assert!((length - 20.0).abs() < 0.06, "from {start} to {end}");
}

#[test]
fn ls_selects_by_stream_and_time() {
    let home = home();
    let (service, recording) = recorded(home.path());
    let data = service.data();
    let ls = |more: &[&str]| {
        let mut arguments = vec!["ls", "--json", "--data", data.to_str().unwrap()];
        arguments.extend(more);
        let document: serde_json::Value = serde_json::from_slice(&edgereel(&arguments).ok().stdout).unwrap();
        document["recordings"].as_array().unwrap().len()
    };
    assert_eq!(ls(&["--stream", "live/cam1"]), 1);
    assert_eq!(ls(&["--stream", "live/cam2"]), 0);
    assert_eq!(ls(&["--stream", "live/*"]), 1);
    assert_eq!(ls(&["--stream", "other/*"]), 0);
    let wrong = ["ls", "--data", data.to_str().unwrap(), "--stream", "../*"];
    edgereel(&wrong).failed(2, &["'../*' fits no stream"]);
    assert_eq!(ls(&["--from", &recording.start, "--to", &recording.end]), 1);
    assert_eq!(ls(&["--from", "2099-01-01T00:00:00Z"]), 0);
    assert_eq!(ls(&["--to", "2001-01-01T00:00:00Z"]), 0);
    let table = edgereel(&["ls", "--data", data.to_str().unwrap()]).ok().text();
    assert!(
        table.contains(&recording.id) && table.contains("320x180"),
        "{table}"
    );
}

#[test]
fn every_rendition_holds_what_was_pushed() {
    let home = home();
    let (service, recording) = recorded(home.path());
    let (data, id, source) = (service.data(), recording.id.as_str(), sample().media());
    let to = |name: &str| home.path().join(name);

    let mp4 = exported(&data, id, "mp4", to("out.mp4"));
    let names = crate::support::mp4_file::box_names(&mp4);
    assert!(names.iter().position(|name| name == "moov") < names.iter().position(|name| name == "mdat"));
    crate::support::mp4_file::parse(&mp4).same_as(&source, "mp4", ROUNDING);
    let length = crate::support::mp4_file::duration(&mp4);
    assert!((length - 20.0).abs() < 0.06, "{length} s");

    let fmp4 = exported(&data, id, "fmp4", to("out-fragmented.mp4"));
    crate::support::fragmented::parse(&fmp4).same_as(&source, "fmp4", ROUNDING);

    let flv = exported(&data, id, "flv", to("out.flv"));
    Flv::parse(&flv).media().same_as(&source, "flv", ROUNDING);

    export(&data, id, "hls", &to("hls")).ok();
    let hls = crate::support::hls::read(&to("hls"));
    hls.media.same_as(&source, "hls", ROUNDING);
    assert!(hls.playlist.end_list, "{}", hls.text);
    let length: f32 = hls.playlist.segments.iter().map(|segment| segment.duration).sum();
    assert!((length - 20.0).abs() < 0.1, "{length} s: {}", hls.text);
    let longest = hls
        .playlist
        .segments
        .iter()
        .map(|segment| segment.duration.round() as u64)
        .max()
        .unwrap();
    assert!(longest <= hls.playlist.target_duration, "{}", hls.text);

    let m4a = exported(&data, id, "aac", to("out.m4a"));
    crate::support::mp4_file::parse(&m4a).same_bytes(&source.sound(), "m4a");
    let adts = exported(&data, id, "aac", to("out.aac"));
    crate::support::adts::parse(&adts, 44_100.0).same_bytes(&source.sound(), "adts");
}

/// Typical faults of encoders: the keyframe flag on every picture or on none, start codes in place of lengths, empty units,
/// ADTS headers, and no sequence header of the sound.
#[test]
fn what_encoders_get_wrong_is_recorded_as_what_it_is() {
    let home = home();
    let service = Service::start(home.path());
    let source = sample();
    let media = |tag: &crate::support::Tag, kind: u8| tag.kind == kind && tag.body.get(1) == Some(&1);
    let marked = |mark: u8| {
        let mut flv = source.clone();
        for tag in flv.tags.iter_mut().filter(|tag| media(tag, 9)) {
            tag.body[0] = mark << 4 | tag.body[0] & 15;
        }
        flv
    };
    let mut start_codes = source.clone();
    for tag in start_codes.tags.iter_mut().filter(|tag| media(tag, 9)) {
        let mut at = 5;
        while let Some(&[a, b, c, d]) = tag.body.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            tag.body[at..at + 4].copy_from_slice(&[0, 0, 0, 1]);
            at += 4 + u32::from_be_bytes([a, b, c, d]) as usize;
        }
    }
    let mut empty = source.clone();
    for tag in empty.tags.iter_mut().filter(|tag| media(tag, 9)) {
        tag.body.extend([0; 4]);
    }
    let mut adts = source.only(|tag| tag.kind != 8 || !tag.is_header());
    for tag in adts.tags.iter_mut().filter(|tag| media(tag, 8)) {
        let n = (tag.body.len() - 2 + 7) as u16;
        let header = [
            0xFF,
            0xF1,
            0x50,
            0x80 | (n >> 11) as u8,
            (n >> 3) as u8,
            (n << 5) as u8 | 31,
            0xFC,
        ];
        tag.body.splice(2..2, header);
    }
    for (name, flv, told) in [
        ("all", marked(1), "as keyframes that are not keyframes"),
        ("none", marked(2), "does not mark its keyframes"),
        ("codes", start_codes, "with start codes"),
        ("empty", empty, "without bytes"),
        ("adts", adts, "ADTS headers and no sequence header"),
    ] {
        let mut client = Rtmp::publishing(service.address(), "live", name);
        for tag in &flv.tags {
            client.media(tag.kind, tag.time, &tag.body).unwrap();
        }
        client.unpublish(name).unwrap();
        let stream = format!("live/{name}");
        let recording = wait_closed_of(&service.data(), &stream);
        let out = home.path().join(format!("{name}.flv"));
        let exported = Flv::parse(&exported(&service.data(), &recording.id, "flv", out));
        exported.media().same_as(&source.media(), name, ROUNDING);
        let keys = |flv: &Flv| -> Vec<u32> {
            let keys = flv.tags.iter().filter(|tag| media(tag, 9) && tag.is_key());
            keys.map(|tag| tag.time).collect()
        };
        assert_eq!(keys(&exported), keys(&source), "{name}");
        let of = |line: &&str| line.contains(told) && line.contains(&stream);
        let lines = service.wait_for_log(|log| log.lines().any(|line| of(&line)).then(|| log.to_owned()));
        let lines: Vec<&str> = lines.lines().filter(of).collect();
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
    }
}

/// VPS, SPS and PPS of libx265, 1920 by 1080.
const HEVC_SETS: [&str; 3] = [
    "40010c01ffff016000000300900000030000030078959409",
    "420101016000000300900000030000030078a003c0801107cb965654a4c2f0168080000003008000000504",
    "4401c073c189",
];

/// With parameter sets before a keyframe, HEVC needs no sequence header. Without either, edgereel records the sound and says
/// why it does not record the picture.
#[test]
fn hevc_without_a_sequence_header_is_recorded_by_its_parameter_sets() {
    let home = home();
    let service = Service::start(home.path());
    let source = sample();
    let sets = HEVC_SETS.map(|text| {
        let digits = text.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect::<Vec<u8>>()
    });
    let unit = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    for (name, has_sets, told) in [
        ("sets", true, "sends no sequence header that can be read"),
        ("none", false, "comes before its sequence header"),
    ] {
        let mut sent = Vec::new();
        let mut client = Rtmp::publishing(service.address(), "live", name);
        for tag in &source.tags {
            let mut body = tag.body.clone();
            if tag.kind == 9 {
                if tag.is_header() {
                    continue;
                }
                // A slice of an IDR picture, or of a picture that refers to others.
                let mut picture = match (tag.is_key(), has_sets) {
                    (true, true) => sets.iter().flat_map(|set| unit(set)).collect(),
                    _ => Vec::new(),
                };
                let kind: [u8; 2] = if tag.is_key() { [0x26, 1] } else { [2, 1] };
                picture.extend(unit(
                    &[&kind[..], &[0xAF; 40], &tag.time.to_be_bytes()[..]].concat(),
                ));
                let frame = if tag.is_key() { 0x90 } else { 0xA0 };
                body = [&[frame | 3][..], b"hvc1", &picture].concat();
                sent.push(picture);
            }
            client.media(tag.kind, tag.time, &body).unwrap();
        }
        client.unpublish(name).unwrap();
        let stream = format!("live/{name}");
        let recording = wait_closed_of(&service.data(), &stream);
        let out = home.path().join(format!("{name}.mp4"));
        let media = crate::support::fragmented::parse(&exported(&service.data(), &recording.id, "fmp4", out));
        let pictures: Vec<&[u8]> = media.video.iter().map(|picture| &picture.bytes[..]).collect();
        assert_eq!(pictures, if has_sets { sent } else { Vec::new() }, "{name}");
        media.sound().same_bytes(&source.media().sound(), name);
        let video = recording.tracks.iter().find(|track| track.kind == "video");
        let size = video.map(|video| (video.codec.as_str(), video.width, video.height));
        let wanted = has_sets.then_some(("hevc", Some(1_920), Some(1_080)));
        assert_eq!(size, wanted, "{name}");
        let of = |line: &&str| line.contains(told) && line.contains(&stream);
        let lines = service.wait_for_log(|log| log.lines().any(|line| of(&line)).then(|| log.to_owned()));
        assert_eq!(lines.lines().filter(of).count(), 1, "{name}: {lines}");
    }
}

#[test]
fn standard_output_gets_the_same_bytes_as_a_file() {
    let home = home();
    let (service, recording) = recorded(home.path());
    let data = service.data();
    for format in ["mp4", "fmp4", "flv"] {
        let file = exported(&data, &recording.id, format, home.path().join(format));
        let piped = export(&data, "last", format, Path::new("-")).ok();
        assert!(piped.stdout == file, "{format}: standard output and file differ");
        assert!(piped.stderr.is_empty(), "silent in a pipe, not: {}", piped.stderr);
    }
    let hls = export(&data, "last", "hls", Path::new("-"));
    assert!(
        matches!(hls.code, Some(1 | 2)) && hls.stdout.is_empty(),
        "HLS is a folder: {}",
        hls.stderr
    );
}

#[test]
fn a_part_is_cut_where_asked() {
    let home = home();
    let (service, recording) = recorded(home.path());
    let out = home.path().join("part.mp4");
    let (data, out_text) = (service.data(), out.to_str().unwrap());
    let source = sample().media();
    // The sample has 25 pictures a second and a keyframe every 2 s: a cut at 4 s needs no lead-in, one at 5 s
    // does. Keyframes are shown 40 ms or more after they are decoded, and the cut is by when they are shown.
    for (from, to, pictures) in [("4100ms", "8040ms", 100..200), ("5100ms", "8040ms", 100..200)] {
        let done = edgereel(&[
            "export",
            &recording.id,
            "--format",
            "mp4",
            "--from",
            from,
            "--to",
            to,
            "--data",
            data.to_str().unwrap(),
            "-o",
            out_text,
            "--force",
        ])
        .ok();
        assert!(
            done.stderr.starts_with("from 2") && done.stderr.contains("Z to 2"),
            "{}",
            done.stderr
        );
        let part = crate::support::mp4_file::parse(&std::fs::read(&out).unwrap());
        assert_eq!(part.video.len(), pictures.len());
        let sent = &source.video[pictures];
        assert!(
            part.video
                .iter()
                .zip(sent)
                .all(|(got, sent)| got.bytes == sent.bytes)
        );
    }
}

#[test]
fn a_push_under_a_second_makes_no_recording() {
    let home = home();
    let service = Service::start(home.path());
    let short = home.path().join("short.flv");
    sample().before(900).write(&short);
    edgereel(&[
        "publish",
        short.to_str().unwrap(),
        &service.url("live/cam1"),
        "--fast",
    ])
    .ok();
    let data = service.data();
    assert!(service.stop().0.success());
    assert!(recordings(&data).is_empty());
}

#[test]
fn streams_are_recorded_side_by_side() {
    let home = home();
    let service = Service::start(home.path());
    let flv = sample();
    let names = ["live/cam1", "live/cam2", "other/cam1", "live/cam-4"];
    let pushers = names.map(|name| Pusher::start(service.address(), name, &flv, 8.0));
    pushers.into_iter().for_each(Pusher::done);
    let all = wait_all_closed(&service.data(), names.len());
    for name in names {
        let recording = all.iter().find(|recording| recording.stream == name).unwrap();
        let out = home.path().join(format!("{}.mp4", name.replace('/', "-")));
        let mp4 = exported(&service.data(), &recording.id, "mp4", out);
        crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), name, ROUNDING);
    }
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    let home = home();
    let service = Service::start(home.path());
    let flv = sample();
    let first = Pusher::start(service.address(), "live/cam1", &flv, 4.0);
    let mut second = Rtmp::connected(service.address(), "live");
    second.publish("cam1").unwrap();
    second.wait_text("NetStream.Publish.BadName");
    let third = edgereel(&[
        "publish",
        sample_path().to_str().unwrap(),
        &service.url("live/cam1"),
    ]);
    third.failed(1, &["live/cam1", "already has a publisher"]);
    first.done();
    let recording = wait_all_closed(&service.data(), 1).remove(0);
    let mp4 = exported(&service.data(), &recording.id, "mp4", home.path().join("out.mp4"));
    crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), "the first", ROUNDING);
}

/// The service notices the end at its next look into the old socket, and the newcomer waits for that.
#[test]
fn who_comes_right_after_a_connection_that_ended_is_let_in() {
    let home = home();
    let limits = "[[publisher]]\nstream = \"live/*\"\nmax_publishes = 1\n";
    let service = Service::start_with(home.path(), limits);
    // On the same stream, and on another one while only one publish is allowed.
    for names in [["cam1", "cam1"], ["cam1", "cam2"]].iter().cycle().take(10) {
        let mut first = Rtmp::publishing(service.address(), "live", names[0]);
        let second = Rtmp::connect(service.address());
        first.ping(7).unwrap();
        wait_until("its answer", || first.last_pong() == Some(7));
        drop(first);
        drop(second.go_publishing("live", names[1]));
    }
    assert!(
        !service.log().contains("already has a publisher"),
        "{}",
        service.log()
    );
}

#[test]
fn a_silent_publisher_gives_way() {
    let home = home();
    let service = Service::start_with(home.path(), "takeover_after = \"500ms\"\n");
    let flv = sample().before(3000);
    let mut silent = Rtmp::publishing(service.address(), "live", "cam1");
    for tag in &flv.tags {
        silent.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    silent.ping(7).unwrap();
    wait_until("all of it to be taken", || silent.last_pong() == Some(7));
    // The connection stays open, as that of an encoder whose network went away.
    let mut next = wait_for("the silent one to give way", || {
        let mut next = Rtmp::connected(service.address(), "live");
        next.may_publish("cam1").then_some(next)
    });
    for tag in &flv.tags {
        next.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    next.unpublish("cam1").unwrap();
    silent.wait_closed();
    for recording in wait_all_closed(&service.data(), 2) {
        let mp4 = exported(&service.data(), &recording.id, "mp4", home.path().join("out.mp4"));
        crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), "before and after", ROUNDING);
    }
}

#[test]
fn a_connection_that_breaks_costs_nothing() {
    let home = home();
    let service = Service::start(home.path());
    let flv = sample().before(3000);
    let mut client = Rtmp::publishing(service.address(), "live", "cam1");
    for tag in &flv.tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    drop(client);
    let recording = wait_all_closed(&service.data(), 1).remove(0);
    let mp4 = exported(&service.data(), &recording.id, "mp4", home.path().join("out.mp4"));
    crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), "up to the break", ROUNDING);
}

#[test]
fn sigterm_seals_everything_within_two_seconds() {
    let home = home();
    let service = Service::start(home.path());
    let data = service.data();
    let flv = sample();
    let pushers = ["live/cam1", "live/cam2"].map(|name| Pusher::start(service.address(), name, &flv, 1.0));
    wait_until("3 s of each", || {
        pushers.iter().all(|pusher| pusher.taken() > 3000)
    });
    let taken = pushers.each_ref().map(Pusher::taken);
    let (status, took) = service.stop();
    pushers.into_iter().for_each(Pusher::over);
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
    let all = recordings(&data);
    assert_eq!(all.len(), 2, "{all:?}");
    for (recording, taken) in all.iter().zip(taken.iter().min().into_iter().cycle()) {
        assert_eq!(recording.state, "closed");
        let mp4 = exported(&data, &recording.id, "mp4", home.path().join("out.mp4"));
        let got = crate::support::mp4_file::parse(&mp4);
        got.prefix_of(&flv.media(), "sealed", ROUNDING);
        let least = flv.media().before(f64::from(*taken));
        assert!(
            got.video.len() >= least.video.len() && got.audio.len() >= least.audio.len(),
            "less than was taken"
        );
    }
}

#[test]
fn a_broken_configuration_is_not_taken_over() {
    let home = home();
    let service = Service::start(home.path());
    let flv = sample();
    let pusher = Pusher::start(service.address(), "live/cam1", &flv, 4.0);
    crate::support::service::write_config(home.path(), "bananas = 1\n");
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| {
        log.contains("edgereel.toml:10: unknown key 'bananas'")
            .then_some(())
    });
    crate::support::service::write_config(home.path(), "\n[ring]\npre_roll = \"5s\"\n");
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    pusher.done();
    let recording = wait_all_closed(&service.data(), 1).remove(0);
    let mp4 = exported(&service.data(), &recording.id, "mp4", home.path().join("out.mp4"));
    crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), "through reloads", ROUNDING);
}

#[test]
fn recordings_survive_a_restart() {
    let home = home();
    let (service, first) = recorded(home.path());
    let data = service.data();
    assert!(service.stop().0.success());
    assert_eq!(only_recording(&data).id, first.id);
    let service = Service::start(home.path());
    edgereel(&[
        "publish",
        sample_path().to_str().unwrap(),
        &service.url("live/cam1"),
        "--fast",
    ])
    .ok();
    let both = wait_all_closed(&data, 2);
    assert_eq!(both[0].id, first.id, "oldest first");
    assert_eq!((&both[0].start, both[0].bytes), (&first.start, first.bytes));
    for recording in &both {
        let mp4 = exported(&data, &recording.id, "mp4", home.path().join("out.mp4"));
        crate::support::mp4_file::parse(&mp4).same_as(&sample().media(), "after a restart", ROUNDING);
    }
}

#[test]
fn an_open_recording_can_be_listed_and_exported() {
    let home = home();
    let service = Service::start(home.path());
    let flv = sample();
    let pusher = Pusher::start(service.address(), "live/cam1", &flv, 4.0);
    let open = wait_for("some of it", || {
        recordings(&service.data())
            .into_iter()
            .find(|r| r.duration_s > 3.0)
    });
    for format in ["mp4", "fmp4", "flv"] {
        let bytes = exported(&service.data(), &open.id, format, home.path().join(format));
        let got = match format {
            "mp4" => crate::support::mp4_file::parse(&bytes),
            "fmp4" => crate::support::fragmented::parse(&bytes),
            _ => Flv::parse(&bytes).media(),
        };
        got.prefix_of(&flv.media(), format, ROUNDING);
        assert!(got.video.len() >= 50, "{format}: {} pictures", got.video.len());
    }
    pusher.done();
    let closed = wait_all_closed(&service.data(), 1).remove(0);
    assert_eq!(closed.id, open.id);
    let mp4 = exported(&service.data(), &closed.id, "mp4", home.path().join("out.mp4"));
    crate::support::mp4_file::parse(&mp4).same_as(&flv.media(), "read while written", ROUNDING);
}
