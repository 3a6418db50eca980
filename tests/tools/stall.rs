//! A storage device that accepts nothing for ten seconds: a file system that is frozen (`fsfreeze`) while publishers send live.
//! The test needs root and a loop device.

use crate::card::Card;
use crate::manager::Manager;
use crate::support::flv::VIDEO;
use crate::support::media::Sample;
use crate::support::{
    Flv, Media, Pusher, Recording, Service, export, home, mp4_file, recordings, sample, wait_until,
};

/// When the storage device stalls, and for how long: milliseconds of media that the service takes from publishers meanwhile.
const AT: u32 = 4_000;
const STALL: u32 = 10_000;

/// Pushes live, and lets the storage device stall in the middle. The publishers must not notice.
fn push_through_a_stall(card: &Card, service: &Service, pushes: &[(&str, &Flv)]) {
    let pushers: Vec<Pusher> = pushes
        .iter()
        .map(|(stream, flv)| Pusher::start(service.address(), stream, flv, 1.0))
        .collect();
    let taken = |least: u32| pushers.iter().all(|pusher| pusher.taken() >= least);
    wait_until("some seconds of it", || taken(AT));
    let stall = card.stall();
    wait_until("ten seconds of a stall", || taken(AT + STALL));
    drop(stall);
    pushers.into_iter().for_each(Pusher::done);
}

fn closed(service: &Service, count: usize) -> Vec<Recording> {
    wait_until("the recordings", || {
        let all = recordings(&service.data());
        all.iter().filter(|recording| recording.state == "closed").count() == count
    });
    recordings(&service.data())
}

fn exported(service: &Service, recording: &Recording) -> Media {
    let folder = home();
    let out = folder.path().join("out.mp4");
    export(&service.data(), &recording.id, "mp4", &out).ok();
    mp4_file::parse(&std::fs::read(&out).unwrap())
}

#[test]
fn ten_seconds_of_a_stall_cost_nothing_and_do_not_starve_the_watchdog() {
    let (card, manager) = (Card::new(), Manager::new());
    let service = Service::start_among(&card.path(), &manager.variables("4000000"));
    // Four times 4 Mbit/s: the default memory bridges 16 s of it.
    let clip = heavy(&sample(), 20_000);
    let streams = ["live/cam1", "live/cam2", "live/cam3", "live/cam4"];
    push_through_a_stall(&card, &service, &streams.map(|stream| (stream, &clip)));
    let all = closed(&service, streams.len());
    assert!(all.iter().all(|recording| recording.gaps.is_empty()), "{all:#?}");
    for recording in &all {
        exported(&service, recording).same_as(&clip.media(), &recording.stream, 1.5);
    }
    assert!(!service.log().contains("gap"), "{}", service.log());
    let peak = service.peak_of_its_own();
    println!(
        "a stall of {STALL} ms under four times 4 Mbit/s: nothing is gone; {:.1} MiB at most",
        peak as f64 / 1048576.0
    );
    // The rings and the queue share 32 MiB. The rest is the memory of the program without them.
    assert!(peak < (32 + 12) << 20, "{peak} bytes of memory");
    // Watchdog signals every two seconds over twenty seconds. For ten of them the device stood still.
    let fed = manager.fed();
    assert!(fed >= 7, "fed {fed} times");
    assert!(service.stop().0.success());
}

/// The clip with pictures of about so many bytes: each ends in a unit of filler data.
fn heavy(clip: &Flv, bytes: usize) -> Flv {
    let mut heavy = clip.clone();
    for tag in heavy
        .tags
        .iter_mut()
        .filter(|tag| tag.kind == VIDEO && !tag.is_header())
    {
        tag.body.extend(u32::try_from(bytes).unwrap().to_be_bytes());
        tag.body.push(12);
        tag.body.resize(tag.body.len() + bytes - 1, 0xff);
    }
    heavy
}

/// The position of the only gap, in samples of the source. The media before and behind it is there, byte for byte.
#[track_caller]
fn only_gap(got: &[Sample], source: &[Sample]) -> std::ops::Range<usize> {
    let same = |(a, b): &(&Sample, &Sample)| a.bytes == b.bytes;
    let before = got.iter().zip(source).take_while(same).count();
    let rest = &got[before..];
    let behind = source.len() - rest.len();
    assert!(rest.iter().zip(&source[behind..]).all(|pair| same(&pair)));
    before..behind
}

#[test]
fn a_stall_that_memory_does_not_bridge_costs_whole_gops_of_the_heaviest_stream() {
    let card = Card::new();
    let service = Service::start_with(&card.path(), "\n[ring]\nmemory = \"8 MiB\"\n");
    let light = sample();
    // 12 Mbit/s: 8 MiB are some six seconds of this stream.
    let heavy = heavy(&light, 60_000);
    push_through_a_stall(&card, &service, &[("live/heavy", &heavy), ("live/light", &light)]);
    let all = closed(&service, 2);
    let of = |stream: &str| all.iter().find(|recording| recording.stream == stream).unwrap();
    assert!(of("live/light").gaps.is_empty(), "{all:#?}");
    exported(&service, of("live/light")).same_as(&light.media(), "the light one", 1.5);

    let got = exported(&service, of("live/heavy"));
    let source = heavy.media();
    let gap = only_gap(&got.video, &source.video);
    assert!(
        !gap.is_empty(),
        "nothing was lost in ten seconds with memory for six"
    );
    // The gap begins at a GOP or at a fragment of one, and ends at a keyframe.
    let pictures: Vec<_> = heavy
        .tags
        .iter()
        .filter(|tag| tag.kind == VIDEO && !tag.is_header())
        .collect();
    assert!(pictures[gap.end].is_key());
    let millis = f64::from(pictures[gap.end].time - pictures[gap.start].time);
    let memory = (8 << 20) as f64 / 60_000.0 * 40.0;
    assert!(
        millis < f64::from(STALL) - memory + 5_000.0,
        "{millis} ms are gone, with {memory} ms of memory"
    );
    let gaps = &of("live/heavy").gaps;
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    let time = |name: &str| gap[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let shown = (time("to").as_microsecond() - time("from").as_microsecond()) as f64 / 1e3;
    assert!(
        (shown - millis).abs() < 100.0,
        "a gap of {shown} ms, and {millis} ms are gone"
    );
    let log = service.log();
    assert!(
        log.contains("the storage device stalls:") && log.contains("the tape has a gap of"),
        "{log}"
    );
    let peak = service.peak_of_its_own();
    println!(
        "a stall of {STALL} ms: {millis} ms of the heavy stream are gone, nothing of the light one; {:.1} MiB at most",
        peak as f64 / 1048576.0
    );
    // The media that waits, and the memory of the program without it.
    assert!(peak < (8 + 12) << 20, "{peak} bytes of memory");
    assert!(service.stop().0.success());
}
