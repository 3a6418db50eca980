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

/// The largest picture, in bytes. All of them together are in the sources of everybody.
const LARGEST: usize = 40_000;

/// A publisher of a picture that moves little.
pub(super) fn publish(this: &Box, stream: &str, picture: &str) -> Child {
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
pub(super) fn resize(tab: &mut Tab, (width, height): (u32, u32), scheme: &str) {
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
    tab.pause(1_500);
    let mut shot = |quality: u8| {
        let taken = tab.ask(
            "Page.captureScreenshot",
            json!({"format": "webp", "quality": quality}),
        );
        BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap()
    };
    let fits = [80, 70, 60, 45]
        .into_iter()
        .map(&mut shot)
        .find(|bytes| bytes.len() <= LARGEST);
    let bytes = fits.unwrap_or_else(|| panic!("{name} takes more than {LARGEST} bytes"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}.webp"));
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
    // A gap, and a recording behind it.
    let mut first = publish(&this, "live/hall", hall);
    let mut tab = this.open("staff", "/#/streams");
    tab.pause(20_000);
    first.kill().unwrap();
    first.wait().unwrap();
    tab.pause(6_000);
    let publishers = [
        publish(&this, "live/hall", hall),
        publish(&this, "live/gate", gate),
    ];
    tab.wait("document.querySelectorAll('.still video').length === 2");
    // A task to show.
    let plan = "await fetch('api/v1/task.create', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({\
        stream: 'live/hall', name: 'Lessons', weekly: ['Mon-Fri 08:00-13:00', 'Wed 14:00-16:30'], time_zone: 'Europe/Berlin'})})\
        .then(reply => reply.status)";
    assert_eq!(tab.value(plan), 200);
    tab.pause(20_000);
    let body = |command: &str, body: &serde_json::Value| {
        format!(
            "(await (await fetch('api/v1/{command}', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: JSON.stringify({body}) }})).json()).result"
        )
    };
    let clip = json!({"stream": "live/hall", "before_s": 14, "after_s": 0, "name": "goal"});
    assert!(
        tab.value(&body("clip.create", &clip)).is_object(),
        "the clip is made"
    );
    let list = body("recording.search", &json!({"stream": "live/hall", "limit": 1}));
    let id = tab.value(&format!("({list}).recordings[0].id"));
    let facts = json!({"recording": id, "title": "Lesson 12", "tags": ["lesson"], "notes": [{"at_s": 3, "text": "Begin"}, {"at_s": 14, "text": "A question"}]});
    tab.value(&body("recording.set", &facts));
    let id = id.as_str().unwrap();
    let mut screens = vec![("recording".to_owned(), format!("#/recording/{id}"))];
    let links = tab.value("[...document.querySelectorAll('nav a')].map(one => one.hash)");
    for link in links.as_array().unwrap() {
        let link = link.as_str().unwrap();
        let name = link.trim_start_matches("#/").to_owned();
        let link = if name == "timeline" {
            "#/timeline/live%2Fhall"
        } else {
            link
        };
        screens.push((name, link.to_owned()));
    }
    screens.push((
        "in-step".to_owned(),
        "#/timeline?s=live%2Fhall&s=live%2Fgate".to_owned(),
    ));
    // Something is in it then.
    screens.push(("basket".to_owned(), "#/basket".to_owned()));
    for (size, scheme, end) in [
        ((1100, 700), "light", ""),
        ((1100, 700), "dark", "-dark"),
        ((390, 700), "light", "-phone"),
        ((390, 700), "dark", "-phone-dark"),
    ] {
        resize(&mut tab, size, scheme);
        for (name, address) in &screens {
            tab.run(&format!("location.hash = '{address}'"));
            tab.wait(&format!(
                "location.hash === '{address}' && !document.body.innerText.includes('Loading …')"
            ));
            if address.starts_with("#/timeline") {
                tab.press("1 min");
                tab.wait(
                    "[...document.querySelectorAll('tbody td')].some(one => one.textContent === 'recorded')",
                );
                // A moment of the tape, with its still.
                tab.run("const canvas = document.querySelector('canvas'); const box = canvas.getBoundingClientRect(); \
                         canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * 0.4, clientY: box.top + 60 }))");
                tab.wait("document.querySelector('.still video')");
            }
            if name == "recordings" && size.0 > 600 && scheme == "light" {
                tab.press_in(".recordings", "Add to the basket");
            }
            if name == "rules" {
                tab.wait("document.querySelector('.task')");
            }
            let top = match name.as_str() {
                "rules" => "document.querySelector('.task').scrollIntoView()",
                "timeline" => "document.querySelector('#timeline-keys').scrollIntoView({ block: 'end' })",
                _ => "scrollTo(0, 0)",
            };
            tab.run(top);
            take(&mut tab, &format!("console-{name}{end}"));
        }
    }
    for mut publisher in publishers {
        publisher.kill().unwrap();
        publisher.wait().unwrap();
    }
}
