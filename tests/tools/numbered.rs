//! Pictures that contain their number: a decoder's output says which of them a file shows.

use std::path::{Path, PathBuf};

use crate::programs::{ENHANCED, FFMPEG, Program};
use crate::session::push_copy;
use crate::support::rtmp::Rtmp;
use crate::support::{
    Flv, Recording, Service, edgereel, export, home, recordings, typed, wait_all_closed, wait_for,
};

/// The bits of a number. Each is a block of eight by 32 pixels.
pub(crate) const BITS: usize = 12;

/// A recording is split after 30 s of media.
const SPLIT: &str = "\n[[template]]\nname = \"cut\"\nformats = [\"mp4\"]\nsplit = \"30s\"\n\
                     [[rule]]\ntemplate = \"cut\"\n";

const FORMATS: [&str; 4] = ["mp4", "fmp4", "hls", "flv"];

/// 25 numbered pictures a second, and a tone.
fn numbered(folder: &Path, seconds: u32, codecs: &str) -> PathBuf {
    let codecs = format!("-c:v libx264 -preset veryfast -sc_threshold 0 {codecs}");
    numbered_by(FFMPEG, folder, (25, seconds), &codecs)
}

/// So many numbered pictures a second, and a tone.
fn numbered_by(program: Program, folder: &Path, (rate, seconds): (u32, u32), codecs: &str) -> PathBuf {
    let path = folder.join("numbered.flv");
    draw(program, &path, 1, (rate, seconds), codecs);
    path
}

/// Writes so many numbered pictures a second, and a tone. Each picture is `size` times as wide and high as it must be.
pub(crate) fn draw(program: Program, path: &Path, size: usize, (rate, seconds): (u32, u32), codecs: &str) {
    let block = 8 * size;
    let picture = format!(
        "nullsrc=s={}x{}:r={rate}:d={seconds},format=yuv420p,\
         geq=lum='16+219*mod(floor(N/pow(2,floor(X/{block}))),2)':cb=128:cr=128",
        BITS * block,
        32 * size
    );
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let start = [
        "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone,
    ];
    let codecs = format!("{codecs} -c:a aac -b:a 64k -f flv");
    let end = codecs.split(' ').chain([path.to_str().unwrap()]);
    program.run(start.into_iter().chain(end)).ok();
}

/// The numbers of the shown pictures.
pub(crate) fn numbers(path: &Path) -> Vec<usize> {
    numbers_by(FFMPEG, path)
}

fn numbers_by(program: Program, path: &Path) -> Vec<usize> {
    let scale = format!("scale={BITS}:1:flags=area,format=gray");
    let start = [
        "-v",
        "error",
        "-i",
        path.to_str().unwrap(),
        "-map",
        "0:v",
        "-vf",
        &scale,
    ];
    let words = "-fps_mode passthrough -f rawvideo -";
    let pixels = program.run(start.into_iter().chain(words.split(' '))).ok().stdout;
    numbers_of(&pixels)
}

/// The numbers of pictures that were made as small as one pixel for each bit, of one byte each.
pub(crate) fn numbers_of(pixels: &[u8]) -> Vec<usize> {
    let number = |bits: &[u8]| {
        let set = bits.iter().enumerate().filter(|(_, luma)| **luma > 128);
        set.map(|(bit, _)| 1 << bit).sum()
    };
    pixels.chunks_exact(BITS).map(number).collect()
}

/// The numbers that a recording shows in a format.
fn shown(folder: &Path, data: &Path, recording: &Recording, format: &str) -> Vec<usize> {
    shown_by(FFMPEG, folder, data, recording, format)
}

fn shown_by(program: Program, folder: &Path, data: &Path, recording: &Recording, format: &str) -> Vec<usize> {
    let path = folder.join(format!("{}-{format}", recording.id));
    export(data, &recording.id, format, &path).ok();
    match format {
        "hls" => numbers_by(program, &path.join("index.m3u8")),
        _ => numbers_by(program, &path),
    }
}

/// Pushes pictures so that the recording is split. Returns the service and its recordings.
fn split(folder: &Path, seconds: u32, codecs: &str, count: usize) -> (Service, Vec<Recording>) {
    let file = numbered(folder, seconds, codecs);
    split_by(FFMPEG, folder, &file, SPLIT, count)
}

fn split_by(
    program: Program,
    folder: &Path,
    file: &Path,
    config: &str,
    count: usize,
) -> (Service, Vec<Recording>) {
    let service = Service::start_with(folder, config);
    push_copy(program, file, "", &service.url("live/cam1"));
    let mut all = wait_all_closed(&service.data(), count);
    all.sort_by(|one, other| one.start.cmp(&other.start));
    (service, all)
}

#[test]
fn files_of_a_split_join_without_a_picture_missing_or_twice() {
    let folder = home();
    let (service, all) = split(folder.path(), 65, "-bf 2 -g 50", 3);
    for format in FORMATS {
        let pieces = all
            .iter()
            .map(|recording| shown(folder.path(), &service.data(), recording, format));
        let pieces: Vec<Vec<usize>> = pieces.collect();
        assert!(pieces[0].len() >= 750, "{format}: {}", pieces[0].len());
        assert!(pieces.concat().into_iter().eq(0..65 * 25), "{format}: {pieces:?}");
    }
    // `export --split` gives the same.
    let id = all[0].id.as_str();
    let path = folder.path().join("piece.mp4");
    let (data, out) = (service.data(), path.to_str().unwrap());
    let words = ["export", id, "--format", "mp4", "--split", "10s"];
    edgereel(&[&words[..], &["--data", data.to_str().unwrap(), "-o", out]].concat()).ok();
    let pieces = std::fs::read_dir(folder.path()).unwrap();
    let mut pieces: Vec<PathBuf> = pieces.map(|entry| entry.unwrap().path()).collect();
    pieces.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("piece"));
    pieces.sort();
    assert_eq!(pieces.len(), 3, "{pieces:?}");
    let joined = pieces.iter().flat_map(|path| numbers(path));
    assert!(joined.eq(0..750), "{pieces:?}");
}

/// Without keyframes the second file needs the pictures of the first: MP4 hides them.
#[test]
fn where_no_keyframe_comes_files_of_a_split_join_in_mp4() {
    let folder = home();
    let (service, all) = split(folder.path(), 64, "-bf 0 -g 9999", 2);
    let of = |number: usize, format| shown(folder.path(), &service.data(), &all[number], format);
    let joined = [of(0, "mp4"), of(1, "mp4")].concat();
    assert!(joined.into_iter().eq(0..64 * 25));
    assert!(of(1, "flv").into_iter().eq(0..64 * 25));
}

/// In a stream of P B B, the split is before a P, and no picture is in both files.
#[test]
fn where_no_keyframe_comes_files_of_a_split_join_with_b_frames_too() {
    let folder = home();
    let (service, all) = split(folder.path(), 64, "-bf 2 -b_strategy 0 -g 9999", 2);
    let pieces = all
        .iter()
        .map(|recording| shown(folder.path(), &service.data(), recording, "mp4"));
    let pieces: Vec<Vec<usize>> = pieces.collect();
    assert!(pieces.concat().into_iter().eq(0..64 * 25), "{pieces:?}");
}

/// A stream with intra refresh has no whole picture at the split. MP4 hides the pictures that make the first one whole.
#[test]
fn files_of_a_split_at_recovery_points_join_in_mp4() {
    let folder = home();
    let codecs = "-bf 0 -g 50 -x264-params intra-refresh=1";
    let (service, all) = split(folder.path(), 45, codecs, 2);
    let of = |number: usize| shown(folder.path(), &service.data(), &all[number], "mp4");
    let joined = [of(0), of(1)].concat();
    assert!(joined.iter().copied().eq(0..45 * 25), "{joined:?}");
    assert!(of(0).len() < 44 * 25, "split at a recovery point");
}

/// The leading pictures of an open GOP refer to the file before. MP4 contains that part, hidden. The other formats begin with
/// the keyframe, and edgereel reports it.
#[test]
fn files_of_a_split_at_open_gops_join_in_mp4() {
    let folder = home();
    let codecs = "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:b-adapt=0:keyint=48:min-keyint=48:\
scenecut=0:open-gop=1:ctu=16:crf=16";
    let file = numbered_by(ENHANCED, folder.path(), (10, 96), codecs);
    let config = SPLIT.replace("[\"mp4\"]", "[\"mp4\", \"hls\"]");
    let (service, all) = split_by(ENHANCED, folder.path(), &file, &config, 3);
    for format in FORMATS {
        let pieces = all
            .iter()
            .map(|recording| shown_by(ENHANCED, folder.path(), &service.data(), recording, format));
        let pieces: Vec<Vec<usize>> = pieces.collect();
        let joined = pieces.concat();
        if format == "mp4" {
            assert!(joined.into_iter().eq(0..960), "{format}: {pieces:?}");
            continue;
        }
        assert!(
            joined.is_sorted_by(|one, other| one < other),
            "{format}: {pieces:?}"
        );
        for (before, piece) in pieces.iter().zip(&pieces[1..]) {
            // These formats lack the B-frames before their keyframe.
            let missing = piece[0] - before[before.len() - 1] - 1;
            assert!(
                missing == 3 && piece[0] % 48 == 0,
                "{format}: {missing} {}",
                piece[0]
            );
        }
        assert_eq!(joined.len(), 960 - 6, "{format}");
    }
    let told = |log: &str| log.contains("MP4 contains its leading pictures").then_some(());
    service.wait_for_log(told);
}

#[test]
fn a_part_and_a_clip_begin_and_end_with_the_pictures_that_were_asked_for() {
    let folder = home();
    let service = Service::start_with(folder.path(), "");
    let flv = Flv::read(&numbered(folder.path(), 14, "-bf 2 -g 50"));
    let mut client = Rtmp::publishing(service.address(), "live", "cam1");
    for tag in &flv.tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.ping(1).unwrap();
    wait_for("all of it to be taken", || {
        client.last_pong().filter(|pong| *pong == 1)
    });
    let data = service.data();
    let whole = wait_for("a recording", || recordings(&data).into_iter().next());
    let start: jiff::Timestamp = whole.start.parse().unwrap();
    let at = |seconds: i64| (start + jiff::SignedDuration::from_secs(seconds)).to_string();
    let words = ["clip", "create", "live/cam1", "--from", &at(5), "--to", &at(9)];
    typed(folder.path(), &words);
    let clip = wait_for("a clip", || {
        let mut all = recordings(&data).into_iter();
        all.find(|recording| recording.id != whole.id && recording.state == "closed")
    });
    client.unpublish("cam1").unwrap();
    wait_for("the recording to be closed", || {
        recordings(&data)
            .iter()
            .all(|recording| recording.state == "closed")
            .then_some(())
    });
    // A picture is shown 80 ms later than its number says, because its decoding needs two others.
    let asked = 123..223;
    for format in FORMATS {
        let path = folder.path().join(format!("part-{format}"));
        let words = [
            "export", &whole.id, "--format", format, "--from", "5s", "--to", "9s", "--data",
        ];
        let out = [data.to_str().unwrap(), "-o", path.to_str().unwrap()];
        edgereel(&[&words[..], &out].concat()).ok();
        let part = match format {
            "hls" => numbers(&path.join("index.m3u8")),
            _ => numbers(&path),
        };
        for (what, numbers) in [
            ("part", part),
            ("clip", shown(folder.path(), &data, &clip, format)),
        ] {
            let (first, last) = (numbers[0], *numbers.last().unwrap());
            assert!(
                numbers.iter().copied().eq(first..=last),
                "{what}, {format}: {numbers:?}"
            );
            match format {
                "mp4" => assert_eq!(first..last + 1, asked, "{what}"),
                // The file contains the pictures from the keyframe before to the last one that the range's last picture needs.
                _ => assert!(
                    first == 100 && (222..=224).contains(&last),
                    "{what}, {format}: {first} to {last}"
                ),
            }
        }
    }
}

/// Pushes the pictures with these times as a publish of their own.
fn push_between(service: &Service, flv: &Flv, (from, to): (u32, u32)) {
    let mut client = Rtmp::publishing(service.address(), "live", "cam1");
    for tag in flv.tags.iter().filter(|tag| tag.is_header()) {
        client.media(tag.kind, from, &tag.body).unwrap();
    }
    let tags = flv.tags.iter().filter(|tag| !tag.is_header());
    for tag in tags.filter(|tag| (from..to).contains(&tag.time)) {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.unpublish("cam1").unwrap();
}

#[test]
fn an_interrupted_class_is_put_together_again_to_the_picture() {
    let folder = home();
    let service = Service::start_with(folder.path(), "");
    let flv = Flv::read(&numbered(folder.path(), 14, "-bf 2 -g 50"));
    let keys: Vec<u32> = flv
        .tags
        .iter()
        .filter(|tag| tag.is_key() && !tag.is_header())
        .map(|tag| tag.time)
        .collect();
    for bounds in [(0, keys[2]), (keys[2], keys[5]), (keys[5], u32::MAX)] {
        push_between(&service, &flv, bounds);
    }
    let data = service.data();
    let pieces = crate::support::wait_all_closed(&data, 3);
    let ranges: Vec<String> = pieces
        .iter()
        .map(|piece| format!(r#"{{"recording":"{}"}}"#, piece.id))
        .collect();
    let compose = |ranges: &str| {
        let made = typed(
            folder.path(),
            &["recording", "compose", "--ranges", ranges, "--formats", "mp4,hls"],
        );
        let id = made["recording"].as_str().unwrap().to_owned();
        let mut all = recordings(&data).into_iter();
        all.find(|recording| recording.id == id).unwrap()
    };
    let whole = compose(&format!("[{}]", ranges.join(",")));
    for format in ["mp4", "hls"] {
        let shown = shown(folder.path(), &data, &whole, format);
        assert!(shown.iter().copied().eq(0..350), "{format}: {shown:?}");
    }
    // The last second of the first piece, and of the third one what is shown from 1.2 s to 3 s.
    let (first, third) = (&pieces[0].id, &pieces[2].id);
    let best = compose(&format!(
        r#"[{{"recording":"{first}","from_s":-1}},{{"recording":"{third}","from_s":1.2,"to_s":3}}]"#
    ));
    let numbers = shown(folder.path(), &data, &best, "mp4");
    // A picture is shown 80 ms later than its number says, because its decoding needs two others.
    let wanted: Vec<usize> = (numbers[0]..100).chain(278..323).collect();
    assert_eq!(numbers, wanted);
    assert!((72..=76).contains(&numbers[0]), "{numbers:?}");
    crate::judge::decodes(&folder.path().join(format!("{}-mp4", best.id)), FFMPEG);
}
