//! The console for everybody: what axe-core finds by the rules of WCAG 2.2 AA, in both schemes of colours.

use std::path::Path;

use serde_json::{Value, json};

use super::pictures::resize;
use super::{Box, Tab, clip};
use crate::support::{edgereel, wait_until};

/// What axe-core finds on the page as it is now. It is put into the page from outside: the page itself may run nothing else.
fn found(tab: &mut Tab) -> Value {
    // CARGO_TARGET_TMPDIR is within the folder where cargo builds.
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("console/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(path).expect("axe-core is missing: run scripts/console.sh tools");
    tab.value(&format!("if (!window.axe) {{ {axe} }}"));
    let rules = json!(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]);
    tab.value(&format!(
        "window.found = await axe.run(document, {{ runOnly: {rules} }}); 0"
    ));
    assert!(
        tab.value("found.passes.length").as_u64().unwrap() > 10,
        "it looked"
    );
    tab.value(
        "found.violations.map(one => ({ id: one.id, at: one.nodes.map(node => node.html.slice(0, 160)) }))",
    )
}

#[test]
fn each_screen_keeps_wcag_in_both_schemes() {
    let this = Box::start();
    let clip = clip(this.home.path(), 60);
    let pusher = this.push("live/<b>cam1</b>", &clip);
    edgereel(&[
        "publish",
        clip.to_str().unwrap(),
        &this.service.url("live/cam2"),
        "--fast",
    ])
    .ok();
    wait_until("some seconds of the stream", || pusher.taken() > 6_000);
    let mut tab = Tab::open(&this.url("/"));
    let mut screens = vec![
        "#/basket".to_owned(),
        "#/timeline/live%2Fcam2".to_owned(),
        "#/timeline?s=live%2Fcam2&s=live%2Fcam1".to_owned(),
        "#/shared?of=half".to_owned(),
    ];
    let mut all = Vec::new();
    for scheme in ["light", "dark"] {
        resize(&mut tab, (1280, 900), scheme);
        tab.wait("document.querySelector('form.login')");
        all.push((format!("log in, {scheme}"), found(&mut tab)));
        super::log_in(&mut tab, "staff");
        if screens.len() == 4 {
            let links = tab.value("[...document.querySelectorAll('nav a')].map(one => one.hash)");
            screens.extend(
                links
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|link| link.as_str().unwrap().to_owned()),
            );
            tab.run("location.hash = '#/recordings'");
            tab.wait("document.querySelectorAll('.recordings li a').length >= 2");
            let recording = tab.value("document.querySelector('.recordings li a').hash");
            screens.push(recording.as_str().unwrap().to_owned());
            tab.press_in(".recordings", "Add to the basket");
        }
        for screen in &screens {
            tab.run(&format!("location.hash = {}", json!(screen)));
            tab.wait(&format!(
                "location.hash === {} && !document.body.innerText.includes('Loading …')",
                json!(screen)
            ));
            tab.run("document.querySelectorAll('details').forEach(one => one.open = true)");
            all.push((format!("{screen}, {scheme}"), found(&mut tab)));
        }
        tab.press("Share");
        all.push((format!("a dialog, {scheme}"), found(&mut tab)));
        tab.press_in("dialog", "Close");
        // A phone.
        resize(&mut tab, (360, 740), scheme);
        all.push((format!("on a phone, {scheme}"), found(&mut tab)));
        assert_eq!(
            tab.value("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "a phone shows all of it"
        );
        tab.press("Log out");
    }
    all.retain(|(_, found)| found.as_array().is_none_or(|found| !found.is_empty()));
    assert!(all.is_empty(), "{all:#?}");
    pusher.stop();
}
