//! The screens for who manages the box.

use super::{Box, log_in};
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
    // What fails is tried some times first.
    tab.wait("[...document.querySelectorAll('tbody tr')].some(one => one.textContent.includes('<i>not</i> here'))");

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
