//! When each moment was, as players show it.

use crate::players::plays;
use crate::programs::{FFMPEG, FFPROBE, MPV};
use crate::support::bucket::Bucket;
use crate::support::delivered::{all_delivered, sync_to};
use crate::support::{Service, edgereel, home, record_sample, wait_until};

const TEMPLATE: &str =
    "\n[[template]]\nname = \"default\"\nformats = [\"mp4\"]\ntimes = true\ntime_zone = \"Europe/Berlin\"\n";

#[test]
fn ffmpeg_and_mpv_find_the_track_of_times_of_a_delivered_mp4() {
    let (home, dir) = (home(), home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + TEMPLATE));
    let recorded = record_sample(&service, "live/cam1");
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let key = bucket
        .objects()
        .into_keys()
        .find(|key| key.ends_with(".mp4"))
        .unwrap();
    let path = home.path().join("a.mp4");
    std::fs::write(&path, bucket.object(&key).unwrap()).unwrap();
    let path = path.to_str().unwrap();

    let shown = ["-v", "error", "-select_streams", "s", "-show_streams", path];
    let shown = FFPROBE.run(shown).ok().text();
    for line in [
        "codec_name=mov_text",
        "codec_tag_string=tx3g",
        "DISPOSITION:default=0",
        "TAG:handler_name=Times",
    ] {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
    // Each text begins when its second does, and the last one ends with the file.
    let srt = home.path().join("a.srt");
    let read = [
        "-v",
        "error",
        "-xerror",
        "-i",
        path,
        "-map",
        "0:s:0",
        srt.to_str().unwrap(),
    ];
    FFMPEG.run(read).ok();
    let text = std::fs::read_to_string(srt).unwrap();
    let cues: Vec<Vec<&str>> = text
        .trim()
        .split("\n\n")
        .map(|cue| cue.lines().collect())
        .collect();
    assert!((20..=22).contains(&cues.len()), "{text}");
    let seconds: Vec<jiff::Timestamp> = cues
        .iter()
        .map(|cue| {
            let said = cue[2].replace("</font>", "");
            let said = said
                .rsplit(['>', '}'])
                .next()
                .unwrap()
                .replacen(' ', "T", 1)
                .replace(' ', "");
            said.parse().unwrap_or_else(|_| panic!("{cue:?}"))
        })
        .collect();
    assert!(
        seconds
            .windows(2)
            .all(|pair| pair[1].as_second() - pair[0].as_second() == 1),
        "{text}"
    );
    assert!(cues[0][1].starts_with("00:00:00,000 --> "), "{text}");
    let listed = edgereel(&["ls", "--json", "--data", service.data().to_str().unwrap()])
        .ok()
        .text();
    assert!(listed.contains(&recorded.id), "{listed}");

    plays(path.as_ref());
    let chosen = [
        "--no-config",
        "--vo=null",
        "--ao=null",
        "--untimed",
        "--ao-null-untimed",
        "--no-input-terminal",
    ];
    let said = MPV
        .run(chosen.iter().copied().chain(["--sid=1", path]))
        .ok()
        .text();
    assert!(
        said.contains("(+) Subs") || said.contains("Subs  --sid=1"),
        "{said}"
    );
}
