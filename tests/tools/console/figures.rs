//! How quick the time line is under the hand. Times are printed: what is asserted does not depend on them.

use super::{Box, Tab, clip};
use crate::support::{edgereel, wait_all_closed};

/// Moves a pointer over the first canvas, twice in each picture of the browser as a good mouse does: `press` is where a button goes
/// down, as a share of the height, or null. Gives the pictures a second, the longest time between two of them, and the most
/// draws of one canvas in one picture.
const MOVE: &str = "async (press, pictures) => {
    const canvas = document.querySelector('canvas');
    const box = canvas.getBoundingClientRect();
    const send = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, button: 0, bubbles: true,
        clientX: box.left + box.width * x, clientY: box.top + box.height * (press ?? 0.4) }));
    canvas.setPointerCapture = () => {};
    const draws = new Map();
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    let most = 0, all = 0;
    CanvasRenderingContext2D.prototype.clearRect = function (...where) {
        draws.set(this, (draws.get(this) ?? 0) + 1);
        most = Math.max(most, draws.get(this));
        all++;
        return clear.apply(this, where);
    };
    if (press !== null) send('pointerdown', 0.9);
    const began = performance.now();
    let last = began, longest = 0, worked = 0, slowest = 0;
    for (let at = 0; at < pictures; at++) {
        const now = await new Promise(requestAnimationFrame);
        longest = Math.max(longest, now - last);
        last = now;
        draws.clear();
        const share = 0.5 + 0.4 * Math.cos((at / pictures) * Math.PI);
        const before = performance.now();
        send('pointermove', share);
        send('pointermove', share - 0.002);
        const took = performance.now() - before;
        worked += took;
        slowest = Math.max(slowest, took);
    }
    const seconds = (performance.now() - began) / 1000;
    if (press !== null) send('pointerup', 0.1);
    CanvasRenderingContext2D.prototype.clearRect = clear;
    return { a_second: Math.round(pictures / seconds), longest_ms: Math.round(longest), hand_ms: Math.round(worked / pictures * 100) / 100, slowest_hand_ms: Math.round(slowest), most, all };
}";

/// Prints the figures of a pointer that moves, and fails where anything is drawn more than once for a picture.
#[track_caller]
pub(super) fn draws_once_a_picture(tab: &mut Tab, what: &str, press: &str) {
    let figures = tab.value(&format!("await ({MOVE})({press}, 180)"));
    println!("{what}: {figures}");
    assert_eq!(figures["most"], 1, "{what}: {figures}");
}

#[test]
fn stills_follow_the_pointer_and_are_asked_for_one_after_the_other() {
    let this = Box::start();
    let clip = clip(this.home.path(), 70);
    edgereel(&[
        "publish",
        clip.to_str().unwrap(),
        &this.service.url("live/cam1"),
        "--fast",
    ])
    .ok();
    wait_all_closed(&this.service.data(), 1);
    let mut tab = this.open("staff", "/#/timeline/live%2Fcam1");
    tab.press("1 min");
    // What was sent faster than it lasts goes on into the next minute.
    for _ in 0..2 {
        tab.press("▶");
    }
    tab.wait("[...document.querySelectorAll('tbody td')].some(one => one.textContent === 'recorded')");
    tab.run(
        "window.shown = 0; window.open_now = 0; window.most = 0; window.asked = 0; window.last = ''; const ask = window.fetch;
         window.fetch = async (path, init) => {
             if (!String(path).includes('frame.mp4')) return ask(path, init);
             most = Math.max(most, ++open_now);
             asked++;
             last = new URLSearchParams(String(path).split('?')[1]).get('at');
             try { return await ask(path, init) } finally { open_now-- }
         };
         new MutationObserver(all => all.forEach(one => shown += one.addedNodes.length)).observe(document.querySelector('.still'), { childList: true })",
    );
    draws_once_a_picture(&mut tab, "the pointer over a minute of tape", "null");
    let figures = tab.value("({ shown, asked, most })");
    println!("stills of a pointer that takes 3 s over a minute of tape: {figures}");
    tab.wait("open_now === 0");
    tab.pause(500);
    // A moment that is passed before its turn comes is not asked for: the pointer was at 360 places.
    assert!(
        figures["most"].as_u64() <= Some(2) && figures["asked"].as_u64() <= Some(181),
        "{figures}"
    );
    assert!(figures["shown"].as_u64() >= Some(2), "{figures}");
    let at = tab.value("Math.abs(Date.parse(last) - Date.parse(document.querySelector('.at').firstChild.textContent)) < 1100");
    assert_eq!(
        at, true,
        "the last one that is asked for is where the pointer stands"
    );
    tab.is_clean();
}
