//! What ends under a page that is open: a token, a session, rights.

use serde_json::json;

use super::{Box, Tab, clip, log_in};
use crate::support::{edgereel, wait_all_closed};

/// All that staff may do, as the configuration says it, and what is left of it.
const ALL: &str = "may = [\"watch\", \"download\", \"operate\", \"moderate\", \"keys\"]";
const WATCH: &str = "may = [\"watch\", \"download\"]";
/// The video of the page plays.
const PLAYS: &str =
    "(video => video && video.currentTime > 0.3 && !video.paused)(document.querySelector('main video'))";

/// The page of a link says that it has ended.
const OVER: &str = "document.body.innerText.includes('This link does not work any more. Ask for a new one.')";

/// The result of a command that the page gives.
fn asked(tab: &mut Tab, command: &str, body: &serde_json::Value) -> serde_json::Value {
    tab.value(&format!(
        "(await (await fetch('api/v1/{command}', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: JSON.stringify({body}) }})).json()).result"
    ))
}

#[test]
fn a_shared_link_plays_without_a_login_and_says_when_it_has_ended() {
    let this = Box::start();
    let clip = clip(this.home.path(), 120);
    edgereel(&[
        "publish",
        clip.to_str().unwrap(),
        &this.service.url("live/cam1"),
        "--fast",
    ])
    .ok();
    wait_all_closed(&this.service.data(), 1);
    let mut staff = this.open("staff", "/#/recordings");
    let list = asked(&mut staff, "recording.list", &json!({}));
    let row = &list["recordings"][0];
    let (id, start, end) = (row["id"].as_str().unwrap(), &row["start"], &row["end"]);
    let mut tab = Tab::open(&this.url("/"));
    tab.wait("document.querySelector('form.login')");

    // As long as it is valid, the page of a link plays: here it is an hour.
    staff.run(&format!("location.hash = '#/recording/{id}'"));
    staff.press("Share");
    staff.press_in("dialog", "Make the link");
    staff.wait("document.querySelectorAll('dialog .copyable code').length === 2");
    let link = staff.value("document.querySelector('dialog .copyable code').textContent");
    let link = link
        .as_str()
        .unwrap()
        .strip_prefix(&this.url("/"))
        .expect("an address of the box");
    tab.run(&format!("location.hash = {}", json!(link)));
    tab.wait(PLAYS);
    tab.wait_text("Valid until");
    assert_eq!(
        tab.value("document.querySelector('form.login')"),
        serde_json::Value::Null
    );

    // Those of seconds end while they play: an MP4, which the browser may have loaded whole, and HLS.
    let part = format!(
        "live/cam1/master.m3u8?start={}&end={}",
        start.as_str().unwrap(),
        end.as_str().unwrap()
    );
    for (path, of) in [
        (format!("r/{id}.mp4"), json!({"recording": id})),
        (part, json!({"stream": "live/cam1"})),
    ] {
        // On a machine that is so busy that it ends before it plays, another one lasts longer.
        for valid in ["20s", "80s"] {
            let mut of = of.clone();
            of["valid"] = json!(valid);
            let token = asked(&mut staff, "token.create", &of);
            let path = format!("t/{}/{path}", token["token"].as_str().unwrap());
            tab.run(&format!(
                "location.hash = '#/shared?of=' + encodeURIComponent({}) + '&until=' + encodeURIComponent({})",
                json!(path),
                token["expires"]
            ));
            tab.wait(&format!("{PLAYS} || {OVER}"));
            if tab.value(OVER) == false {
                break;
            }
        }
        let ended = tab.wait(OVER);
        println!("{path:.20}…: said {ended:?} after it played");
        assert_eq!(
            tab.value("[Date.now() >= Date.parse(new URLSearchParams(location.hash.split('?')[1]).get('until')), document.querySelectorAll('main video').length].join()"),
            "true,0",
            "not before it ended, and nothing plays on"
        );
        // Nobody asks any more, but who presses the button.
        tab.requests.clear();
        tab.pause(6_000);
        assert!(
            !tab.requests.iter().any(|one| one.contains("/t/")),
            "{:?}",
            tab.requests
        );
        tab.run("performance.clearResourceTimings()");
        tab.press("Try again");
        tab.wait("performance.getEntriesByType('resource').some(one => one.name.includes('/t/'))");
        tab.wait(OVER);
    }
    // A link that somebody changed asks nothing of the box.
    tab.run("location.hash = '#/shared?of=api/v1/session'");
    tab.wait_text("This link is not whole.");
    tab.is_clean();
    staff.is_clean();
}

#[test]
fn rights_that_go_under_an_open_page_are_not_shown_any_more_and_what_was_typed_stays() {
    let this = Box::start();
    let clip = clip(this.home.path(), 120);
    edgereel(&[
        "publish",
        clip.to_str().unwrap(),
        &this.service.url("live/cam2"),
        "--fast",
    ])
    .ok();
    wait_all_closed(&this.service.data(), 1);
    let pusher = this.push("live/cam1", &clip);
    let mut live = this.open("staff", "/");
    live.press_in(".tile", "Play live");
    live.wait(PLAYS);
    let mut tab = this.open("staff", "/#/recordings?prefix=live/cam2");
    tab.press_in(".recordings", "live/cam2");
    tab.wait(PLAYS);
    tab.wait("document.querySelector('form.edit')");
    let title = "document.querySelector('form.edit input')";
    tab.run(&format!("{title}.value = 'half a ti'"));

    // The reload ends the sessions of a viewer that is not as it was. Nothing is pressed: the pages find out by themselves.
    let gone = |tab: &mut Tab| {
        tab.wait("document.querySelector('form.login') && !document.querySelector('main video')");
        let why = tab.value("document.querySelector('.wrong[role=alert]').textContent");
        assert!(why.as_str().unwrap().len() > 20, "it says why: {why}");
    };
    this.reload(ALL, WATCH);
    for tab in [&mut live, &mut tab] {
        gone(tab);
        log_in(tab, "staff");
    }
    live.wait("document.querySelector('.tile .state .chip') && !document.querySelector('.tile .action')");
    tab.wait(PLAYS);
    tab.wait_text("Address");
    assert_eq!(tab.value("document.querySelectorAll('form.edit').length"), 0);
    let shown = tab.value("document.querySelector('header nav').innerText");
    assert!(!shown.as_str().unwrap().contains("Delivery"), "{shown}");

    // What was typed is there for who may write again.
    this.reload(WATCH, ALL);
    gone(&mut tab);
    log_in(&mut tab, "staff");
    tab.wait(&format!("{title}?.value === 'half a ti'"));

    // So it is when the box was killed, which ends all sessions; not for somebody else, nor after logging out.
    let this = this.kill().start();
    tab.wait("document.querySelector('.lost').hidden && document.querySelector('form.login')");
    log_in(&mut tab, "staff");
    tab.wait(&format!("{title}?.value === 'half a ti'"));
    tab.press_in("form.edit", "Save");
    tab.wait("document.querySelector('main h1').textContent === 'half a ti'");

    // A viewer that is not there any more: its page asks to log in, and its words are no reason to try it again.
    this.reload("name = \"staff\"", "name = \"others\"");
    gone(&mut tab);
    tab.requests.clear();
    tab.pause(4_000);
    let asked = tab.requests.iter().filter(|one| one.contains("/api/")).count();
    assert_eq!(asked, 0, "{:?}", tab.requests);
    log_in(&mut tab, "guest");
    tab.wait(PLAYS);
    tab.is_clean();
    live.is_clean();
    pusher.over();
}
