//! Viewers of recordings that lose their beginning meanwhile.

use std::net::SocketAddr;

use crate::http::{map, tag};
use crate::support::http::{Reply, get};
use crate::support::{Feed, Plan, Service, home, recordings, wait_closed_of, wait_for};

/// A door, and recordings that end with their publisher.
const CONFIG: &str =
    "[http]\nlisten = [\"127.0.0.1:0\"]\n[[template]]\nname = \"default\"\nresume_window = \"0s\"\n";

/// Half a MiB of each second of media, so that a segment is of 60 s.
fn feed(service: &Service, stream: &'static str, speed: f64) -> Feed {
    let plan = Plan {
        stream,
        speed,
        length: None,
        weight: 20_000,
    };
    Feed::start(service.address(), plan, 0)
}

fn chunks(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| line.ends_with(".m4s")).collect()
}

/// The files of a recording.
struct Folder {
    door: SocketAddr,
    id: String,
}

impl Folder {
    fn file(&self, name: &str) -> Reply {
        get(self.door, &format!("/r/{}/{name}", self.id), &[])
    }

    /// A file that is there with these bytes, or is gone. True if it is there.
    #[track_caller]
    fn has_as_before(&self, name: &str, bytes: &[u8]) -> bool {
        let got = self.file(name);
        match got.status {
            // Media that is evicted while it is read breaks off.
            200 if got.whole => assert!(got.body == bytes, "{name} has other bytes"),
            200 => assert!(bytes.starts_with(&got.body), "{name} has other bytes"),
            410 => (),
            status => panic!("{name}: {status} {}", got.text()),
        }
        got.status == 200
    }
}

#[test]
fn a_recording_whose_beginning_is_evicted_while_it_is_open_slides() {
    let home = home();
    let data = home.path().join("data");
    let service = Service::start_on(home.path(), &data, ("quota = \"64 MiB\"\n", CONFIG), &[]);
    let door = service.http();
    // Heavy and not much faster than time: the end of the recording is to be near the end by the clock, or nobody reads it just then.
    let plan = Plan {
        stream: "live/cam1",
        speed: 4.0,
        length: None,
        weight: 200_000,
    };
    let feed = Feed::start(service.address(), plan, 0);
    let id = wait_for("an open recording", || {
        recordings(&data).first().map(|recording| recording.id.clone())
    });
    let folder = Folder { door, id };
    let read = |least: u64| {
        let got = folder.file("index.m3u8");
        // Media that is evicted while it is listed is gone, once.
        assert!([200, 404, 410, 503].contains(&got.status), "{}", got.text());
        let first = tag(got.text(), "#EXT-X-MEDIA-SEQUENCE")?.parse::<u64>().unwrap();
        (got.status == 200 && first >= least).then(|| (first, got.text().to_owned()))
    };
    let (first, playlist) = wait_for("the beginning to be evicted", || read(1));
    assert!(
        !playlist.contains("PLAYLIST-TYPE") && !playlist.contains("ENDLIST"),
        "{playlist}"
    );
    let (later, _) = wait_for("the playlist to slide on", || read(first + 1));
    assert!(later > first);
    feed.hold();
    let media = wait_for("its last chunk", || {
        let (_, playlist) = read(1)?;
        let (init, chunk) = (map(&playlist).unwrap(), *chunks(&playlist).last()?);
        let (init, chunk) = (folder.file(init), folder.file(chunk));
        (init.status == 200 && chunk.status == 200).then(|| [init.body, chunk.body].concat())
    });
    assert!(!crate::support::fragmented::parse(&media).video.is_empty());
    let master = folder.file("master.m3u8");
    assert!(master.text().contains("\nindex.m3u8"), "{}", master.text());

    // Who plays it is told when it ends, in the same playlist.
    let (first, playlist) = read(1).unwrap();
    let last = chunks(&playlist).last().copied().unwrap();
    let bytes = folder.file(last).body;
    feed.over();
    wait_closed_of(&data, "live/cam1");
    let ended = wait_for("the end of the playlist", || {
        let (_, playlist) = read(first)?;
        playlist.ends_with("#EXT-X-ENDLIST\n").then_some(playlist)
    });
    assert!(chunks(&ended).contains(&last), "{last}: {ended}");
    assert!(folder.has_as_before(last, &bytes));
}

#[test]
fn a_name_of_a_chunk_never_gets_other_bytes_when_a_closed_recording_loses_its_beginning() {
    let home = home();
    let data = home.path().join("data");
    let storage = "quota = \"96 MiB\"\n";
    let service = Service::start_on(home.path(), &data, (storage, CONFIG), &[]);
    let door = service.http();
    let publisher = feed(&service, "live/cam1", 50.0);
    wait_for("three segments", || (publisher.taken() > 130_000).then_some(()));
    publisher.over();
    let id = wait_closed_of(&data, "live/cam1").id;
    let mut folder = Folder { door, id };
    let before = folder.file("index.m3u8");
    let before = before.text();
    let names = chunks(before);
    assert!(names.len() >= 4, "{before}");
    let kept = [0, names.len() / 2, names.len() - 1].map(|at| (names[at], folder.file(names[at]).body));
    let init = map(before).unwrap();
    let init = (init, folder.file(init).body);

    // Another stream needs the space. A player is in the middle of the recording.
    let other = feed(&service, "live/cam2", 25.0);
    let [first, middle, (last, bytes)] = &kept;
    let after = wait_for("the recording to lose its beginning", || {
        for (name, bytes) in [first, middle] {
            folder.has_as_before(name, bytes);
        }
        assert!(
            folder.has_as_before(last, bytes),
            "the end of the recording is still there"
        );
        let got = folder.file("index.m3u8");
        assert!([200, 410].contains(&got.status), "{}", got.text());
        (got.status == 200 && got.text() != before).then(|| got.text().to_owned())
    });
    other.hold();
    assert!(folder.has_as_before(last, bytes), "the player plays on");
    let gone = folder.file(names[0]);
    assert_eq!(gone.status, 410);
    for name in chunks(&after) {
        assert!(!names.contains(&name), "{name} is a name of before");
    }
    other.over();

    // Nobody remembers the old names after a restart: they stand for nothing.
    let now = folder.file("index.m3u8");
    let first = *chunks(now.text()).first().unwrap();
    let first_bytes = folder.file(first).body;
    service.stop();
    let service = Service::start_on(home.path(), &data, (storage, CONFIG), &[]);
    folder.door = service.http();
    for name in &names {
        let got = folder.file(name);
        assert_eq!(got.status, 410, "{name}");
        assert!(got.text().contains("read the playlist again"), "{}", got.text());
    }
    assert!(folder.has_as_before(first, &first_bytes));
    assert!(folder.has_as_before(init.0, &init.1));
}
