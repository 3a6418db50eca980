//! The pictures of the documents. `scripts/console.sh pictures` makes them anew.

use std::path::Path;
use std::process::{Child, Command};

use data_encoding::BASE64;
use serde_json::json;

use super::{Box, Tab};
use crate::programs::FFMPEG;
use crate::support::bucket::Bucket;
use crate::support::delivered::sync_to;
use crate::support::home;

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
    tab.pause(2000);
    let taken = tab.ask("Page.captureScreenshot", json!({"format": "jpeg", "quality": 80}));
    let bytes = BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap();
    assert!(bytes.len() <= LARGEST, "{name}: {} bytes", bytes.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}.jpg"));
    std::fs::write(path, bytes).unwrap();
}

#[test]
#[ignore = "writes into docs/pictures"]
fn the_pictures_of_the_console_are_taken() {
    let objects = home();
    let bucket = Bucket::start_near(objects.path());
    let this = Box::start_with(&sync_to(&bucket, "when = \"live\""));
    let hall = "gradients=s=640x360:r=25:c0=#27496d:c1=#8fb8de:speed=0.01";
    let gate = "gradients=s=640x360:r=25:c0=#3d5a40:c1=#e0b973:speed=0.01";
    let publishers = [
        publish(&this, "live/hall", hall),
        publish(&this, "live/gate", gate),
    ];
    let mut tab = this.open("staff", "/#/streams");
    resize(&mut tab, (1280, 760), "light");
    tab.wait("document.querySelectorAll('.still video').length === 2");
    take(&mut tab, "console-streams");
    resize(&mut tab, (390, 780), "dark");
    take(&mut tab, "console-streams-phone");
    // The other screens, with a delivery and a task to show.
    let plan = "await fetch('api/v1/task.create', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({\
        stream: 'live/hall', name: 'Lessons', weekly: ['Mon-Fri 08:00-13:00', 'Wed 14:00-16:30'], time_zone: 'Europe/Berlin'})})\
        .then(reply => reply.status)";
    assert_eq!(tab.value(plan), 200);
    for (screen, size, scheme) in [
        ("delivery", (1280, 900), "light"),
        ("device", (1280, 1_000), "dark"),
        ("rules", (390, 1_000), "light"),
    ] {
        resize(&mut tab, size, scheme);
        tab.run(&format!("location.hash = '#/{screen}'"));
        tab.wait("document.querySelector('.facts, .week:not(.chooses)')");
        if screen == "rules" {
            tab.run("document.querySelector('.task').scrollIntoView()");
        }
        take(&mut tab, &format!("console-{screen}"));
    }
    for mut publisher in publishers {
        publisher.kill().unwrap();
        publisher.wait().unwrap();
    }
}
