//! Kills at moments nobody chose: what is older than the fragment in memory is there, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what is tested is looked at from outside, as anyone would"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::random::Random;
use support::{Pusher, Recording, Service, export, home, recordings, sample, wait_until};

/// A fragment, as long as one may be.
const FRAGMENT: f64 = 1100.0;
/// From the socket to the file, on a machine that is busy with other things.
const ON_ITS_WAY: f64 = 1000.0;
const ROUNDING: f64 = 1.5;

#[test]
fn a_kill_at_any_moment_costs_a_fragment() {
    let mut random = Random::new();
    // Five boxes, each killed twice: the second time on a tape that was already mended once.
    let moments: Vec<[u64; 2]> = (0..5)
        .map(|_| [random.between(1000, 4000), random.between(1000, 4000)])
        .collect();
    let boxes: Vec<_> = moments
        .into_iter()
        .map(|moments| std::thread::spawn(move || kill_and_look(moments)))
        .collect();
    for one in boxes {
        one.join().unwrap();
    }
}

fn kill_and_look(moments: [u64; 2]) {
    let home = home();
    let mut before = Vec::new();
    for moment in moments {
        let taken = record_until_killed(home.path(), moment);
        before = look_after_restart(home.path(), &before, taken);
    }
}

/// Gives how many milliseconds of media the service had taken for certain.
fn record_until_killed(home: &Path, moment: u64) -> u32 {
    let service = Service::start(home);
    let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 1.0);
    wait_until("the moment", || u64::from(pusher.taken()) >= moment);
    let taken = pusher.taken();
    service.kill();
    pusher.over();
    taken
}

fn look_after_restart(home: &Path, before: &[Recording], taken: u32) -> Vec<Recording> {
    let data = support::service::data_dir(home);
    let source = sample().media();
    // Reading needs no repair first. A recording whose first fragment was still on its way has nothing to keep.
    let mut torn = recordings(&data);
    torn.retain(|recording| recording.duration_s > 0.0);
    let service = Service::start(home);
    let all = recordings(&data);
    assert_eq!(
        torn.len(),
        all.len(),
        "before the repair {torn:#?}, after it {all:#?}"
    );
    assert!(
        all.iter().all(|recording| recording.state == "closed"),
        "{all:#?}"
    );
    for old in before {
        let kept = all
            .iter()
            .find(|recording| recording.id == old.id)
            .expect("what was there before");
        assert_eq!((kept.bytes, kept.duration_s), (old.bytes, old.duration_s));
    }
    let least = source.before(f64::from(taken) - FRAGMENT - ON_ITS_WAY);
    match all
        .iter()
        .find(|recording| before.iter().all(|old| old.id != recording.id))
    {
        Some(new) => {
            for format in ["mp4", "fmp4"] {
                let out = home.join(format!("out-{format}.mp4"));
                export(&data, &new.id, format, &out).ok();
                let bytes = std::fs::read(&out).unwrap();
                let got = if format == "mp4" {
                    support::mp4_file::parse(&bytes)
                } else {
                    support::fragmented::parse(&bytes)
                };
                got.prefix_of(&source, format, ROUNDING);
                let (pictures, sounds) = (got.video.len(), got.audio.len());
                assert!(
                    pictures >= least.video.len() && sounds >= least.audio.len(),
                    "killed after {taken} ms: {pictures} pictures of {}, {sounds} sounds of {}",
                    least.video.len(),
                    least.audio.len()
                );
            }
        }
        None => assert!(
            least.video.is_empty(),
            "killed after {taken} ms, and nothing was kept"
        ),
    }
    // Mending is done once: a second start finds nothing to do.
    assert!(service.stop().0.success());
    let (listed, files) = (recordings(&data), tape(&data));
    let again = Service::start(home);
    assert!(again.stop().0.success());
    let same = |a: &Recording, b: &Recording| {
        (&a.id, &a.start, &a.end, a.bytes) == (&b.id, &b.start, &b.end, b.bytes)
    };
    let after = recordings(&data);
    assert!(listed.len() == after.len() && listed.iter().zip(&after).all(|(a, b)| same(a, b)));
    assert!(tape(&data) == files, "the second start changed the tape");
    assert!(!data.join("lost+found").exists() || files.keys().all(|path| !path.contains("lost+found")));
    after
}

/// Every file of the store that holds media, and what is in it.
fn tape(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![data.join("tape"), data.join("lost+found")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.insert(
                    entry.path().display().to_string(),
                    std::fs::read(entry.path()).unwrap(),
                );
            }
        }
    }
    files
}
