//! The time line of a stream.

use serde_json::json;

use super::{Box, Tab, clip};
use crate::support::{Pusher, http, wait_for, wait_until};

/// The video of the screen plays a picture.
const PLAYS: &str = "(video => !video.hidden && video.readyState >= 2 && !video.paused && !video.seeking && video.videoWidth === 320)\
                     (document.querySelector('main video'))";

/// Moves or presses the mouse at a share of the time line's width. A share below zero is that of a button that is held.
fn mouse(tab: &mut Tab, kind: &str, share: f64) {
    let place = tab.value(
        "(box => [box.left, box.top, box.width])(document.querySelector('canvas').getBoundingClientRect())",
    );
    let at = |one: usize| place[one].as_f64().unwrap();
    let is_held = kind != "mouseMoved" || share < 0.0;
    let x = at(0) + at(2) * share.abs();
    let params = json!({
        "type": kind, "x": x, "y": at(1) + 60.0, "clickCount": 1,
        "button": if is_held { "left" } else { "none" }, "buttons": u8::from(is_held),
    });
    tab.ask("Input.dispatchMouseEvent", params);
}

fn key(tab: &mut Tab, key: &str, modifiers: u8) {
    for kind in ["keyDown", "keyUp"] {
        tab.ask(
            "Input.dispatchKeyEvent",
            json!({"type": kind, "key": key, "modifiers": modifiers}),
        );
    }
}

#[test]
fn a_time_line_shows_gaps_and_plays_keeps_and_shares_any_part() {
    let this = Box::start();
    let clip = clip(this.home.path(), 120);
    let first = this.push("live/cam1", &clip);
    wait_until("the first part", || first.taken() > 8_000);
    first.stop();
    let mut tab = this.open("staff", "/#/timeline");
    tab.press_in(".names", "live/cam1");
    tab.wait("document.querySelector('canvas')");
    // A gap of some seconds.
    tab.pause(4000);
    let second = this.push("live/cam1", &clip);
    wait_until("the second part", || second.taken() > 12_000);
    tab.press("1 min");
    tab.wait(
        "(cells => cells.filter(one => one === 'recorded').length >= 2 && cells.includes('gap'))\
              ([...document.querySelectorAll('tbody td:first-child')].map(one => one.textContent))",
    );
    let reason = tab.value("[...document.querySelectorAll('tbody tr')].find(one => one.textContent.startsWith('gap')).lastChild.textContent");
    assert!(reason.as_str().unwrap().len() > 5, "the gap says why: {reason}");

    // The share of the time line at which a second of the first part is.
    let begins = "Date.parse([...document.querySelectorAll('tbody tr')].find(one => one.textContent.startsWith('recorded')).querySelector('button').textContent)";
    let begins = tab.value(begins).as_f64().unwrap();
    let share = |tab: &mut Tab, second: f64| {
        // The time line moves with now. The cursor says the time of its left end.
        tab.run("document.querySelector('.at').replaceChildren()");
        mouse(tab, "mouseMoved", 0.001);
        tab.wait("document.querySelector('.at').firstChild");
        let from = tab
            .value("Date.parse(document.querySelector('.at').firstChild.textContent)")
            .as_f64()
            .unwrap();
        (begins + second * 1000.0 - from) / 60_000.0
    };
    let at = share(&mut tab, 4.0);
    mouse(&mut tab, "mouseMoved", at);
    let still = tab.wait("document.querySelector('.still video')?.videoWidth === 320");
    println!("a still while somebody looks for a place: {still:?}");

    mouse(&mut tab, "mousePressed", at);
    mouse(&mut tab, "mouseReleased", at);
    let first_frame = tab.wait(PLAYS);
    println!("from a press to the first frame: {first_frame:?}");
    tab.press("Live");
    let live = tab.wait(&format!(
        "{PLAYS} && document.querySelector('main .note').textContent === 'Live'"
    ));
    println!("back to live: {live:?}");
    tab.press("Stop");

    let (from, to) = (share(&mut tab, 2.0), share(&mut tab, 5.0));
    mouse(&mut tab, "mousePressed", from);
    for step in 1..=5 {
        mouse(
            &mut tab,
            "mouseMoved",
            -(from + (to - from) * f64::from(step) / 5.0),
        );
    }
    mouse(&mut tab, "mouseReleased", to);
    tab.wait("!document.querySelector('.selection').hidden");
    tab.press_in(".selection", "Play");
    tab.wait(PLAYS);
    tab.run("document.querySelector('.selection input').value = '<i>goal</i>'");
    tab.press_in(".selection", "›_");
    tab.wait_text("edgereel ctl clip.create stream=live/cam1 from=");
    tab.press_in("dialog", "Close");
    tab.press_in(".selection", "Make a clip");
    tab.wait("[...document.querySelectorAll('.selection .said')].some(one => one.textContent === 'Done')");
    tab.wait("[...document.querySelectorAll('tbody tr')].some(one => one.textContent.startsWith('clip') && one.textContent.includes('<i>goal</i>'))");

    tab.press_in(".selection", "Share");
    tab.press_in("dialog", "Make the link");
    tab.wait("document.querySelector('dialog .copyable code')");
    let link = tab.value("document.querySelectorAll('dialog .copyable code')[1].textContent");
    let path = link
        .as_str()
        .unwrap()
        .strip_prefix(&this.url(""))
        .expect("an address of the box")
        .to_owned();
    let got = wait_for("the shared part", || {
        let got = http::get(this.port.address(), &path, &[]);
        (got.status == 200).then_some(got)
    });
    assert!(
        got.body.len() > 10_000 && got.header("content-type") == Some("video/mp4"),
        "{path}"
    );
    let (whole, _) = path.split_once('?').unwrap();
    let all = http::get(this.port.address(), whole, &[]);
    assert!(
        all.status == 200 && all.body.len() <= got.body.len() * 11 / 10,
        "the link has this part alone"
    );
    tab.press_in("dialog", "Close");
    tab.press_in(".selection", "Clear");

    // The same by keys.
    tab.run("document.querySelector('canvas').focus()");
    for (name, modifiers) in [
        ("Home", 0),
        ("ArrowRight", 0),
        ("ArrowRight", 8),
        ("ArrowRight", 8),
        ("PageDown", 8),
    ] {
        key(&mut tab, name, modifiers);
    }
    tab.wait("!document.querySelector('.selection').hidden && document.querySelector('canvas').getAttribute('aria-valuetext')");
    key(&mut tab, "Escape", 0);
    tab.wait("document.querySelector('.selection').hidden");
    tab.run("document.querySelector('canvas').focus()");
    for (name, modifiers) in [("Home", 0), ("PageDown", 8)] {
        key(&mut tab, name, modifiers);
    }
    tab.press_in(".selection", "Add to the basket");
    tab.wait("JSON.parse(sessionStorage.getItem('edgereel-basket')).length >= 1");
    second.stop();
    tab.is_clean();
}

#[test]
fn several_streams_play_in_step() {
    let this = Box::start();
    let clip = clip(this.home.path(), 60);
    let names = ["live/cam1", "live/a & b"];
    let pushers = names.map(|name| this.push(name, &clip));
    let from = jiff::Timestamp::now();
    wait_until("some seconds of both", || {
        pushers.iter().all(|one| one.taken() > 14_000)
    });
    let mut tab = this.open("staff", "/#/timeline");
    tab.wait("document.querySelectorAll('.names input').length === 2");
    tab.run("document.querySelectorAll('.names input').forEach(one => one.click())");
    tab.press("Show these in step");
    tab.wait(
        "location.hash.includes('s=live%2Fa%20%26%20b') && document.querySelectorAll('canvas').length === 2",
    );
    for name in names {
        tab.wait(&format!(
            "[...document.querySelectorAll('tbody tr')].some(one => one.lastChild.textContent === {})",
            json!(name)
        ));
    }
    tab.run(&format!("location.hash += '&at={from}'"));
    let both = "(all => all.length === 2 && all.every(one => !one.hidden && one.videoWidth === 320 && one.currentTime > 0.5))([...document.querySelectorAll('main video')])";
    tab.wait(both);
    let held = "[...document.querySelectorAll('main video')].filter(one => one.paused).length";
    tab.press("Pause");
    tab.wait(&format!("{held} === 2"));
    tab.press("Pause");
    tab.wait(&format!(
        "{held} < 2 && document.querySelector('main .note').textContent.startsWith('From')"
    ));
    // What is shown is told of at the same instant for both.
    let apart = "((a, b) => Math.abs(a - b))(...[...document.querySelectorAll('main video')].map(one => Number(one.dataset.moment)))";
    let begun = tab.value("Number(document.querySelector('main video').dataset.moment)");
    tab.wait(&format!(
        "Number(document.querySelector('main video').dataset.moment) > {begun} + 3000 && {apart} < 300"
    ));
    println!("apart by {} ms", tab.value(apart));
    tab.press("Live");
    tab.wait(both);
    tab.press("Stop");
    tab.wait("[...document.querySelectorAll('main video')].every(one => one.hidden)");
    pushers.into_iter().for_each(Pusher::stop);
    tab.is_clean();
}
