//! Cards that are pulled, broken or full, and directories that go away, while publishers send live. Nothing is
//! restarted.

use std::path::{Path, PathBuf};

use crate::card::{Card, shown};
use crate::support::media::Sample;
use crate::support::{
    Media, Pusher, Recording, Service, edgereel, export, home, mp4_file, recordings, sample, wait_until,
};

/// When it happens, in milliseconds of media.
const AT: u32 = 4_000;
/// And how much more comes before it is over.
const MEANWHILE: u32 = 4_000;

/// Two publishers, a service, and a card of its own.
struct Scene {
    pushers: Vec<Pusher>,
    service: Service,
    store: PathBuf,
    before: Vec<String>,
    /// Last: nobody uses it any more when it is unmounted.
    card: Card,
}

impl Scene {
    /// Recording on a folder of the card, some seconds in.
    #[track_caller]
    fn new(environment: &[(&str, &str)]) -> Self {
        let card = Card::new();
        let store = card.path().join("store");
        Self::on(card, store, environment)
    }

    #[track_caller]
    fn on(card: Card, store: PathBuf, environment: &[(&str, &str)]) -> Self {
        let elsewhere = home();
        let mut variables = vec![("EDGEREEL__STORAGE__DIR", shown(&store))];
        variables.extend(environment);
        let service = Service::start_among(elsewhere.path(), &variables);
        let clip = sample();
        let pushers =
            ["live/cam1", "live/cam2"].map(|stream| Pusher::start(service.address(), stream, &clip, 1.0));
        let mut scene = Self {
            card,
            service,
            pushers: pushers.into(),
            store,
            before: Vec::new(),
        };
        scene.pushed(AT);
        wait_until("two recordings", || recordings(&scene.store).len() == 2);
        scene.before = ids(&recordings(&scene.store));
        scene
    }

    /// Waits until so much was sent; whoever was disconnected never gets there.
    #[track_caller]
    fn pushed(&self, millis: u32) {
        wait_until("what the publishers send", || {
            self.pushers.iter().all(|pusher| pusher.taken() >= millis)
        });
    }

    /// Lets time pass without a store.
    #[track_caller]
    fn without(&self, said: &str) {
        self.service.wait_for_log(|log| log.contains(said).then_some(()));
        let taken = self.pushers.iter().map(Pusher::taken).max().unwrap();
        self.pushed(taken + MEANWHILE);
    }

    #[track_caller]
    fn back(&self) {
        self.service
            .wait_for_log(|log| log.contains("the storage takes media again").then_some(()));
    }

    /// Everyone ends as they would have.
    #[track_caller]
    fn end(mut self) -> Vec<(Recording, Media)> {
        self.pushers.drain(..).for_each(Pusher::done);
        wait_until("the recordings end", || {
            recordings(&self.store)
                .iter()
                .all(|recording| recording.state == "closed")
        });
        let all = recordings(&self.store);
        let media = all.iter().map(|recording| exported(&self.store, recording));
        let media: Vec<Media> = media.collect();
        assert!(self.service.stop().0.success());
        edgereel(&["verify", "--data", shown(&self.store)]).ok();
        all.into_iter().zip(media).collect()
    }
}

fn ids(all: &[Recording]) -> Vec<String> {
    let mut ids: Vec<String> = all.iter().map(|recording| recording.id.clone()).collect();
    ids.sort_unstable();
    ids
}

fn exported(store: &Path, recording: &Recording) -> Media {
    let folder = home();
    let out = folder.path().join("out.mp4");
    export(store, &recording.id, "mp4", &out).ok();
    mp4_file::parse(&std::fs::read(&out).unwrap())
}

/// What is there is what was sent, in its order, and the last of it is there. Gives how many pictures are not.
#[track_caller]
fn only_holes(got: &[Sample], source: &[Sample]) -> usize {
    let mut rest = source.iter();
    for (n, sample) in got.iter().enumerate() {
        assert!(
            rest.any(|sent| sent.bytes == sample.bytes),
            "picture {n} of {} was not sent, or not then",
            got.len()
        );
    }
    assert_eq!(rest.count(), 0, "the end is missing");
    source.len() - got.len()
}

/// One recording for each stream, the same as before, with the gap told if there is one.
#[track_caller]
fn went_on(before: &[String], all: &[(Recording, Media)]) {
    let rows: Vec<Recording> = all.iter().map(|(row, _)| row.clone()).collect();
    assert_eq!(ids(&rows), before, "{rows:#?}");
    let source = sample().media();
    for (row, media) in all {
        let missing = only_holes(&media.video, &source.video);
        // What waited in memory until the card was back is not missing.
        assert!(missing < source.video.len() / 2, "{missing} pictures");
        assert_eq!(row.gaps.is_empty(), missing == 0, "{missing} pictures, {row:#?}");
    }
}

#[test]
fn a_card_that_is_pulled_and_put_back_goes_on_by_itself() {
    let scene = Scene::new(&[]);
    scene.card.pull();
    scene.without("no store:");
    assert!(
        !scene.store.exists(),
        "something was made under the bare mount point"
    );
    scene.card.mount();
    scene.back();
    let before = scene.before.clone();
    went_on(&before, &scene.end());
}

#[test]
fn nothing_is_recorded_onto_a_mount_point_without_its_card() {
    let card = Card::new();
    let store = card.path();
    let scene = Scene::on(card, store, &[]);
    scene.card.pull();
    scene.without("is the card mounted?");
    let left = std::fs::read_dir(&scene.store).unwrap().count();
    assert_eq!(left, 0, "something was made under the bare mount point");
    scene.card.mount();
    scene.back();
    let before = scene.before.clone();
    went_on(&before, &scene.end());
}

#[test]
fn a_file_system_that_turns_read_only_is_let_go_of_mended_and_gone_on_with() {
    let scene = Scene::new(&[]);
    scene.card.abort();
    scene.without("no store:");
    // By name and without force: nothing of the service holds it any more.
    scene.card.unmount();
    scene.card.check();
    scene.card.mount();
    scene.back();
    let before = scene.before.clone();
    went_on(&before, &scene.end());
}

#[test]
fn a_directory_that_is_removed_is_made_again() {
    let scene = Scene::new(&[]);
    std::fs::remove_dir_all(&scene.store).unwrap();
    scene
        .service
        .wait_for_log(|log| log.contains("no store:").then_some(()));
    scene.back();
    let before = scene.before.clone();
    let all = scene.end();
    let rows: Vec<Recording> = all.iter().map(|(row, _)| row.clone()).collect();
    assert_eq!(ids(&rows), before);
    let source = sample().media();
    for (_, media) in &all {
        assert!(only_holes(&media.video, &source.video) > 0);
    }
}

/// Another program fills the card to the last byte, and lets go again.
#[test]
fn a_card_that_somebody_else_fills_stops_the_tape_until_there_is_room() {
    let scene = Scene::new(&[("EDGEREEL__STORAGE__ON_FULL", "stop")]);
    let filler = scene.card.path().join("filler");
    let file = std::fs::File::create(&filler).unwrap();
    let mut at = 0;
    for block in [1 << 20, 4096, 1] {
        let bytes = vec![7; block];
        while std::os::unix::fs::FileExt::write_all_at(&file, &bytes, at).is_ok() {
            at += block as u64;
        }
    }
    file.sync_all().unwrap_or_default();
    scene.pushed(AT + MEANWHILE);
    let full = |log: &str| {
        let said = log.contains("storage full");
        said.then_some(())
    };
    // A publish that comes now wants a segment of its own.
    let third = Pusher::start(scene.service.address(), "live/cam3", &sample(), 1.0);
    scene.service.wait_for_log(full);
    let refused = edgereel(&[
        "publish",
        shown(&crate::support::sample_path()),
        &scene.service.url("live/cam4"),
    ]);
    refused.failed(1, &["live/cam4"]);
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    scene.back();
    third.done();
    let all = scene.end();
    let source = sample().media();
    for (row, media) in &all {
        let missing = only_holes(&media.video, &source.video);
        assert!(missing < source.video.len(), "{row:#?}");
    }
    assert_eq!(
        all.len(),
        3,
        "{all:#?}",
        all = all.iter().map(|(row, _)| row).collect::<Vec<_>>()
    );
}
