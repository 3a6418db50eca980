//! The streams on the air.

use super::{Box, clip};
use crate::support::{recordings, wait_until};

#[test]
fn a_stream_is_shown_played_and_recorded() {
    let this = Box::start();
    let clip = clip(this.home.path(), 120);
    // A name with what has a meaning in addresses and in markup.
    let strange = "live/<b>küche</b> %2F & 🎥";
    let (one, other) = (this.push("live/cam1", &clip), this.push(strange, &clip));
    let mut tab = this.open("staff", "/");
    let tile = "document.querySelector('.tile[data-stream=\"live/cam1\"]')";
    tab.wait(&format!(
        "document.querySelectorAll('.tile').length === 2 && {tile}"
    ));
    tab.wait_text(strange);
    tab.wait_text("h264 320×180, aac");
    for still in [
        "[...document.querySelectorAll('.tile .still video')].filter(one => one.videoWidth === 320).length === 2",
        // It renews itself.
        "(window.first ??= document.querySelector('.tile .still video').src) !== document.querySelector('.tile .still video').src",
    ] {
        tab.wait(still);
    }
    assert!(
        !tab.requests.iter().any(|request| request.ends_with("/hls.js")),
        "hls.js is loaded when it is needed"
    );

    let plays = format!(
        "(video => video && video.currentTime > 0.3 && video.videoWidth === 320)({tile}.querySelector('.screen > video'))"
    );
    let within = ".tile[data-stream=\"live/cam1\"]";
    tab.press_in(within, "Play live");
    let first = tab.wait(&plays);
    println!("live to the first frame: {first:?}");
    wait_until("half a minute of the stream", || one.taken() > 36_000);
    tab.press_in(within, "Go back 30 s");
    tab.wait_text("30 s ago.");
    tab.wait(&plays);
    tab.press_in(within, "From the beginning");
    tab.wait_text("From the beginning of the recording.");
    tab.wait(&plays);
    tab.press_in(within, "Live");
    tab.wait(&format!(
        "!{tile}.innerText.includes('From the beginning of') && {plays}"
    ));
    tab.press_in(within, "Stop");
    tab.wait(&format!("{tile}.querySelector('.still')"));

    let manual = || recordings(&this.service.data()).len() == 3;
    tab.press_in(within, "Record");
    tab.press_in(within, "Stop recording");
    assert!(manual(), "it is done when the button says so");
    tab.wait(&format!(
        "[...{tile}.querySelectorAll('button')].some(one => one.textContent === 'Record')"
    ));
    tab.press_in(within, "›_");
    tab.wait_text("edgereel ctl recording.start stream=live/cam1");
    tab.press_in("dialog", "Close");

    one.stop();
    other.stop();
    tab.wait_text("Nothing is on the air that you may see.");
    tab.is_clean();
}
