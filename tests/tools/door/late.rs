//! A stream on the air that is played late, from its beginning, and live again; and players whose token ends.

use super::others::{in_ffmpeg, in_mpv, in_vlc};
use super::programme::{OpenDoor, RATE, clip, run};
use crate::browser::{Case, Seen};
use crate::console::Tab;
use crate::support::{Flv, Pusher, home, http, wait_until};

/// How late a viewer enters, in seconds.
const LATE: usize = 60;
/// What the button of the page goes back, in seconds.
const BACK: usize = 30;
/// Seconds of the stream: as late as a viewer enters, and for the players.
const SECONDS: u32 = 150;
/// How many pictures are seen at each place.
const PICTURES: usize = 20;
/// Whether the console shows a picture of a stream that plays.
const IS_SHOWN: &str = "(video => video && video.readyState >= 2 && video.currentTime > 0.2)(document.querySelector('.screen > video'))";
/// The number in the picture that the console shows, as tests/tools/browser/page.html reads it.
const NUMBER: &str = "(() => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [96, 8];
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector('.screen > video'), 0, 0, 96, 8);
  const row = context.getImageData(0, 4, 96, 1).data;
  return [...Array(12).keys()].reduce((number, bit) => number + (row[(bit * 8 + 4) * 4] > 128 ? 1 << bit : 0), 0);
})()";
/// How long a case may take, in seconds.
const LONGEST: f64 = 150.0;

#[test]
fn a_viewer_enters_late_goes_to_the_beginning_and_back_to_live() {
    let door = OpenDoor::start();
    let file = door.home.path().join("clip.flv");
    clip(&file, 1, SECONDS);
    let pusher = Pusher::start(door.service.address(), "live/cam1", &Flv::read(&file), 1.0);
    let master = door.url("/live/cam1/master.m3u8");
    let goes_back = |seconds: usize| {
        wait_until("so much of the stream", || {
            pusher.taken() as usize > seconds * 1_000
        });
        door.wait_listed_at(&format!("/live/cam1.m3u8?delay={seconds}s"), 3);
    };
    std::thread::scope(|scope| {
        goes_back(3);
        scope.spawn(|| a_token_ends(&door, in_ffmpeg));
        scope.spawn(|| a_token_ends(&door, |url| in_mpv(home().path(), url)));
        scope.spawn(|| a_token_ends(&door, |url| in_vlc(home().path(), &[], url)));

        goes_back(BACK);
        scope.spawn(|| the_console_goes(&door));

        goes_back(LATE);
        let late = format!("{master}?delay={LATE}s");
        let beginning = format!("{master}?start={}", door.recording("open").start);
        let places = [late.as_str(), &beginning, &master];
        let hls = Case::at(&late).legs(&places, PICTURES);
        let seen = hls.limit(LONGEST).follow().end();
        assert_went(&seen, "hls.js");
        let [late, beginning, live] = seen.legs.as_slice() else {
            panic!("{seen:?}");
        };
        assert_eq!(beginning[0], 0, "{seen:?}");
        assert!(live[0] > late[PICTURES - 1] + LATE / 2 * RATE, "{seen:?}");
    });
    pusher.stop();
}

/// The buttons of the console go to the pictures that they name.
#[track_caller]
fn the_console_goes(door: &OpenDoor) {
    let mut tab = Tab::open(&door.url("/"));
    tab.wait("document.querySelector('.tile')");
    let mut number = |button: &str| {
        tab.press_in(".tile", button);
        tab.wait(IS_SHOWN);
        let number = tab.value(NUMBER).as_f64().unwrap();
        // The next button gets a video of its own.
        tab.run("document.querySelector('.screen > video').remove()");
        number
    };
    let before = number("Play live");
    let back = number("Go back 30 s");
    let beginning = number("From the beginning");
    let live = number("Live");
    let numbers = [before, back, beginning, live];
    assert!(back < before && live > back, "{numbers:?}");
    assert!(beginning < (3 * RATE) as f64, "{numbers:?}");
    tab.is_clean();
}

/// Fails unless the player was at each place, and pictures came in order there.
#[track_caller]
fn assert_went(seen: &Seen, name: &str) {
    assert!(!seen.fatal, "{name}: {seen:?}");
    for leg in &seen.legs {
        let is_in_order = leg.is_sorted_by(|one, next| one <= next);
        assert!(leg.len() >= PICTURES && is_in_order, "{name}: {seen:?}");
    }
}

/// A player that is late shows what it has when its token ends, and ends by itself as if the stream were over.
#[track_caller]
fn a_token_ends(door: &OpenDoor, play: impl Fn(&str) -> Vec<usize>) {
    let token = door.token("20s");
    let shown = play(&format!("{token}/live/cam1/master.m3u8?delay=3s"));
    assert!(run(&shown).len() + RATE >= shown.len(), "{shown:?}");
    let path = token.strip_prefix(&door.url("")).unwrap();
    let got = http::get(door.service.http(), &format!("{path}/live/cam1.m3u8"), &[]);
    assert_eq!(got.status, 403, "it ended before its token");
    assert!(run(&shown).end < SECONDS as usize * RATE, "{shown:?}");
}
