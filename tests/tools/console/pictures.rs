//! The pictures of the documents. `scripts/console.sh pictures` makes them anew.

use std::path::Path;
use std::process::{Child, Command};

use data_encoding::BASE64;
use serde_json::json;

use super::{Box, Tab};
use crate::programs::FFMPEG;
use crate::support::{edgereel_of, recordings, wait_for, wait_until};

/// The largest picture, in bytes.
const LARGEST: usize = 150_000;

/// A publisher of a picture that moves little.
fn publish(this: &Box, stream: &str, picture: &str) -> Child {
    let url = this.service.url(stream);
    let mut command = Command::new(FFMPEG.path());
    command.args([
        "-v", "error", "-re", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine",
    ]);
    command.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "25",
        "-c:a",
        "aac",
        "-f",
        "flv",
        &url,
    ]);
    command.spawn().unwrap()
}

fn end(mut publisher: Child) {
    publisher.kill().unwrap();
    publisher.wait().unwrap();
}

/// Shows the tab as a window of this size, in a scheme of colours.
fn resize(tab: &mut Tab, (width, height): (u32, u32), scheme: &str) {
    let phone = width < 600;
    tab.ask(
        "Emulation.setDeviceMetricsOverride",
        json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}),
    );
    let feature = json!({"name": "prefers-color-scheme", "value": scheme});
    tab.ask("Emulation.setEmulatedMedia", json!({"features": [feature]}));
}

fn take(tab: &mut Tab, name: &str) {
    // What is asked for is there, and drawn.
    tab.value("new Promise(done => setTimeout(done, 2000))");
    let taken = tab.ask("Page.captureScreenshot", json!({"format": "jpeg", "quality": 80}));
    let bytes = BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap();
    assert!(bytes.len() <= LARGEST, "{name}: {} bytes", bytes.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}.jpg"));
    std::fs::write(path, bytes).unwrap();
}

#[test]
#[ignore = "writes into docs/pictures"]
fn the_pictures_of_the_console_are_taken() {
    let this = Box::start();
    let hall = "gradients=s=640x360:r=25:c0=#27496d:c1=#8fb8de:speed=0.01";
    let gate = "gradients=s=640x360:r=25:c0=#3d5a40:c1=#e0b973:speed=0.01";
    let (first, other) = (
        publish(&this, "live/hall", hall),
        publish(&this, "live/gate", gate),
    );
    let grown = |stream: &str, number: usize, seconds: f64| {
        wait_until("a recording", || {
            let all = recordings(&this.service.data());
            all.iter()
                .filter(|one| one.stream == stream && one.duration_s > seconds)
                .count()
                >= number
        });
    };
    grown("live/hall", 1, 14.0);
    end(first);
    wait_until("its end", || {
        recordings(&this.service.data())
            .iter()
            .any(|one| one.state == "closed")
    });
    let closed = recordings(&this.service.data())
        .into_iter()
        .find(|one| one.state == "closed")
        .unwrap();
    let notes = r#"[{"at_s":4,"text":"doors open"},{"at_s":10,"text":"first question"}]"#;
    edgereel_of(
        this.home.path(),
        &[
            "recording",
            "set",
            &closed.id,
            "--title",
            "Lesson 7: light",
            "--tags",
            "physics,keep",
            "--notes",
            notes,
        ],
    )
    .ok();
    // A gap that can be seen.
    grown("live/gate", 1, 27.0);
    let again = publish(&this, "live/hall", hall);
    grown("live/hall", 1, 18.0);

    let mut tab = this.open("staff", "/#/streams");
    resize(&mut tab, (1280, 760), "light");
    tab.wait("document.querySelectorAll('.still video').length === 2");
    take(&mut tab, "console-streams");
    resize(&mut tab, (390, 780), "dark");
    take(&mut tab, "console-streams-phone");
    resize(&mut tab, (1280, 860), "dark");
    tab.run("location.hash = '#/timeline/live%2Fhall'");
    for button in ["10 min", "+", "+"] {
        tab.press(button);
    }
    tab.wait("document.querySelectorAll('tbody tr').length >= 4");
    wait_for("a picture", || {
        let at = json!({"type": "mouseMoved", "x": 640, "y": 620});
        tab.ask("Input.dispatchMouseEvent", at);
        (tab.value("Boolean(document.querySelector('.still video'))") == true).then_some(())
    });
    take(&mut tab, "console-timeline");
    resize(&mut tab, (390, 780), "light");
    tab.run("location.hash = '#/recordings'");
    tab.wait("document.querySelectorAll('.recordings li').length === 3");
    take(&mut tab, "console-recordings-phone");
    end(again);
    end(other);
}
