//! Recordings that one MP4 or one HLS does not have: the picture size changes, there is a gap, or an MP4 is all there is.

use serde_json::json;

use super::{Box, Tab, clip, sized_clip};
use crate::support::flv::SCRIPT;
use crate::support::{Flv, Pusher, Tag, edgereel, wait_all_closed, wait_until};

/// The video has decoded a picture of this width, and has it at a place or behind it.
fn shows(width: u32, at: u32) -> String {
    format!(
        "(video => video && !video.hidden && video.readyState >= 2 && !video.seeking && video.videoWidth === {width} && video.currentTime >= {at})\
         (document.querySelector('main video'))"
    )
}

/// Goes to places of the video that is shown, in seconds; each has pictures of a width.
#[track_caller]
fn seek(tab: &mut Tab, places: &[(u32, u32)]) {
    for &(at, width) in places {
        tab.run(&format!(
            "const video = document.querySelector('main video'); window.landed = null; \
             video.onseeked = () => (window.landed = video.currentTime); video.currentTime = {at}"
        ));
        let took = tab.wait(&shows(width, at));
        let landed = tab.value("window.landed").as_f64().expect("it went there");
        assert!((landed - f64::from(at)).abs() < 1.0, "{landed} is not {at}");
        println!("a place at {at} s, pictures of {width}: {took:?}");
    }
}

#[test]
fn a_size_that_changes_and_a_gap_are_played_and_sought_over() {
    let this = Box::start();
    let [small, large] = ["320x180", "640x360"].map(|size| Flv::read(&sized_clip(this.home.path(), 8, size)));
    let end = small.tags.iter().map(|tag| tag.time).max().unwrap() + 40;
    let mut both = small.clone();
    let later = large.later(end).tags.into_iter();
    both.tags.extend(later.filter(|tag: &Tag| tag.kind != SCRIPT));
    let mut tab = this.open("staff", "/#/streams");
    let begins = jiff::Timestamp::now();
    Pusher::start(this.service.address(), "live/cam1", &both, 1.0).done();
    wait_all_closed(&this.service.data(), 1);
    // A gap of some seconds.
    tab.pause(4_000);
    let second = Pusher::start(this.service.address(), "live/cam1", &small, 1.0);
    wait_until("the part behind the gap", || second.taken() > 6_000);
    second.done();
    wait_all_closed(&this.service.data(), 2);

    // The time line plays from the first picture on, over both, without anything pressed.
    tab.run(&format!("location.hash = '#/timeline/live%2Fcam1?at={begins}'"));
    for (width, at) in [(320, 0), (640, 8), (320, 17)] {
        tab.wait(&shows(width, at));
    }
    seek(&mut tab, &[(2, 320), (12, 640), (18, 320), (9, 640), (3, 320)]);
    tab.wait("[...document.querySelectorAll('tbody td:first-child')].some(one => one.textContent === 'gap')");

    // A recording with both sizes is two MP4s, of which a browser would play the first alone.
    tab.run("location.hash = '#/recordings?order=up'");
    tab.press_in(".recordings", "live/cam1");
    tab.wait(&shows(320, 0));
    seek(&mut tab, &[(12, 640), (2, 320), (9, 640)]);
    tab.press("Download MP4");
    tab.wait_text("it is 2 files:");
    let sizes = "(await Promise.all([...document.querySelectorAll('.said a[download]')].map(one => fetch(one.href).then(reply => reply.arrayBuffer())))).map(one => one.byteLength)";
    let sizes = tab.value(sizes);
    let sizes: Vec<u64> = serde_json::from_value(sizes).unwrap();
    assert!(sizes.len() == 2 && sizes[1] > sizes[0], "{sizes:?}");
    // Nor would the page of a link.
    tab.press("Share");
    tab.press_in("dialog", "Make the link");
    tab.wait("document.querySelector('dialog code')");
    let link = tab.value("document.querySelector('dialog code').textContent.split('#')[1]");
    tab.press_in("dialog", "Close");
    tab.run(&format!("location.hash = {link}"));
    tab.wait_text("Shared recording");
    tab.wait(&shows(320, 0));
    seek(&mut tab, &[(12, 640)]);
    tab.is_clean();
}

#[test]
fn what_has_an_mp4_alone_plays_and_has_no_buttons_that_the_box_refuses() {
    let this = Box::start();
    let clip = clip(this.home.path(), 12);
    for stream in ["live/cam1", "live/cam2"] {
        edgereel(&[
            "publish",
            clip.to_str().unwrap(),
            &this.service.url(stream),
            "--fast",
        ])
        .ok();
    }
    wait_all_closed(&this.service.data(), 2);
    let mut tab = this.open("staff", "/#/recordings?order=up");
    tab.wait("document.querySelectorAll('.recordings li').length === 2");
    let made = |tab: &mut Tab, command: &str, body: &str| {
        let id = tab.value(&format!(
            "const ids = [...document.querySelectorAll('.recordings li')].map(one => one.dataset.recording); \
             (await (await fetch('api/v1/recording.{command}', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, \
             body: JSON.stringify({body}) }})).json()).result.recording"
        ));
        id.as_str().expect("it is made").to_owned()
    };
    let lapse = made(&mut tab, "timelapse", "{ recording: ids[0], speed: 2 }");
    let mix = made(
        &mut tab,
        "mix",
        "{ recordings: ids.slice(0, 2).map(recording => ({ recording })) }",
    );
    let joined = made(
        &mut tab,
        "compose",
        "{ ranges: ids.slice(0, 2).map(recording => ({ recording })) }",
    );
    wait_all_closed(&this.service.data(), 5);
    tab.run("location.hash = '#/recordings'");
    tab.wait("document.querySelectorAll('.recordings li').length === 5");
    tab.requests.clear();
    for (id, length, has_parts) in [(&lapse, 6, false), (&mix, 12, false), (&joined, 24, true)] {
        tab.run(&format!("location.hash = '#/recording/{id}'"));
        tab.wait(&shows(320, 0));
        seek(&mut tab, &[(4, 320)]);
        let shown = tab.value(
            "({ length: document.querySelector('main video').duration, address: document.querySelector('.copyable code').textContent, \
                parts: document.body.innerText.includes('Split here') })",
        );
        assert!(
            (shown["length"].as_f64().unwrap() - f64::from(length)).abs() < 1.5,
            "{shown}"
        );
        assert_eq!(shown["parts"], json!(has_parts), "{id}");
        // The address that is there to copy is one that the box has.
        let status = tab.value(&format!(
            "await fetch({}).then(reply => reply.status)",
            shown["address"]
        ));
        assert_eq!(status, 200, "{shown}");
    }
    // A still of a time lapse is not asked for.
    tab.run("location.hash = '#/recordings'");
    tab.wait("[...document.querySelectorAll('.recordings .still video')].filter(one => one.videoWidth === 320).length === 4");
    let of_lapse = |one: &&String| one.contains(&format!("{lapse}/frame.mp4"));
    assert!(
        !tab.requests.iter().any(|one| of_lapse(&one)),
        "{:?}",
        tab.requests
    );
    // What does not play says why, in the words of the box.
    tab.run(&format!("location.hash = '#/recording/{mix}'"));
    tab.wait(&shows(320, 0));
    tab.run("const ask = window.fetch; window.fetch = (path, init) => String(path).endsWith('.mp4') ? ask(path + '?part=7', init) : ask(path, init)");
    tab.run(&format!("location.hash = '#/recording/{lapse}'"));
    tab.wait_text("there is no file 7; there are 1");
    tab.is_clean();
}
