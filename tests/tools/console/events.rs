//! The events of the box.

use super::{Box, clip};

#[test]
fn events_are_shown_as_they_come_and_filtered() {
    let this = Box::start();
    let mut tab = this.open("staff", "/#/events");
    tab.wait_text("None yet.");
    let pusher = this.push("live/<b>cam1</b>", &clip(this.home.path(), 60));
    tab.wait("document.querySelector('.events li[data-kind=\"recording.started\"]')");
    tab.wait_text("live/<b>cam1</b>");
    let choose = |kind: &str| {
        format!(
            "const chosen = document.querySelector('form.search select'); chosen.value = '{kind}'; \
             chosen.dispatchEvent(new Event('change'))"
        )
    };
    tab.run(&choose("publish"));
    tab.wait("(all => all.length && all.every(one => one.dataset.kind.startsWith('publish.')))([...document.querySelectorAll('.events li')])");
    tab.run("document.querySelector('.events details').open = true");
    tab.wait_text("\"stream\": \"live/<b>cam1</b>\"");
    tab.run(&choose("storage"));
    tab.wait_text("None yet.");
    tab.run(&choose("recording"));
    // Events of the time when another screen was shown are there.
    tab.press("Streams");
    pusher.stop();
    tab.wait_text("Nothing is on the air that you may see.");
    tab.press("Events");
    tab.wait("document.querySelector('.events li[data-kind=\"recording.closed\"]')");
    tab.press_in(".events", "Recording");
    tab.wait("document.querySelector('main video')");
    tab.is_clean();
}
