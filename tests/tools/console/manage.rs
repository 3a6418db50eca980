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

    let since =
        "await fetch('api/v1/sync.status').then(reply => reply.json()).then(status => status.result.since)";
    let online = tab.value(since);
    assert_eq!(tab.value(since), online);
    tab.press("Pause");
    tab.wait("document.querySelector('.chip').textContent === 'Paused'");
    let paused = tab.value(since);
    assert!(
        paused.as_str() > online.as_str(),
        "{paused} is since when it is paused, not {online}"
    );
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
    tab.wait_text("How much is written a day is known after an hour.");
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
    tab.wait(
        "[...document.querySelectorAll('.log li')].some(one => one.textContent.includes('live/<b>hall</b>'))",
    );
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

/// What the file says, as a test of a command cannot.
const FILED: &str = "[[template]]\nname = \"filed\"\nformats = [\"mp4\"]\n[[rule]]\nstream = \"file/*\"\ntemplate = \"filed\"\n";

#[test]
fn rules_templates_and_tasks_are_shown_put_and_deleted() {
    let this = Box::start_with(FILED);
    let mut tab = this.open("staff", "/#/rules");
    let row = |words: &str| {
        format!("[...document.querySelectorAll('tbody tr')].find(one => one.textContent.includes({words:?}))")
    };
    tab.wait(&row("file/*"));
    assert_eq!(
        tab.value(&format!(
            "{}.textContent.includes('in the file') && !{}.querySelector('button')",
            row("file/*"),
            row("file/*")
        )),
        true,
        "what the file says is changed there"
    );
    tab.run("document.querySelectorAll('details').forEach(one => one.open = true)");
    let fill = |form: &str, name: &str, value: &str| {
        format!(
            "const one = document.querySelector('[data-form=\"{form}\"]').elements['{name}']; one.value = {value:?}; one.dispatchEvent(new Event('change'))"
        )
    };
    tab.run(&fill("rule", "stream", "live/hall*"));
    tab.run(&fill("rule", "template", "filed"));
    tab.run(&fill("rule", "record", "never"));
    tab.press_in("[data-form=rule]", "›_");
    tab.wait_text("edgereel ctl rule.put 'stream=live/hall*' template=filed record=never");
    tab.press_in("dialog", "Close");
    tab.press_in("[data-form=rule]", "Add or change a rule");
    tab.wait(&format!(
        "{}?.textContent.includes('by a command')",
        row("live/hall*")
    ));
    tab.run(&fill(
        "template.put",
        "json",
        "{\"name\": \"quick\", \"formats\": [\"hls\"], \"split\": ",
    ));
    tab.press_in("[data-form=\"template.put\"]", "Send");
    tab.wait_text("This is no JSON object");
    // What the box refuses, it says in its own words.
    tab.run(&fill(
        "template.put",
        "json",
        "{\"name\": \"quick\", \"formats\": [\"exe\"]}",
    ));
    tab.press_in("[data-form=\"template.put\"]", "Send");
    tab.wait("document.querySelector('[data-form=\"template.put\"] .said').textContent.includes(\"'exe'\")");
    tab.run(&fill(
        "template.put",
        "json",
        "{\"name\": \"quick\", \"formats\": [\"hls\"]}",
    ));
    tab.press_in("[data-form=\"template.put\"]", "Send");
    tab.wait(&row("quick"));

    // Whoever presses faster than the box takes commands has all of them carried out, a little later.
    tab.run(
        "const form = document.querySelector('[data-form=\"template.put\"]'); \
         const button = [...form.querySelectorAll('button')].find(one => one.textContent === 'Send'); \
         for (let n = 0; n < 12; n++) { \
             form.querySelector('textarea').value = JSON.stringify({name: `fast${n}`, formats: ['hls']}); \
             button.disabled = false; \
             button.click(); \
         }",
    );
    for number in 0..12 {
        tab.wait(&row(&format!("fast{number}")));
    }

    // Hours of the week, with the mouse and with keys.
    tab.press_in("[data-form=task]", "Plan a recording");
    tab.wait("document.querySelector('[data-form=task] .said').textContent.includes('stream')");
    tab.run(&fill("task", "stream", STRANGE));
    tab.run(&fill("task", "kind", "weekly"));
    tab.run(&fill("task", "time_zone", "Europe/Berlin"));
    tab.run(
        "const cells = document.querySelectorAll('.chooses tbody td'); cells[8].click(); \
         const press = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true})); \
         ['ArrowRight', ' ', 'ArrowDown', ' ', 'ArrowLeft', 'Enter'].forEach(press)",
    );
    tab.wait_text("Mon,Tue 08:00-10:00");
    tab.press_in("[data-form=task]", "Plan a recording");
    tab.wait("document.querySelectorAll('.task .week:not(.chooses) td.on').length === 4");
    tab.wait(&format!(
        "document.querySelector('.task h3').textContent.includes({STRANGE:?})"
    ));

    for (within, gone) in [
        (".task", "!document.querySelector('.task')".to_owned()),
        ("tbody tr", format!("!{}", row("live/hall*"))),
        ("tbody tr", format!("!{}", row("fast0"))),
    ] {
        tab.press_in(within, "Delete");
        tab.press_in("dialog .action", "Delete");
        tab.wait(&gone);
        tab.wait("!document.querySelector('dialog')");
    }
    tab.is_clean();
}
