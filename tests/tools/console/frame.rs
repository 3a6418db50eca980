//! Who is logged in, whether the box is there, its clock, and the languages.

use serde_json::json;

use super::{Box, Tab, clip, log_in};

#[test]
fn rights_decide_what_the_console_shows() {
    let this = Box::start();
    let pusher = this.push("live/cam1", &clip(this.home.path(), 60));
    let mut guest = this.open("guest", "/");
    guest.wait("document.querySelector('.tile[data-stream=\"live/cam1\"] .still video')");
    assert_eq!(
        guest.value("document.querySelectorAll('.tile .action').length"),
        0,
        "who may watch has no button to record"
    );
    let shown = guest.value("document.body.innerText");
    assert!(!shown.as_str().unwrap().contains("127.0.0.1"), "{shown}");
    guest.press("Recordings");
    guest.press_in(".recordings", "live/cam1");
    guest.wait_text("Address");
    let more = "document.querySelectorAll('form.edit, a[download]').length";
    assert_eq!(
        guest.value(more),
        0,
        "who may watch alone has no download and no form"
    );
    let refused = |request: &&String| request.starts_with("HEAD") && request.contains("/api/");
    assert!(
        !guest.requests.iter().any(|one| refused(&one)),
        "nothing is tried out"
    );
    guest.press("Log out");
    log_in(&mut guest, "staff");
    guest.wait("document.querySelector('form.edit') && document.querySelector('a[download]')");
    guest.press("Streams");
    guest.wait("document.querySelector('.tile .action button')");
    guest.wait_text("127.0.0.1");
    guest.is_clean();
    pusher.stop();
}

#[test]
fn a_box_that_is_killed_is_missed_and_comes_back_by_itself() {
    let this = Box::start();
    let address = this.service.address();
    let mut tab = this.open("staff", "/");
    tab.wait_text("Nothing is on the air that you may see.");
    let down = this.kill();
    let missed = tab.wait("!document.querySelector('.lost').hidden");
    assert!(missed.as_secs_f64() < 3.0, "seen after {missed:?}");
    let this = down.start();
    assert_ne!(this.service.address(), address, "another service answers");
    // A restart of the box ends all sessions.
    tab.wait("document.querySelector('.lost').hidden && document.querySelector('form.login')");
    log_in(&mut tab, "staff");
    tab.wait_text("Nothing is on the air that you may see.");
    let pusher = this.push("live/cam1", &clip(this.home.path(), 60));
    tab.wait("document.querySelector('.tile')");
    tab.is_clean();
    pusher.stop();
}

#[test]
fn a_page_that_nobody_looks_at_asks_nothing() {
    let this = Box::start();
    let hidden = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isHidden) })";
    let mut tab = Tab::open_after(&this.url("/"), hidden);
    log_in(&mut tab, "guest");
    tab.wait_text("Nothing is on the air that you may see.");
    let hide =
        |is: bool| format!("window.isHidden = {is}; document.dispatchEvent(new Event('visibilitychange'))");
    tab.run(&hide(true));
    // Answers that are on their way come.
    tab.pause(1500);
    let before = tab.requests.len();
    tab.pause(4000);
    let asked = tab.requests.split_off(before);
    assert!(asked.is_empty(), "{asked:?}");
    tab.run(&hide(false));
    tab.wait("true");
    tab.pause(1000);
    assert!(
        !tab.requests.is_empty() && tab.requests.len() > before,
        "it asks again"
    );
    tab.is_clean();
}

#[test]
fn the_clock_of_the_box_and_the_languages_are_shown() {
    let this = Box::start();
    // A browser whose clock is a quarter of an hour late.
    let late = "const now = Date.now; Date.now = () => now() - 900_000";
    let mut tab = Tab::open_after(&this.url("/"), late);
    log_in(&mut tab, "guest");
    tab.wait_text("The clocks differ:");
    for (code, title) in [("de", "Streams"), ("zh", "直播流"), ("en", "Streams")] {
        tab.run(&format!(
            "const chosen = document.querySelector('header select'); chosen.value = {}; \
             chosen.dispatchEvent(new Event('change'))",
            json!(code)
        ));
        tab.wait(&format!(
            "document.documentElement.lang === {} && document.querySelector('main h1').textContent === {}",
            json!(code),
            json!(title)
        ));
    }
    // A box that starts without a clock.
    let mut tab = Tab::open_after(
        &this.url("/"),
        "const get = Headers.prototype.get; \
         Headers.prototype.get = function (name) { return name === 'Date' ? 'Thu, 01 Jan 1970 00:01:00 GMT' : get.call(this, name) }",
    );
    log_in(&mut tab, "guest");
    tab.wait_text("The box does not know the time");
    tab.wait_text("1970");
    tab.is_clean();
}
