//! Several files of one recording, and one file of several ranges.

use std::path::Path;

use crate::support::flv::{AUDIO, VIDEO};
use crate::support::{
    Done, Flv, Media, Recording, Sample, Service, edgereel, home, publish_file, recordings, sample,
    sample_path, wait_all_closed, wait_for,
};

/// `AVCDecoderConfigurationRecord` of 640x360, baseline, from x264. No test decodes the pushed media.
const OTHER_SIZE: &[u8] = b"\x01\x42\xc0\x1e\xff\xe1\x00\x19\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\xc0\x44\x00\
    \x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c\x58\xba\x80\x01\x00\x04\x68\xce\x0f\xc8";

/// The sample has a picture every 40 ms and a keyframe every 2 s. B-pictures delay presentation by up to so much.
const REORDERED: f64 = 121.0;

/// Pushes files, one recording each.
fn recorded(home: &Path, files: &[&Path]) -> (Service, Vec<Recording>) {
    let service = Service::start(home);
    for (count, file) in (1..).zip(files) {
        publish_file(file, &service.url("live/cam1"));
        wait_all_closed(&service.data(), count);
    }
    let mut all = recordings(&service.data());
    all.sort_by(|a, b| a.id.cmp(&b.id));
    (service, all)
}

fn run(service: &Service, arguments: &[&str], out: &Path) -> Done {
    let data = service.data();
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    let more = ["--data", data, "-o", out];
    edgereel(&[&["export"], arguments, &more].concat())
}

fn mp4(path: &Path) -> Media {
    crate::support::mp4_file::parse(&std::fs::read(path).unwrap())
}

fn same_bytes(got: &[Sample], sent: &[Sample]) {
    assert_eq!(got.len(), sent.len());
    assert!(got.iter().zip(sent).all(|(got, sent)| got.bytes == sent.bytes));
}

/// The sample; from its keyframe at 10 s on it has another configuration.
fn changing() -> Flv {
    let mut flv = sample();
    let at = flv
        .tags
        .iter()
        .position(|tag| tag.kind == VIDEO && tag.is_key() && !tag.is_header() && tag.time >= 10_000)
        .unwrap();
    let header = flv.tags.iter().find(|tag| tag.kind == VIDEO && tag.is_header());
    let mut header = header.unwrap().clone();
    header.time = flv.tags[at].time;
    header.body.truncate(5);
    header.body.extend_from_slice(OTHER_SIZE);
    flv.tags.insert(at, header);
    flv
}

#[test]
fn ranges_become_one_file() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path(), &sample_path()]);
    let source = sample().media();
    let ranges = [
        format!("{}@12100ms..16040ms", all[1].id),
        format!("{}@4100ms..6040ms", all[0].id),
        format!("{}@4100ms..6040ms", all[0].id),
        all[1].id.clone(),
    ];
    let ranges: Vec<&str> = ranges.iter().map(String::as_str).collect();
    // A keyframe is shown 40 ms or a little more after it is decoded.
    let pictures = [300..400, 100..150, 100..150, 0..source.video.len()];
    let wanted: Vec<Sample> = pictures
        .iter()
        .flat_map(|range| source.video[range.clone()].to_vec())
        .collect();
    for (format, name) in [
        ("mp4", "out.mp4"),
        ("flv", "out.flv"),
        ("fmp4", "frag.mp4"),
        ("hls", "hls"),
    ] {
        let out = home.path().join(name);
        let done = run(&service, &[&ranges[..], &["--format", format]].concat(), &out).ok();
        assert!(done.stderr.contains("range 2: from 2"), "{}", done.stderr);
        let media = match format {
            "mp4" => mp4(&out),
            "flv" => Flv::read(&out).media(),
            "fmp4" => crate::support::fragmented::parse(&std::fs::read(&out).unwrap()),
            _ => crate::support::hls::read(&out).media,
        };
        same_bytes(&media.video, &wanted);
        for (track, most) in [(&media.video, 40.0 + REORDERED), (&media.audio, 23.3 + REORDERED)] {
            for pair in track.windows(2) {
                let step = pair[1].dts - pair[0].dts;
                assert!(step > 0.0 && step < most, "{format}: {step} at {}", pair[0].dts);
            }
        }
        let (picture, sound) = (media.video.last().unwrap(), media.audio.last().unwrap());
        // In an MP4, edits say which part of the file is shown.
        assert!(
            format == "mp4" || (picture.dts - sound.dts).abs() < 100.0 + REORDERED,
            "{format}: {picture:?} {sound:?}"
        );
    }
}

/// Sound of a codec for which edgereel makes no silence, and HLS of any codec. The second push continues the recording of the
/// first.
#[test]
fn gaps_that_are_closed_though_they_are_to_be_kept_are_told() {
    let home = home();
    let mut main = sample().before(2_000);
    let sound = main
        .tags
        .iter_mut()
        .find(|tag| tag.kind == AUDIO && tag.is_header());
    let object_type = &mut sound.unwrap().body[2];
    // AAC Main in place of AAC LC. No test decodes the pushed media.
    *object_type = *object_type & 7 | 1 << 3;
    let path = home.path().join("main.flv");
    main.write(&path);
    let template = "[[template]]\nname = \"default\"\nresume_window = \"60s\"\nresume_after = \"any\"\ngaps = \"keep\"\n";
    let service = Service::start_with(home.path(), template);
    for count in 1..=2 {
        publish_file(&path, &service.url("live/cam1"));
        wait_for("the push to be on the tape", || {
            let all = recordings(&service.data());
            (all.len() == 1 && all[0].duration_s > 1.9 * f64::from(count)).then_some(())
        });
    }
    let told = |format: &str, more: &[&str]| {
        let out = home.path().join(format!("out.{format}{}", more.len()));
        run(&service, &[&["last", "--format", format], more].concat(), &out)
            .ok()
            .stderr
    };
    let mp4 = told("mp4", &[]);
    assert!(
        mp4.contains("edgereel: warning: gaps before or behind sound in mp4a.40.1 are closed: edgereel makes no silent frames for this codec"),
        "{mp4}"
    );
    let hls = told("hls", &[]);
    assert!(
        hls.contains("edgereel: warning: gaps are closed: HLS has no chunk as long as a gap; its dates"),
        "{hls}"
    );
    for format in ["mp4", "hls"] {
        let closed = told(format, &["--gaps", "close"]);
        assert!(!closed.contains("closed"), "{closed}");
    }
}

#[test]
fn ranges_that_differ_are_refused_by_name() {
    let home = home();
    let changed = home.path().join("changed.flv");
    let only_other = Flv {
        tags: changing()
            .tags
            .into_iter()
            .skip_while(|tag| tag.time < 10_000)
            .collect(),
    };
    let audio = sample()
        .tags
        .into_iter()
        .find(|tag| tag.kind != VIDEO && tag.is_header());
    let mut tags = only_other.tags;
    tags.insert(
        0,
        crate::support::Tag {
            time: 10_000,
            ..audio.unwrap()
        },
    );
    Flv { tags }.write(&changed);
    let (service, all) = recorded(home.path(), &[&sample_path(), &changed]);
    let both = [all[0].id.as_str(), all[1].id.as_str()];
    for (format, name) in [("mp4", "out.mp4"), ("fmp4", "out.mp4"), ("flv", "out.flv")] {
        let out = home.path().join(name);
        let done = run(&service, &[&both[..], &["--format", format]].concat(), &out);
        done.failed(1, &["range 2 has h264 640x360, range 1 has h264 320x180", "HLS"]);
        assert!(!out.exists());
    }
    // Sound is the same in both, and HLS carries everything.
    run(
        &service,
        &[&both[..], &["--format", "aac"]].concat(),
        &home.path().join("out.m4a"),
    )
    .ok();
    let folder = home.path().join("hls");
    run(&service, &[&both[..], &["--format", "hls"]].concat(), &folder).ok();
    let playlist = std::fs::read_to_string(folder.join("index.m3u8")).unwrap();
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1);
    assert_eq!(playlist.matches("#EXT-X-MAP").count(), 2);
}

#[test]
fn a_picture_that_becomes_another_begins_a_new_file() {
    let home = home();
    let file = home.path().join("changing.flv");
    changing().write(&file);
    let (service, all) = recorded(home.path(), &[&file]);
    let id = all[0].id.as_str();
    let source = sample().media();
    let at = |name: &str| home.path().join(name);
    let done = run(&service, &[id, "--format", "mp4"], &at("out.mp4")).ok();
    assert!(
        done.stderr.contains("h264 320x180 becomes h264 640x360 at 2") && done.stderr.contains("2 files"),
        "{}",
        done.stderr
    );
    let (first, second) = (mp4(&at("out.mp4")), mp4(&at("out-2.mp4")));
    same_bytes(&first.video, &source.video[..250]);
    first.prefix_of(&source, "the first file", 1.5);
    let rest = Media {
        video: source.video[250..].to_vec(),
        audio: source.audio[first.audio.len()..].to_vec(),
    };
    second.same_as(&rest, "the second file", 1.5);

    run(
        &service,
        &[id, "--format", "mp4", "--part", "2"],
        &at("second.mp4"),
    )
    .ok();
    same_bytes(&mp4(&at("second.mp4")).video, &second.video);
    assert!(!at("second-2.mp4").exists());
    let done = run(
        &service,
        &[id, "--format", "mp4", "--part", "3"],
        &at("third.mp4"),
    );
    done.failed(1, &["there is no part 3; there are 2"]);

    let done = run(&service, &[id, "--format", "fmp4"], Path::new("-"));
    assert!(done.stdout.is_empty());
    done.failed(1, &["h264 320x180 becomes h264 640x360", "--part"]);
    let piped = run(&service, &[id, "--format", "mp4", "--part", "2"], Path::new("-")).ok();
    assert_eq!(piped.stdout, std::fs::read(at("second.mp4")).unwrap());
    // The sound continues, and FLV and HLS carry the change.
    for (format, name) in [("aac", "a.m4a"), ("flv", "a.flv"), ("hls", "a")] {
        run(&service, &[id, "--format", format], &at(name)).ok();
    }
    assert!(!at("a-2.m4a").exists() && !at("a-2.flv").exists() && !at("a-2").exists());
    same_bytes(&Flv::read(&at("a.flv")).media().video, &source.video);
}

#[test]
fn a_recording_is_split_into_files_of_a_length() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path()]);
    let source = sample().media();
    run(
        &service,
        &[&all[0].id, "--format", "mp4", "--split", "5s"],
        &home.path().join("out.mp4"),
    )
    .ok();
    // Up to the keyframe after five seconds, which is at six.
    let mut joined = Media::default();
    for (number, pictures) in [(1, 150), (2, 150), (3, 150), (4, 50)] {
        let piece = mp4(&home.path().join(format!("out-{number}.mp4")));
        assert_eq!(piece.video.len(), pictures);
        joined.extend(piece);
    }
    same_bytes(&joined.video, &source.video);
    same_bytes(&joined.audio, &source.audio);
    assert!(!home.path().join("out-5.mp4").exists() && !home.path().join("out.mp4").exists());
    let done = run(
        &service,
        &[&all[0].id, "--format", "mp4", "--split", "5s"],
        Path::new("-"),
    );
    done.failed(1, &["standard output takes one file"]);
}

#[test]
fn what_is_no_range_is_said_so() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path()]);
    let id = all[0].id.as_str();
    let out = home.path().join("out.mp4");
    let mp4 = ["--format", "mp4"];
    let with = |arguments: &[&str]| run(&service, &[arguments, &mp4].concat(), &out);
    with(&[&format!("{id}@5s")]).failed(2, &["0197a2@10min..12min"]);
    with(&[id, id, "--from", "5s"]).failed(1, &["RECORDING@FROM..TO"]);
    with(&[&format!("{id}@30s..40s"), id]).failed(1, &["nothing between these times"]);
    let many = vec![id; 501];
    with(&many).failed(1, &["501 ranges", "500"]);
    assert!(!out.exists());
}

#[test]
fn what_is_there_is_overwritten_only_when_told_so() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path()]);
    let id = all[0].id.as_str();
    let at = |name: &str| home.path().join(name);
    let file = at("out.mp4");
    std::fs::write(&file, "mine").unwrap();
    run(&service, &[id, "--format", "mp4"], &file).failed(1, &["out.mp4' exists already", "--force"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    run(&service, &[id, "--format", "mp4", "--force"], &file).ok();
    assert!(!mp4(&file).video.is_empty());
    // The result of an earlier export can be made again, so the command does not ask.
    for (format, name) in [("mp4", "out.mp4"), ("flv", "out.flv"), ("aac", "out.m4a")] {
        run(&service, &[id, "--format", format, "--force"], &at(name)).ok();
        let (whole, part) = (at(name).metadata().unwrap().len(), format!("{id}@..5s"));
        run(&service, &[&part, "--format", format], &at(name)).ok();
        assert!(at(name).metadata().unwrap().len() < whole, "{name}");
    }
    // For several files, the question comes before the first is made.
    std::fs::write(at("part-2.mp4"), "mine").unwrap();
    let split = [id, "--format", "mp4", "--split", "5s"];
    run(&service, &split, &at("part.mp4")).failed(1, &["part-2.mp4' exists already"]);
    assert!(!at("part-1.mp4").exists());
    run(&service, &[id, "--format", "mp4"], home.path()).failed(1, &["is a folder"]);
}

#[test]
fn a_folder_is_replaced_only_if_an_export_made_it() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path()]);
    let id = all[0].id.as_str();
    let folder = home.path().join("hls");
    let hls = [id, "--format", "hls"];
    run(&service, &hls, &folder).ok();
    let whole = crate::support::hls::read(&folder).media;
    let part = format!("{id}@..5s");
    run(&service, &[&part, "--format", "hls"], &folder).ok();
    let shorter = crate::support::hls::read(&folder).media;
    assert!(shorter.video.len() < whole.video.len());
    let names = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let made = names();
    assert!(
        made.iter().all(|name| !name.to_string_lossy().starts_with('.')),
        "{made:?}"
    );
    // The additional chunks of the longer export are removed, too.
    let chunks = made
        .iter()
        .filter(|name| name.to_string_lossy().ends_with(".m4s"))
        .count();
    assert!(chunks < 4, "{made:?}");
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    run(&service, &[id, "--format", "hls", "--force"], &folder).failed(1, &["notes.txt", "empty folder"]);
    std::fs::remove_file(folder.join("notes.txt")).unwrap();
    assert_eq!(names(), made);
    let file = home.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    run(&service, &[id, "--format", "hls", "--force"], &file).failed(1, &["is a file"]);
}

#[test]
fn a_failure_leaves_nothing_half_made() {
    let home = home();
    let (service, all) = recorded(home.path(), &[&sample_path()]);
    let id = all[0].id.as_str();
    let folder = home.path().join("hls");
    run(&service, &[id, "--format", "hls"], &folder).ok();
    let before = crate::support::hls::read(&folder).media;
    // The tape's files are removed while their rows stay: nothing can be read.
    let tape = service.data().join("tape/live%2Fcam1");
    let tape = if tape.is_dir() {
        tape
    } else {
        service.data().join("tape")
    };
    std::fs::rename(&tape, home.path().join("gone")).unwrap();
    let out = home.path().join("out.mp4");
    run(&service, &[id, "--format", "mp4"], &out).failed(1, &[]);
    run(&service, &[id, "--format", "hls", "--force"], &folder).failed(1, &[]);
    run(&service, &[id, "--format", "hls"], &home.path().join("new")).failed(1, &[]);
    assert_eq!(
        crate::support::hls::read(&folder).media.video.len(),
        before.video.len()
    );
    for left in ["out.mp4", "out.mp4.part", "new", "hls/.edgereel-export"] {
        assert!(!home.path().join(left).exists(), "{left}");
    }
}
