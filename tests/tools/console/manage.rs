//! The screens for who manages the box.

use super::{Box, Tab, clip, log_in};
use crate::support::bucket::{Bucket, Verdict, error};
use crate::support::delivered::{MP4, sync_to};
use crate::support::{Pusher, home, publish_file, sample, sample_path};

/// A name with what has a meaning in markup.
const STRANGE: &str = "live/<b>hall</b> שיעור";

#[test]
fn what_waits_and_what_failed_is_shown_and_sent_when_somebody_says_so() {
    let objects = home();
    let bucket = Bucket::start_near(objects.path());
    bucket.judge(|asked| {
        if asked.path.contains("gate") {
            Verdict::Say(403, error("AccessDenied", "&lt;i&gt;not&lt;/i&gt; here"))
        } else {
            Verdict::Pass
        }
    });
    let this = Box::start_with(&(sync_to(&bucket, "") + MP4));
    publish_file(&sample_path(), &this.service.url("live/gate"));
    let mut tab = this.open("staff", "/#/streams");
    tab.press("Delivery and storage");
    tab.wait_text("Goes to");
    tab.wait(
        "[...document.querySelectorAll('tbody tr')].some(one => one.textContent.includes('<i>not</i> here'))",
    );

    tab.press("Pause");
    tab.wait("document.querySelector('.chip').textContent === 'Paused'");
    Pusher::start(this.service.address(), STRANGE, &sample(), 40.0).done();
    tab.wait_text("Recordings that wait: 1");
    tab.wait("[...document.querySelectorAll('[aria-label=Waiting] td')].map(one => one.textContent).slice(0, 2).join() === 'mp4,1'");
    tab.press_in(".row", "›_");
    tab.wait_text("edgereel ctl sync.resume");
    tab.press_in("dialog", "Close");
    tab.press("Go on");
    tab.wait_text("Nothing waits.");
    bucket.behave();
    tab.press("Try all again now");
    tab.wait("!document.body.innerText.includes('Failed')");

    // A screen that is opened shows what is so now.
    tab.run("location.hash = '#/streams'");
    let protect = "await fetch('api/v1/recording.list').then(reply => reply.json()).then(list => fetch('api/v1/recording.protect', \
        {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({recording: list.result.recordings[0].id})}))\
        .then(reply => reply.status)";
    assert_eq!(tab.value(protect), 200);
    tab.run("location.hash = '#/delivery'");
    tab.wait_text(STRANGE);
    tab.wait_text("recordings: 1, ");
    tab.wait_text("none: what the file system has is used");
    tab.wait("document.querySelector('progress').value > 0");

    // Who may watch has no such screen, and the box says why where the address is typed.
    tab.press("Log out");
    log_in(&mut tab, "guest");
    tab.wait("document.querySelector('.wrong:not([hidden])')");
    let shown = tab.value("document.querySelector('header nav').innerText");
    assert!(!shown.as_str().unwrap().contains("Delivery"), "{shown}");
    tab.is_clean();
}

#[test]
fn the_state_of_the_box_and_its_log_are_shown_while_somebody_looks() {
    // Nobody listens there.
    let this = Box::start_with("[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n");
    let hidden = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isHidden) })";
    let mut tab = Tab::open_after(&this.url("/#/device"), hidden);
    log_in(&mut tab, "staff");
    tab.wait_text("All is well");
    tab.wait_text("Not connected");
    tab.wait_text("Believed");
    tab.wait("[...document.querySelectorAll('.log [data-level=warn]')].some(one => one.textContent.includes('mqtt://127.0.0.1:1 is not reached'))");
    // New lines come by themselves, and markup in them is text.
    let pusher = this.push(STRANGE, &clip(this.home.path(), 60));
    tab.wait("[...document.querySelectorAll('.log li')].some(one => one.textContent.includes('live/<b>hall</b>'))");
    tab.wait_text("1 streams, 1 recorded");
    let count = tab.value("new Set([...document.querySelectorAll('.log li')].map(one => one.textContent)).size === document.querySelectorAll('.log li').length");
    assert_eq!(count, true, "no line is shown twice");

    tab.run("const level = document.querySelector('form.search select'); level.value = 'error'; level.dispatchEvent(new Event('change'))");
    tab.wait_text("There are no such lines.");
    tab.press_in("form.search", "›_");
    tab.wait_text("edgereel ctl log.tail level=error limit=100");
    tab.press_in("dialog", "Close");

    tab.run("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))");
    tab.value("new Promise(done => setTimeout(done, 1500))");
    let before = tab.requests.len();
    tab.value("new Promise(done => setTimeout(done, 6000))");
    let asked = tab.requests.split_off(before);
    assert!(asked.is_empty(), "{asked:?}");
    tab.is_clean();
    pusher.stop();
}
