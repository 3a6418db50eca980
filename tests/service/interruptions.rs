//! Publishers that break off and come back, and the parameters of their push URLs, with the real service, over the network.

use std::path::Path;

use crate::support::programme::Programme;
use crate::support::rtmp::Rtmp;
use crate::support::service::data_dir;
use crate::support::{Service, edgereel, export, home, typed, verified, wait_for, wait_until};
use serde_json::Value;

/// The behaviour of two clouds: one splices only HLS over a break and begins a new file of every other format, the other
/// continues every format.
const CLOUDS: &str = r#"
[[template]]
name = "splices-hls"
formats = ["hls", "mp4", "flv"]
split = "30min"
resume_window = "0s"
[template.hls]
split = "off"
resume_window = "30min"
resume_after = "any"

[[template]]
name = "continues-all"
formats = ["hls", "mp4", "flv"]
split = "60min"
resume_window = "180s"
resume_after = "any"

[[rule]]
stream = "one/*"
template = "splices-hls"

[[rule]]
stream = "other/*"
template = "continues-all"

[[rule]]
stream = "demand/*"
record = "on-demand"
"#;

/// The usual template, which waits for a publisher for three minutes.
const USUAL: &str =
    "\n[[template]]\nname = \"usual\"\nformats = [\"hls\", \"mp4\"]\n[[rule]]\ntemplate = \"usual\"\n";

/// A publish that sent so much, unpaced. The service has taken all of it.
fn push(service: &Service, stream: &str, serial: usize, seconds: u32) -> Rtmp {
    let (app, key) = stream.split_once('/').unwrap();
    let mut client = Rtmp::publishing(service.address(), app, key);
    let programme = Programme::marked(stream, serial, 0);
    for number in 0.. {
        let tag = programme.tag(number);
        if tag.time >= seconds * 1_000 {
            break;
        }
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.ping(7).unwrap();
    wait_until("the service to have taken it", || client.last_pong() == Some(7));
    client
}

fn rows(data: &Path) -> Vec<Value> {
    let done = edgereel(&["ls", "--json", "--data", data.to_str().unwrap()]).ok();
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    document["recordings"].as_array().unwrap().clone()
}

/// `formats state whole-seconds` of a stream's recordings.
fn table(data: &Path, stream: &str) -> Vec<String> {
    let of = |row: &&Value| row["stream"] == stream;
    let line = |row: &Value| {
        let formats: Vec<&str> = row["formats"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        let state = if row["paused"] == true {
            "paused"
        } else {
            row["state"].as_str().unwrap()
        };
        format!(
            "{} {state} {:.0}",
            formats.join("+"),
            row["duration_s"].as_f64().unwrap()
        )
    };
    let mut lines: Vec<String> = rows(data).iter().filter(of).map(line).collect();
    lines.sort();
    lines
}

fn id_of(data: &Path, stream: &str, formats: &str) -> String {
    let first = |row: &Value| row["formats"][0].as_str().unwrap().to_owned();
    let all = rows(data);
    let row = all
        .iter()
        .find(|row| row["stream"] == stream && first(row) == formats)
        .unwrap();
    row["id"].as_str().unwrap().to_owned()
}

#[test]
fn twenty_six_minutes_with_two_interruptions() {
    let home = home();
    let data = data_dir(home.path());
    let service = Service::start_with(home.path(), CLOUDS);
    for stream in ["one/cam", "other/cam"] {
        let mut seconds = 0;
        for (serial, minutes) in [10, 8, 8].into_iter().enumerate() {
            let mut client = push(&service, stream, serial, minutes * 60);
            if serial == 2 {
                client.unpublish("cam").unwrap();
            }
            drop(client);
            seconds += minutes * 60;
            let waits = format!(" paused {seconds}");
            wait_until("what goes on to wait with all of it", || {
                let table = table(&data, stream);
                table.iter().any(|line| line.ends_with(&waits))
                    && !table.iter().any(|line| line.contains(" open "))
            });
        }
    }
    assert_eq!(
        table(&data, "one/cam"),
        [
            "hls paused 1560",
            "mp4+flv closed 480",
            "mp4+flv closed 480",
            "mp4+flv closed 600"
        ]
    );
    assert_eq!(table(&data, "other/cam"), ["hls+mp4+flv paused 1560"]);

    let out = home.path().join("hls");
    let id = id_of(&data, "one/cam", "hls");
    export(&data, &id, "hls", &out).ok();
    let playlist = std::fs::read_to_string(out.join("index.m3u8")).unwrap();
    let length: f64 = playlist
        .lines()
        .filter_map(|line| {
            line.strip_prefix("#EXTINF:")?
                .split(',')
                .next()?
                .parse::<f64>()
                .ok()
        })
        .sum();
    assert!((length - 1_560.0).abs() < 1.0, "{length} s");
    // The media after an interruption follows directly and has the same codec: some players stop at a discontinuity.
    assert!(!playlist.contains("#EXT-X-DISCONTINUITY"), "{playlist}");
    assert_eq!(playlist.matches("#EXT-X-PROGRAM-DATE-TIME:").count(), 3);
    let out = home.path().join("all.mp4");
    export(&data, &id_of(&data, "other/cam", "hls"), "mp4", &out).ok();
    let duration = crate::support::mp4_file::duration(&std::fs::read(&out).unwrap());
    assert!((duration - 1_560.0).abs() < 2.0, "{duration} s");

    // A user who does not want to wait runs `recording finish`.
    typed(home.path(), &["recording", "finish", &id]);
    assert_eq!(table(&data, "one/cam")[0], "hls closed 1560");
    service.stop();
    verified(&data);
}

#[test]
fn the_window_outlives_a_restart_and_a_kill() {
    let home = home();
    let data = data_dir(home.path());
    let service = Service::start_with(home.path(), USUAL);
    let client = push(&service, "live/cam", 0, 6);
    // As with a publisher in real time, the open fragment is on flash.
    wait_until("it to be durable", || {
        table(&data, "live/cam").iter().any(|line| !line.ends_with(" 0"))
    });
    service.kill();
    drop(client);
    let service = Service::start_with(home.path(), USUAL);
    assert!(
        table(&data, "live/cam")[0].starts_with("hls+mp4 paused"),
        "{:?}",
        table(&data, "live/cam")
    );
    let client = push(&service, "live/cam", 1, 6);
    service.stop();
    drop(client);
    assert!(table(&data, "live/cam")[0].starts_with("hls+mp4 paused"));
    let service = Service::start_with(home.path(), USUAL);
    let mut client = push(&service, "live/cam", 2, 6);
    client.unpublish("cam").unwrap();
    let row = wait_for("the recording to be closed", || {
        let all = rows(&data);
        (all.len() == 1 && all[0]["state"] == "closed").then(|| all[0].clone())
    });
    let seconds = row["duration_s"].as_f64().unwrap();
    assert!((16.5..=18.5).contains(&seconds), "{row}");
    for format in ["mp4", "flv", "hls"] {
        export(
            &data,
            row["id"].as_str().unwrap(),
            format,
            &home.path().join(format),
        )
        .ok();
    }
    service.stop();
    verified(&data);
}

#[test]
fn a_push_may_ask_to_be_recorded_and_for_its_sound_alone() {
    let home = home();
    let data = data_dir(home.path());
    let service = Service::start_with(home.path(), CLOUDS);
    let mut quiet = push(&service, "demand/quiet", 0, 5);
    let mut asked = push(
        &service,
        "demand/cam?record=mp4&record_interval=60&record_type=audio",
        0,
        5,
    );
    asked.unpublish("cam").unwrap();
    quiet.unpublish("quiet").unwrap();
    let row = wait_for("the recording to be closed", || {
        let all = rows(&data);
        (all.len() == 1 && all[0]["state"] == "closed").then(|| all[0].clone())
    });
    assert_eq!(
        (&row["origin"], &row["stream"]),
        (&"push".into(), &"demand/cam".into())
    );
    let out = home.path().join("sound.mp4");
    export(&data, row["id"].as_str().unwrap(), "mp4", &out).ok();
    let media = crate::support::mp4_file::parse(&std::fs::read(&out).unwrap());
    assert!(media.video.is_empty() && media.audio.len() > 100);
    service.stop();
    verified(&data);
}
