//! Recordings: searched, played, described, downloaded and shared.

use serde_json::json;

use super::{Box, Tab, clip};
use crate::programs::FFMPEG;
use crate::support::worker::Worker;
use crate::support::{edgereel, home, http, wait_all_closed, wait_until};

/// Markup, and a word that is written from right to left with a mark that turns the rest around.
const TITLE: &str = "<img src=x onerror=alert(1)> שיעור & 课";
const DESCRIPTION: &str = "\"quotes\" </dd><script>document.title='x'</script>";

#[test]
fn a_recording_is_found_played_described_and_shared() {
    let this = Box::start();
    let clip = clip(this.home.path(), 12);
    for stream in ["live/cam1", "live/cam2"] {
        let arguments = [
            "publish",
            clip.to_str().unwrap(),
            &this.service.url(stream),
            "--fast",
        ];
        edgereel(&arguments).ok();
    }
    wait_all_closed(&this.service.data(), 2);
    let mut tab = this.open("staff", "/#/recordings");
    tab.wait("document.querySelectorAll('.recordings li').length === 2");
    tab.wait("[...document.querySelectorAll('.recordings .still video')].filter(one => one.videoWidth === 320).length === 2");

    // A search is an address: it can be kept, and gone back to.
    let search = |name: &str, value: &str| {
        format!(
            "const form = document.querySelector('form.search'); form.elements[{}].value = {}; form.requestSubmit()",
            json!(name),
            json!(value)
        )
    };
    tab.run(&search("prefix", "live/cam2"));
    tab.wait("location.hash.includes('prefix=') && document.querySelectorAll('.recordings li').length === 1");
    tab.press_in(".recordings", "live/cam2");

    tab.wait("document.querySelector('main video')?.currentTime > 0.3");
    tab.run("document.querySelector('main video').currentTime = 9");
    let sought =
        tab.wait("(video => !video.seeking && video.currentTime >= 9)(document.querySelector('main video'))");
    println!("a place of a recording: {sought:?}");

    tab.run(&format!(
        "const [title, description, tags, , notes] = document.querySelectorAll('form.edit input, form.edit textarea'); \
         title.value = {}; description.value = {}; tags.value = 'lesson, 课'; notes.value = '3.5 <b>goal</b>'; \
         document.querySelector('form.edit').requestSubmit()",
        json!(TITLE),
        json!(DESCRIPTION)
    ));
    tab.wait(&format!(
        "document.querySelector('main h1').textContent === {}",
        json!(TITLE)
    ));
    tab.wait_text(DESCRIPTION);
    tab.press_in("form.edit", "›_");
    tab.wait_text("edgereel ctl recording.set recording=");
    tab.press_in("dialog", "Close");
    // More than the box takes is refused in its own words, and nothing is lost.
    tab.run(
        "const notes = document.querySelector('form.edit textarea'); notes.value = '1 ' + 'x'.repeat(65536); \
         document.querySelector('form.edit').requestSubmit()",
    );
    tab.wait("document.querySelector('form.edit .said').textContent.length > 30");
    assert_eq!(
        tab.value("document.querySelector('form.edit textarea').value.length"),
        65_538
    );
    // What is not saved stays, too, when an event comes.
    let set = tab.value(
        "await fetch('api/v1/recording.review', { method: 'POST', headers: { 'Content-Type': 'application/json' }, \
         body: JSON.stringify({ recording: location.hash.split('/').pop(), status: 'pass', reason: 'from elsewhere' }) }).then(reply => reply.text())",
    );
    assert!(set.as_str().unwrap().contains("\"ok\":true"), "{set}");
    tab.wait_text("from elsewhere");
    assert_eq!(
        tab.value("document.querySelector('form.edit textarea').value.length"),
        65_538
    );

    tab.press("Share");
    tab.press_in("dialog", "Make the link");
    tab.wait("document.querySelector('dialog code')");
    let link = tab.value("document.querySelectorAll('dialog .copyable code')[1].textContent");
    let link = link.as_str().unwrap();
    let path = link.strip_prefix(&this.url("")).expect("an address of the box");
    let got = http::get(this.port.address(), path, &[("Range", "bytes=0-9")]);
    assert_eq!((got.status, got.body.len()), (206, 10), "{link}");
    let download = http::get(this.port.address(), &format!("{path}?download=1"), &[]);
    assert_eq!(download.status, 403, "the link is to watch");
    tab.press_in("dialog", "Close");

    tab.run("location.hash = '#/recordings?text=SRC'");
    tab.wait("document.querySelectorAll('.recordings li').length === 1");
    tab.wait_text(TITLE);
    tab.run("location.hash = '#/recordings?tags=lesson,nothing'");
    tab.wait_text("There are none that you may see.");
    assert!(
        tab.value("document.title")
            .as_str()
            .unwrap()
            .ends_with("edgereel")
    );
    tab.is_clean();
}

#[test]
fn many_recordings_are_paged() {
    let this = Box::start();
    let clip = clip(this.home.path(), 2);
    for number in 0..25 {
        let url = this.service.url(&format!("live/cam{number:02}"));
        edgereel(&["publish", clip.to_str().unwrap(), &url, "--fast"]).ok();
    }
    wait_until("all recordings", || {
        crate::support::recordings(&this.service.data())
            .iter()
            .filter(|one| one.state == "closed")
            .count()
            == 25
    });
    let mut tab = this.open("guest", "/#/recordings?order=up");
    tab.wait("document.querySelectorAll('.recordings li').length === 24");
    tab.press("Next page");
    tab.wait("document.querySelectorAll('.recordings li').length === 1");
    tab.wait_text("live/cam24");
    tab.press("First page");
    tab.wait("document.querySelectorAll('.recordings li').length === 24");
    tab.is_clean();
}

#[test]
fn recordings_are_put_together_reviewed_and_deleted() {
    let this = Box::start();
    let clip = clip(this.home.path(), 12);
    for stream in ["live/cam1", "live/cam2"] {
        let url = this.service.url(stream);
        edgereel(&["publish", clip.to_str().unwrap(), &url, "--fast"]).ok();
    }
    wait_all_closed(&this.service.data(), 2);
    let mut tab = this.open("staff", "/#/recordings?order=up");
    tab.wait("document.querySelectorAll('.recordings li').length === 2");
    let chips = tab.value("document.querySelector('.recordings li .chips').innerText");
    assert!(chips.as_str().unwrap().contains("mp4"), "the formats: {chips}");
    tab.press_in(".recordings li:first-child", "Add to the basket");
    tab.press_in(".recordings", "live/cam2");
    tab.wait("document.querySelector('main video')?.currentTime > 0.1");
    let id = tab.value("location.hash.split('/').pop()");
    let id = id.as_str().unwrap();
    let mut guest = this.open("guest", &format!("/#/recording/{id}"));
    guest.wait("document.querySelector('main video')?.currentTime > 0.1");
    assert_eq!(guest.value("[...document.querySelectorAll('button')].filter(one => /basket|Block|Delete/.test(one.textContent)).length"), 0);

    // A part of it, from where it plays on.
    tab.run("const video = document.querySelector('main video'); video.pause(); video.currentTime = 9");
    tab.wait("document.querySelector('main video').currentTime === 9");
    tab.press("From here");
    tab.press_in("section", "Add to the basket");
    tab.press("Split here");
    tab.wait("document.querySelectorAll('main .note a').length === 2");
    tab.press("Basket (2)");
    tab.wait("document.querySelectorAll('ol.basket li').length === 2");
    let set = |of: &str, value: &str| {
        format!(
            "const input = document.querySelector({}); input.value = {}; input.dispatchEvent(new Event('change'))",
            json!(of),
            json!(value)
        )
    };
    tab.run("document.querySelector('ol.basket li:last-child button').click()");
    let first = "ol.basket li:first-child .field";
    tab.wait(&format!("document.querySelector('{first} input').value === '9'"));
    tab.run(&set(&format!("{first}:nth-child(3) input"), "<b>goal</b>"));
    tab.run(&set(&format!("{first}:nth-child(2) input"), "900"));
    tab.press("Make the recording");
    tab.wait("(text => text.includes('900') && text.length > 20)(document.querySelector('main .said').textContent)");
    tab.run(&set(&format!("{first}:nth-child(2) input"), ""));
    tab.run("document.querySelector('main div.edit input').value = 'Best & more'");
    tab.press_in("div.edit", "›_");
    tab.wait_text("edgereel ctl recording.compose");
    tab.press_in("dialog", "Close");
    tab.press("Make the recording");
    let composed = made(&mut tab);
    tab.press_in("main > div[role=status]", &composed);
    tab.wait("document.querySelector('main h1').textContent === 'Best & more'");
    tab.wait_text("<b>goal</b>");

    tab.run(&format!("location.hash = '#/recording/{id}'"));
    tab.press("Protect");
    tab.press("Delete …");
    tab.press("Delete for good");
    tab.wait("document.querySelector('dialog .said').textContent.includes('protected')");
    tab.press_in("dialog", "Close");
    tab.press("End the protection");
    tab.wait("[...document.querySelectorAll('button')].some(one => one.textContent === 'Protect')");
    tab.run("[...document.querySelectorAll('label')].find(one => one.innerText.startsWith('Reason')).querySelector('input').value = 'faces'");
    tab.press("Block");
    let began = std::time::Instant::now();
    guest.wait(&format!(
        "await fetch('r/{id}.mp4', {{ headers: {{ Range: 'bytes=0-9' }} }}).then(reply => reply.status === 403)"
    ));
    println!("blocked for a viewer after {:?}", began.elapsed());
    tab.wait_text("blocked");
    tab.wait_text("faces");
    tab.wait_text("Other recordings that have some of this tape:");
    // The box takes five commands of a caller in a second.
    tab.pause(1100);
    tab.press("Pass");
    tab.wait_text("passed");
    tab.press("Delete …");
    tab.press("Delete for good");
    tab.wait_text("Compositions that need its footage:");
    tab.press_in("dialog", "Close");
    tab.wait_text("The recording is not on the box any more.");
    // Also when it is asked for once more.
    let asked =
        "performance.getEntriesByType('resource').filter(one => one.name.endsWith('/recording.get')).length";
    let before = tab.value(asked);
    for (offline, shown) in [(true, "!"), (false, "")] {
        let network =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        tab.ask("Network.emulateNetworkConditions", network);
        tab.wait(&format!("{shown}document.querySelector('.lost').hidden"));
    }
    tab.wait(&format!("{asked} > {before}"));
    tab.pause(300);
    tab.wait_text("The recording is not on the box any more.");
    tab.is_clean();
    guest.is_clean();
}

/// The id of what was made, once the page shows it.
fn made(tab: &mut Tab) -> String {
    let found = "document.querySelector('main > div[role=status] a')?.textContent";
    tab.wait(found);
    tab.value(found).as_str().unwrap().to_owned()
}

/// Opens the recording of a clip that is red for four seconds, green for four and blue for four.
fn coloured(this: &Box) -> Tab {
    let clip = this.home.path().join("coloured.flv");
    let picture = "color=black:s=320x180:r=25:d=12,format=rgb24,geq=r='250*lt(T,4)':g='250*gte(T,4)*lt(T,8)':b='250*gte(T,8)'";
    let source = ["-v", "error", "-y", "-f", "lavfi", "-i", picture];
    let codecs = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0 -g 25";
    FFMPEG
        .run(
            source
                .into_iter()
                .chain(codecs.split(' '))
                .chain([clip.to_str().unwrap()]),
        )
        .ok();
    let url = this.service.url("live/cam1");
    edgereel(&["publish", clip.to_str().unwrap(), &url, "--fast"]).ok();
    let id = wait_all_closed(&this.service.data(), 1)[0].id.clone();
    let mut tab = this.open("staff", &format!("/#/recording/{id}"));
    tab.wait("document.querySelector('main video')?.duration > 11");
    tab
}

/// Moves the pointer over the bar, to this part of its width.
fn point(tab: &mut Tab, part: f64) {
    tab.run(&format!(
        "const bar = document.querySelector('.scrub'), box = bar.getBoundingClientRect(); \
         bar.dispatchEvent(new PointerEvent('pointermove', {{ clientX: box.left + box.width * {part}, bubbles: true }}))"
    ));
}

#[test]
fn moving_over_the_bar_of_a_recording_shows_its_picture_of_then() {
    let sockets = home();
    let socket = sockets.path().join("media.sock");
    let _worker = Worker::start(&socket, &FFMPEG.path());
    let this = Box::start_with(&format!("[media]\nsocket = {socket:?}\n"));
    let mut tab = coloured(&this);
    for (part, colour) in [(0.17, 0), (0.5, 1), (0.83, 2), (0.2, 0)] {
        point(&mut tab, part);
        tab.wait(&format!(
            "(canvas => {{ if (!canvas || canvas.closest('[hidden]') || !canvas.width) return false; \
               const it = [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3); \
               return it[{colour}] > 150 && it.every((one, at) => at === {colour} || one < 100) }})(document.querySelector('.scrub canvas'))"
        ));
    }
    let asked =
        "performance.getEntriesByType('resource').filter(one => one.name.includes('sprite.jpg')).length";
    assert_eq!(tab.value(asked), 1, "a sheet is asked for once");
    tab.run(
        "const bar = document.querySelector('.scrub'), box = bar.getBoundingClientRect(); \
         bar.dispatchEvent(new MouseEvent('click', { clientX: box.left + box.width * 0.75, bubbles: true }))",
    );
    tab.wait("Math.abs(document.querySelector('main video').currentTime - 9) < 1.5");
    tab.is_clean();
}

#[test]
fn without_a_media_worker_the_bar_shows_stills_and_does_not_ask_again() {
    let sockets = home();
    let socket = sockets.path().join("media.sock");
    let this = Box::start_with(&format!("[media]\nsocket = {socket:?}\n"));
    let mut tab = coloured(&this);
    for part in [0.2, 0.5, 0.8] {
        point(&mut tab, part);
        tab.wait("document.querySelector('.scrub .still video')?.videoWidth === 320");
    }
    let asked =
        "performance.getEntriesByType('resource').filter(one => one.name.includes('sprite.jpg')).length";
    assert_eq!(tab.value(asked), 1);
}
