//! What people write about a recording, as players show it.

use crate::programs::FFPROBE;
use crate::support::{Service, edgereel, export, home, record_sample};

#[test]
fn ffprobe_shows_the_title_and_the_chapters_of_an_mp4() {
    let home = home();
    let service = Service::start(home.path());
    let id = record_sample(&service, "live/cam1").id;
    let notes = r#"[{"at_s":0.5,"text":"Begin \u8ab2"},{"at_s":1.25,"text":"Proof"}]"#;
    let config = home.path().join("edgereel.toml");
    let set = [
        "recording",
        "set",
        &id,
        "--title",
        "Algebra 7",
        "--description",
        "Groups",
        "--notes",
        notes,
    ];
    edgereel(&[&set[..], &["--config", config.to_str().unwrap()]].concat()).ok();
    for (format, name) in [("mp4", "a.mp4"), ("aac", "a.m4a")] {
        let path = home.path().join(name);
        export(&service.data(), &id, format, &path).ok();
        let shown = FFPROBE.run([
            "-v",
            "error",
            "-show_chapters",
            "-show_format",
            path.to_str().unwrap(),
        ]);
        let text = shown.ok().text();
        for line in [
            "TAG:title=Algebra 7",
            "TAG:description=Groups",
            "TAG:title=Begin 課",
            "start_time=0.500000",
            "TAG:title=Proof",
            "start_time=1.250000",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        // No chapter more, and no complaint.
        assert_eq!(text.matches("[CHAPTER]").count(), 2, "{text}");
    }
}
