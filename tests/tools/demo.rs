//! `edgereel demo` runs by itself, and the files that it leaves play.

use crate::judge::decodes;
use crate::players::plays;
use crate::programs::FFMPEG;
use crate::session::segments;
use crate::support::{edgereel_in, home, only_recording};

#[test]
fn the_demo_runs_by_itself_and_what_it_leaves_plays() {
    let home = home();
    let done = edgereel_in(home.path(), &[], &["demo", "--seconds", "8"]).ok();
    let said = done.text();
    assert!(
        said.contains("play it:") && done.stderr.is_empty(),
        "{said}{}",
        done.stderr
    );
    let folder = home.path().join("edgereel-demo");
    for path in [
        folder.join("delivered/demo.mp4"),
        folder.join("delivered/demo/index.m3u8"),
    ] {
        decodes(&path, FFMPEG);
        plays(&path);
    }
    let store = folder.join("store");
    let recording = only_recording(&store);
    assert_eq!(recording.state, "delivered");
    assert!(
        (6.5..9.5).contains(&recording.duration_s),
        "{} s",
        recording.duration_s
    );
    for segment in segments(&store) {
        plays(&segment);
    }
    // `demo` runs a second time in the same place, but never overwrites files of somebody else.
    edgereel_in(home.path(), &[], &["demo", "--seconds", "2"]).ok();
    std::fs::create_dir(home.path().join("mine")).unwrap();
    std::fs::write(home.path().join("mine/thesis.txt"), "years of work").unwrap();
    edgereel_in(home.path(), &[], &["demo", "--seconds", "2", "--dir", "mine"]).failed(1, &["not empty"]);
    assert!(home.path().join("mine/thesis.txt").exists());
}

/// The functions of scripts/setup.sh. Those that would change the machine only print what they would do.
#[test]
fn what_brings_a_service_is_installed_without_the_service() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/setup.sh");
    let words =
        "apt() { echo \"apt $*\"; }; as_root() { echo \"root $*\"; }; has() { [ \"$1\" = systemctl ]; }";
    let order = format!(
        "cd {root:?} && . <(sed '/^cd /d; /^case \"${{1:-}}\" in$/,$d' {script:?}) && {words} && \
         apt_program mosquitto mosquitto -- 'a broker'",
        root = env!("CARGO_MANIFEST_DIR"),
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &order])
        .output()
        .unwrap();
    let (said, notice) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let installed = said.find("apt mosquitto -- a broker");
    let disabled = said.find("root systemctl disable --quiet mosquitto");
    assert!(installed.is_some() && disabled > installed, "{said}{notice}");
    assert!(
        notice.contains("mosquitto.service is neither enabled nor started"),
        "{notice}"
    );
    // No package with a service is installed in another way.
    let text = std::fs::read_to_string(script).unwrap();
    for service in ["mosquitto", "nginx"] {
        assert!(!text.contains(&format!("|| apt {service} ")), "{service}");
    }
}
