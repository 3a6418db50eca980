//! A service on a storage directory to which a test will do something. Its publishers continue in real time, whatever the test
//! does, and must not notice it.

use std::path::Path;

use tempfile::TempDir;

use crate::manager::Manager;
use crate::support::flv::VIDEO;
use crate::support::programme::Programme;
use crate::support::{
    Flv, Pusher, Recording, Sample, Service, edgereel, export, home, mp4_file, recordings, wait_for,
    wait_until,
};

/// No frame of silence has more bytes.
const SILENCE: usize = 16;
/// The length of the pushed clip, longer than any of these tests takes, in milliseconds.
const LENGTH: u32 = 180_000;

/// A service under publishers.
pub(crate) struct OnAir {
    pub(crate) service: Service,
    pub(crate) manager: Manager,
    pub(crate) home: TempDir,
    publishers: Vec<Publisher>,
}

struct Publisher {
    stream: String,
    clip: Flv,
    pusher: Pusher,
}

impl OnAir {
    /// Starts a service on `data`, with these lines in `[storage]` and this text behind it, and one publisher for each stream.
    /// Each picture of a stream has so many bytes more than the clip's.
    #[track_caller]
    pub(crate) fn start(data: &Path, config: (&str, &str), streams: &[&str], bytes: usize) -> Self {
        let (home, manager) = (home(), Manager::new());
        // The service sends its status once a second.
        let service = Service::start_on(home.path(), data, config, &manager.variables("2000000"));
        let mut this = Self {
            service,
            manager,
            home,
            publishers: Vec::new(),
        };
        for stream in streams {
            this.publish(stream, bytes);
        }
        this.go_on(4_000);
        this
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, stream: &str, bytes: usize) {
        let clip = unmistakable(stream, bytes);
        let pusher = Pusher::start(self.service.address(), stream, &clip, 1.0);
        self.publishers.push(Publisher {
            stream: stream.to_owned(),
            clip,
            pusher,
        });
    }

    /// Waits until the service has taken so many more milliseconds from each publisher. None of them may be disturbed.
    #[track_caller]
    pub(crate) fn go_on(&self, millis: u32) {
        self.go_on_while(millis, || ());
    }

    /// The same, with a check all the time.
    #[track_caller]
    pub(crate) fn go_on_while(&self, millis: u32, mut look: impl FnMut()) {
        let least: Vec<u32> = self.taken().iter().map(|taken| taken + millis).collect();
        wait_until("the publishers to go on", || {
            look();
            for publisher in &self.publishers {
                assert!(publisher.pusher.pushes(), "{} is cut off", publisher.stream);
            }
            self.taken()
                .iter()
                .zip(&least)
                .all(|(taken, least)| taken >= least)
        });
    }

    /// Waits until all streams on the air are recorded again.
    #[track_caller]
    pub(crate) fn recorded_again(&self) {
        self.manager
            .wait_status(&format!("{} recording", self.publishers.len()));
    }

    /// The unfinished recordings, by stream.
    #[track_caller]
    pub(crate) fn open(&self) -> Vec<(String, String)> {
        let mut open: Vec<(String, String)> = wait_for("a recording of each", || {
            let all = recordings(&self.service.data()).into_iter();
            let open: Vec<_> = all.filter(|recording| recording.state == "open").collect();
            (open.len() == self.publishers.len()).then_some(open)
        })
        .into_iter()
        .map(|recording| (recording.stream, recording.id))
        .collect();
        open.sort();
        open
    }

    /// Ends all publishers and the service. Returns each recording with the gaps of its pictures, in milliseconds of the clip.
    /// Fails unless the recorded media is the sent media, in that order, up to the end, each gap ends at a keyframe, and the
    /// tape is sound.
    #[track_caller]
    pub(crate) fn end(self) -> Vec<(Recording, Vec<(u32, u32)>)> {
        let taken = self.taken();
        let data = self.service.data();
        let clips: Vec<(String, Flv)> = self
            .publishers
            .into_iter()
            .map(|publisher| {
                publisher.pusher.stop();
                (publisher.stream, publisher.clip)
            })
            .collect();
        let closed = |recording: &Recording| recording.state == "closed";
        wait_until("all recordings to close", || recordings(&data).iter().all(closed));
        let (status, _) = self.service.stop();
        assert!(status.success(), "{status}");
        let done = edgereel(&["verify", "--data", data.to_str().unwrap()]);
        assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
        let mut found = Vec::new();
        for ((stream, clip), taken) in clips.iter().zip(taken) {
            let all = recordings(&data);
            // The latest recording of the stream. Others may be older.
            let recording = all.into_iter().filter(|recording| recording.stream == *stream);
            let recording = recording.max_by(|a, b| a.start.cmp(&b.start)).expect(stream);
            let out = self.home.path().join("out.mp4");
            export(&data, &recording.id, "mp4", &out).ok();
            let got = mp4_file::parse(&std::fs::read(&out).unwrap());
            std::fs::remove_file(&out).unwrap();
            let gaps = gaps(&got.video, clip, taken);
            expect_sound(&got.audio, &clip.media().audio);
            found.push((recording, gaps));
        }
        found
    }

    fn taken(&self) -> Vec<u32> {
        let publishers = self.publishers.iter();
        publishers.map(|publisher| publisher.pusher.taken()).collect()
    }
}

/// Fails unless the gaps are those that `ls` shows, one by one.
#[track_caller]
pub(crate) fn expect_told(recording: &Recording, gaps: &[(u32, u32)]) {
    let time = |gap: &serde_json::Value, name: &str| {
        let text = gap[name].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    };
    let told = recording
        .gaps
        .iter()
        .map(|gap| time(gap, "to") - time(gap, "from"));
    let told: Vec<i64> = told.collect();
    let close = |(told, (from, to)): (&i64, &(u32, u32))| (told - i64::from(to - from)).abs() < 100;
    assert!(
        told.len() == gaps.len() && told.iter().zip(gaps).all(close),
        "{}: `ls` tells of gaps of {told:?} ms, and missing are {gaps:?}",
        recording.stream
    );
}

/// The clip again and again, with so many bytes more in each picture, and no two samples alike.
fn unmistakable(stream: &str, bytes: usize) -> Flv {
    let programme = Programme::marked(stream, 0, bytes);
    let tags = (0..).map(|number| programme.tag(number));
    Flv {
        tags: tags.take_while(|tag| tag.time < LENGTH).collect(),
    }
}

/// The times of missing pictures, before the last taken one.
#[track_caller]
fn gaps(got: &[Sample], clip: &Flv, taken: u32) -> Vec<(u32, u32)> {
    let sent: Vec<_> = clip
        .tags
        .iter()
        .filter(|tag| tag.kind == VIDEO && !tag.is_header())
        .collect();
    let (mut next, mut gaps) = (0, Vec::new());
    for sample in got {
        let same = |place: &usize| sent[*place].body[5..] == sample.bytes[..];
        let Some(place) = (next..sent.len()).find(same) else {
            panic!(
                "the picture marked {} was not sent, or not here: at least {} was to come",
                Programme::mark_of(&sample.bytes),
                sent.get(next)
                    .map_or("none".to_owned(), |tag| Programme::mark_of(&tag.body))
            );
        };
        if place > next {
            assert!(sent[place].is_key(), "the tape goes on at no keyframe");
            gaps.push((sent[next].time, sent[place].time));
        }
        next = place + 1;
    }
    assert!(
        sent[next].time >= taken,
        "it ends at {} ms, and {taken} ms were taken",
        sent[next].time
    );
    gaps
}

/// Fails unless the recorded sound is the sent sound, in that order. Silence may fill the rest between the tracks where a gap
/// is closed.
#[track_caller]
fn expect_sound(got: &[Sample], sent: &[Sample]) {
    let mut rest = sent;
    for (number, sample) in got.iter().enumerate() {
        match rest.iter().position(|sent| sent.bytes == sample.bytes) {
            Some(place) => rest = &rest[place + 1..],
            None => assert!(
                sample.bytes.len() <= SILENCE,
                "frame of sound {number} was not sent, or not here"
            ),
        }
    }
}
