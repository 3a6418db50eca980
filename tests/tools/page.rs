//! The page of the box, in a browser.

use std::process::{Command, Stdio};

use crate::programs::CHROMIUM;
use crate::support::{Service, edgereel, home, recordings, sample_path, wait_for};

/// What the page shows once it has asked the box, as HTML.
fn shown(url: &str) -> String {
    let profile = home();
    let mut chromium = Command::new(CHROMIUM.path());
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // The page is shown as it is when its first requests are answered and its clock has gone on so far.
        .args(["--virtual-time-budget=4000", "--dump-dom", url])
        .stderr(Stdio::null());
    let done = chromium.output().expect("Chromium runs");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn the_page_of_the_box_lists_what_there_is() {
    let home = home();
    let service = Service::start_with(home.path(), "[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let door = service.http();
    let sample = sample_path();
    let push = |stream: &str, more: &str| {
        let arguments = ["publish", sample.to_str().unwrap(), &service.url(stream), more];
        edgereel(&arguments).ok();
    };
    push("live/cam1", "--fast");
    let id = wait_for("a closed recording", || {
        let all = recordings(&service.data()).into_iter();
        let mut closed = all.filter(|recording| recording.state == "closed");
        closed.next().map(|recording| recording.id)
    });
    let page = shown(&format!("http://{door}/"));
    let (_, lists) = page.split_once("<tbody id=\"streams\">").expect("the page");
    let (lists, _) = lists.split_once("<script>").unwrap();
    for words in [
        "Nothing is on the air that you may see.",
        "<button>Play</button>",
        "live/cam1",
        &format!("href=\"r/{id}.mp4?download=1\""),
    ] {
        assert!(lists.contains(words), "{words} is not in: {lists}");
    }
    assert!(page.contains("id=\"login\" hidden"), "nobody has to log in");
}
