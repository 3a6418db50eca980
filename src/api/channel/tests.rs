//! Commands for channels, to a recorder on a real store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use serde_json::{Value, json};

use super::SHOWN_AGAIN;
use crate::api::Api;
use crate::channel::{Channel, Chunk, Item, Name, Now, Play};
use crate::format::hls::Variant;
use crate::format::hls::live::InitName;
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::recorder::{Recorder, RecorderSettings};
use crate::store::{
    CHANNELS, Clock, Command, Reader, RealClock, RealDisk, RecordingSpec, Store, StoreSettings, testing,
};

const ZERO: Micros = 1_000_000_000_000;

struct Box {
    api: Api,
    store: Store,
    dir: std::path::PathBuf,
}

fn a_box(dir: &std::path::Path) -> Box {
    a_box_by(dir, Arc::new(RealClock))
}

fn a_box_by(dir: &std::path::Path, clock: Arc<dyn Clock>) -> Box {
    let settings = StoreSettings::new(dir, "test");
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
    let settings = RecorderSettings {
        pre_roll: 10_000_000,
        ring_bytes: 32 << 20,
        takeover_after: 5_000_000,
        live_window: 0,
        is_viewed: false,
        has_master_key: false,
    };
    let recorder = Recorder::new(settings, store.clone(), clock.clone(), opened.tape_base);
    let api = Api::new(recorder, store.clone(), Reader::new(dir, 3), clock);
    let kept = |namespace: &str| opened.kept.get(namespace).map_or(&[][..], Vec::as_slice);
    api.restore_channels(kept(CHANNELS));
    api.restore_shown_again(kept(SHOWN_AGAIN));
    Box {
        api,
        store,
        dir: dir.to_owned(),
    }
}

impl Box {
    /// Records so many seconds, one recording after the other.
    async fn record(&self, ids: &[RecordingId], seconds: i64) {
        self.record_from(ids, seconds, 0).await;
    }

    /// The same from a moment of this boot on.
    async fn record_from(&self, ids: &[RecordingId], seconds: i64, boot_zero: Micros) {
        for command in Self::recording(ids, seconds, boot_zero) {
            self.api.recorder.submit(command).await.unwrap();
        }
    }

    fn recording(ids: &[RecordingId], seconds: i64, boot_zero: Micros) -> Vec<Command> {
        let publish = PublishId::new(1);
        let mut commands = vec![Command::PublishStarted {
            tell: None,
            publish,
            stream: StreamName::new("live", "cam1").unwrap(),
            tape_zero: ZERO,
            boot_zero,
            about: Default::default(),
        }];
        for (place, recording) in (0..).zip(ids) {
            let (begins, ends) = (place * seconds, (place + 1) * seconds);
            commands.push(Command::RecordingStarted {
                recording: *recording,
                publish,
                start: ZERO + begins * 1_000_000,
                spec: RecordingSpec::built_in().into(),
            });
            commands.extend((begins..ends).map(|second| Command::Append {
                publish,
                fragment: testing::fragment(second, true),
            }));
            commands.push(Command::RecordingClosed {
                recording: *recording,
                end: ZERO + ends * 1_000_000,
                reason: "stopped".to_owned(),
            });
        }
        commands.push(Command::PublishEnded {
            publish,
            reason: "closed".to_owned(),
            outcome: Default::default(),
        });
        commands
    }

    /// The events `channel.exception` so far.
    async fn exceptions(&self) -> Vec<Value> {
        self.api.recorder.flush().await.unwrap();
        let read = self.api.read(|library| library.outbox(0, 1_000, 1 << 20));
        let events = read.await.unwrap();
        let told = events.iter().filter(|event| event.kind == "channel.exception");
        told.map(|event| serde_json::from_str(&event.body).unwrap())
            .collect()
    }

    async fn ask(&self, command: &str, body: &Value) -> Value {
        let answer = self.api.call(command, body.to_string().as_bytes()).await;
        serde_json::from_str(&answer.to_json()).unwrap()
    }

    async fn refused(&self, command: &str, body: &Value) -> (String, String) {
        let answer = self.ask(command, body).await;
        let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer["ok"], false, "{command} {body}: {answer}");
        (text("code"), text("message"))
    }

    async fn stop(self) -> std::path::PathBuf {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap()
            .unwrap();
        self.dir
    }
}

#[tokio::test]
async fn a_channel_is_put_listed_switched_and_deleted_and_survives_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let the_box = a_box(home.path());
    let ids = [RecordingId::new(7), RecordingId::new(8)];
    the_box.record(&ids, 20).await;
    let [one, two] = ids.map(|id| id.to_string());
    for (body, code, words) in [
        (json!({"items": [one]}), "bad_request", "'name' is missing"),
        (
            json!({"name": "a b", "items": [one]}),
            "bad_request",
            "no name of a channel",
        ),
        (json!({"name": "a", "items": []}), "bad_request", "1 to 100"),
        (
            json!({"name": "a", "items": vec![&one; 101]}),
            "bad_request",
            "1 to 100",
        ),
        (json!({"name": "a", "items": ["f"]}), "not_found", "'f'"),
        (
            json!({"name": "a", "items": [format!("{one}@5s")]}),
            "bad_request",
            "10min..12min",
        ),
        (
            json!({"name": "a", "items": [format!("{one}@9s..8s")]}),
            "bad_request",
            "nothing between",
        ),
        (
            json!({"name": "a", "items": ["live/cam1"]}),
            "bad_request",
            "both times",
        ),
        (
            json!({"name": "a", "items": ["live/cam2@2h..1h"]}),
            "not_found",
            "no recording of 'live/cam2'",
        ),
        (
            json!({"name": "a", "items": [one], "play": "twice"}),
            "bad_request",
            "twice",
        ),
        (
            json!({"name": "a", "items": [one], "expires": "2020-01-01T00:00:00Z"}),
            "bad_request",
            "not in the future",
        ),
    ] {
        let (got, message) = the_box.refused("channel.put", &body).await;
        assert_eq!(got, code, "{body}: {message}");
        assert!(message.contains(words), "{body}: {message}");
    }
    for command in ["channel.delete", "channel.enable", "channel.disable"] {
        let (code, message) = the_box.refused(command, &json!({"name": "evening"})).await;
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("not_found", "there is no channel 'evening'")
        );
    }

    let body = json!({"name": "evening", "play": "loop", "items": [one, format!("{two}@4s..12s"), one]});
    let put = the_box.ask("channel.put", &body).await;
    let row = &put["result"];
    assert_eq!(
        (&row["state"], &row["play"]),
        (&json!("playing"), &json!("loop")),
        "{put}"
    );
    assert_eq!(row["path"], "/channel/evening.m3u8");
    assert_eq!(
        (&row["items"][1]["from_s"], &row["items"][1]["to_s"]),
        (&json!(4.0), &json!(12.0))
    );
    let lasts: f64 = (0..3)
        .map(|at| row["items"][at]["duration_s"].as_f64().unwrap())
        .sum();
    assert!(
        (lasts - row["duration_s"].as_f64().unwrap()).abs() < 0.001,
        "{row}"
    );
    assert!((47.0..50.0).contains(&lasts), "{row}");
    assert_eq!(row.get("changes_at"), None);
    // The same again changes nothing; its start cannot be another.
    let again = the_box.ask("channel.put", &body).await;
    assert_eq!(again["result"]["start"], row["start"]);
    assert_eq!(again["result"].get("changes_at"), None, "{again}");
    let other = json!({"name": "evening", "items": [one], "start": "2099-01-01T00:00:00Z"});
    assert_eq!(the_box.refused("channel.put", &other).await.0, "conflict");
    // Another list is for the next border.
    let other = json!({"name": "evening", "play": "once", "items": [two]});
    let changed = the_box.ask("channel.put", &other).await;
    assert!(
        changed["result"]["changes_at"].as_str().unwrap() > row["start"].as_str().unwrap(),
        "{changed}"
    );
    let off = the_box.ask("channel.disable", &json!({"name": "evening"})).await;
    assert_eq!(off["result"]["state"], "disabled");

    let the_box = a_box(&the_box.stop().await);
    let list = the_box.ask("channel.list", &json!({})).await;
    let rows = list["result"]["channels"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["state"], &rows[0]["play"]),
        (1, &json!("disabled"), &json!("once"))
    );
    let on = the_box.ask("channel.enable", &json!({"name": "evening"})).await;
    assert_eq!(on["result"]["state"], "playing", "{on}");
    let deleted = the_box.ask("channel.delete", &json!({"name": "evening"})).await;
    assert_eq!(deleted["result"]["name"], "evening");
    let the_box = a_box(&the_box.stop().await);
    assert_eq!(
        the_box.ask("channel.list", &json!({})).await["result"]["channels"],
        json!([])
    );
    the_box.stop().await;
}

#[tokio::test]
async fn a_recording_that_is_deleted_is_left_out_and_an_expired_channel_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let the_box = a_box(home.path());
    let ids = [RecordingId::new(7), RecordingId::new(8)];
    the_box.record(&ids, 20).await;
    let [one, two] = ids.map(|id| id.to_string());
    let body = json!({"name": "evening", "play": "loop", "items": [one, two]});
    the_box.ask("channel.put", &body).await;
    let name: Name = "evening".parse().unwrap();
    let before = the_box.api.channel(&name).unwrap();
    the_box.api.look_at_channels().await.unwrap();
    assert_eq!(the_box.api.channel(&name).unwrap(), before, "nothing is gone");
    let deleted = the_box.ask("recording.delete", &json!({"recording": two})).await;
    assert_eq!(deleted["ok"], true, "{deleted}");
    for _ in 0..2 {
        the_box.api.look_at_channels().await.unwrap();
    }
    let after = the_box.api.channel(&name).unwrap();
    let left: Vec<RecordingId> = after
        .last()
        .unwrap()
        .lap()
        .items()
        .map(|item| item.recording)
        .collect();
    assert_eq!(left, [ids[0]]);
    assert!(matches!(after.at(after.start), Now::Plays(_)));
    let told = the_box.exceptions().await;
    assert_eq!(told.len(), 1, "once");
    assert_eq!(
        (&told[0]["channel"], &told[0]["recording"]),
        (&json!("evening"), &json!(two))
    );

    the_box
        .ask("channel.put", &json!({"name": "short", "items": [one]}))
        .await;
    let short: Name = "short".parse().unwrap();
    let mut expired = Channel::clone(&the_box.api.channel(&short).unwrap());
    expired.expires = Some(expired.start);
    the_box
        .api
        .keep_channel(&short, Some(expired), Vec::new())
        .await
        .unwrap();
    the_box.api.look_at_channels().await.unwrap();
    assert!(the_box.api.channel(&short).is_none());
    the_box.stop().await;
}

const DAY: Micros = 86_400_000_000;

#[tokio::test]
async fn what_was_to_be_shown_while_the_box_was_off_is_told_once() {
    let (one, other) = (RecordingId::new(7), RecordingId::new(8));
    let template = json!({"name": "default", "pseudo_live": "+1min"});
    // The time passed before the recording was complete: the power went while it was recorded. Where the template is new, nobody
    // waits for it.
    for (since_days, told) in [(Some(4), 1), (None, 0)] {
        let home = tempfile::tempdir().unwrap();
        let the_box = a_box(home.path());
        the_box.record_from(&[one], 20, RealClock.boot() - 2 * DAY).await;
        let now = the_box.api.recorder.believed_utc().unwrap();
        let looked = since_days.map(|days| {
            let wanted = json!({"default": {"when": "+1min", "since": now - days * DAY}});
            (
                "looked".to_owned(),
                json!({"at": now - 3 * DAY, "wanted": wanted}).to_string(),
            )
        });
        the_box.api.restore_shown_again(looked.as_slice());
        assert_eq!(the_box.ask("template.put", &template).await["ok"], true);
        for _ in 0..2 {
            the_box.api.show_again().await.unwrap();
        }
        let events = the_box.exceptions().await;
        assert_eq!(events.len(), told, "{events:?}");
        for event in events {
            let reason = event["reason"].as_str().unwrap();
            assert!(reason.contains("passed while the box was off"), "{event}");
            assert!(
                reason.ends_with(&format!("channel put live-cam1-{one} {one}")),
                "{event}"
            );
            assert_eq!(event["stream"], "live/cam1");
        }
        assert_eq!(
            the_box.ask("channel.list", &json!({})).await["result"]["channels"],
            json!([])
        );
        // A restart knows what is noted, also where nothing was shown.
        let the_box = a_box(&the_box.stop().await);
        the_box.ask("template.put", &template).await;
        the_box.api.show_again().await.unwrap();
        assert_eq!(the_box.exceptions().await.len(), told);
        the_box.stop().await;
    }

    // The channel was made, and all of its time passed.
    let home = tempfile::tempdir().unwrap();
    let the_box = a_box(home.path());
    let now = the_box.api.recorder.believed_utc().unwrap();
    let channel = |id: RecordingId, start: Micros| {
        let mut channel = long(0);
        channel.name = format!("live-cam1-{id}").parse().unwrap();
        channel.start = start;
        channel.expires = Some(start + DAY);
        (channel.name.to_string(), serde_json::to_string(&channel).unwrap())
    };
    the_box
        .api
        .restore_channels(&[channel(one, now - 2 * DAY), channel(other, now + DAY)]);
    let waits = [one, other].map(|id| (id.to_string(), "waits".to_owned()));
    the_box.api.restore_shown_again(&waits);
    for _ in 0..2 {
        the_box.api.look_at_waiting().unwrap();
    }
    let events = the_box.exceptions().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["recording"], one.to_string());
    assert!(
        events[0]["reason"]
            .as_str()
            .unwrap()
            .contains("nobody could see it"),
        "{events:?}"
    );
    the_box.stop().await;
}

/// A clock that is later than the real one, and may not be believed.
#[derive(Default)]
struct Steered {
    later: AtomicI64,
    doubtful: AtomicBool,
}

impl Clock for Steered {
    fn boot(&self) -> Micros {
        RealClock.boot()
    }

    fn utc(&self) -> Micros {
        RealClock.utc() + self.later.load(Ordering::Relaxed)
    }

    fn synced(&self) -> bool {
        !self.doubtful.load(Ordering::Relaxed)
    }

    fn boot_id(&self) -> [u8; 16] {
        RealClock.boot_id()
    }
}

/// Nobody sees a channel while the box does not believe its clock.
#[tokio::test]
async fn what_was_to_be_shown_while_the_clock_was_doubtful_is_told() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(Steered::default());
    let the_box = a_box_by(home.path(), clock.clone());
    let now = the_box.api.recorder.believed_utc().unwrap();
    let ids = [RecordingId::new(7), RecordingId::new(8)];
    let channels = ids.map(|id| {
        let mut channel = long(0);
        channel.name = format!("live-cam1-{id}").parse().unwrap();
        channel.start = now + DAY;
        // The other one goes on.
        channel.expires = (id == ids[0]).then_some(now + 2 * DAY);
        (channel.name.to_string(), serde_json::to_string(&channel).unwrap())
    });
    the_box.api.restore_channels(&channels);
    let waits = ids.map(|id| (id.to_string(), "waits".to_owned()));
    the_box.api.restore_shown_again(&waits);
    the_box.api.look_at_waiting().unwrap();

    clock.doubtful.store(true, Ordering::Relaxed);
    the_box.api.look_at_waiting().unwrap();
    clock.later.store(3 * DAY, Ordering::Relaxed);
    clock.doubtful.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        the_box.api.look_at_waiting().unwrap();
    }
    let events = the_box.exceptions().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["recording"], ids[0].to_string());
    the_box.stop().await;
}

/// After a power cut, a recording stays open for its resume window, and longer where the clock comes late.
#[tokio::test]
async fn a_recording_that_closes_long_after_its_end_is_told_of_over_a_restart_too() {
    let template = json!({"name": "default", "pseudo_live": "+1min"});
    let home = tempfile::tempdir().unwrap();
    let the_box = a_box(home.path());
    let commands = Box::recording(&[RecordingId::new(7)], 20, RealClock.boot() - 2 * DAY);
    let is_close = |command: &Command| matches!(command, Command::RecordingClosed { .. });
    let (close, before): (Vec<_>, Vec<_>) = commands.into_iter().partition(is_close);
    for command in before {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    let now = the_box.api.recorder.believed_utc().unwrap();
    let wanted = json!({"default": {"when": "+1min", "since": now - 4 * DAY}});
    let looked = json!({"at": now - 3 * DAY, "wanted": wanted}).to_string();
    the_box.api.restore_shown_again(&[("looked".to_owned(), looked)]);
    the_box.ask("template.put", &template).await;
    the_box.api.show_again().await.unwrap();

    let the_box = a_box(&the_box.stop().await);
    the_box.ask("template.put", &template).await;
    the_box.api.show_again().await.unwrap();
    assert_eq!(the_box.exceptions().await.len(), 0);
    for command in close {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    the_box.api.recorder.flush().await.unwrap();
    for _ in 0..2 {
        the_box.api.show_again().await.unwrap();
    }
    assert_eq!(the_box.exceptions().await.len(), 1);
    the_box.stop().await;
}

#[tokio::test]
async fn a_push_that_cannot_be_read_does_not_cost_its_channel() {
    let dir = tempfile::tempdir().unwrap();
    let the_box = a_box(dir.path());
    let mut kept = serde_json::to_value(long(0)).unwrap();
    let push = |number: u32, url: &str| json!({ "number": number, "url": url });
    kept["pushes"] = json!([
        push(1, &format!("rtmp://h:1935/app/{}", "k".repeat(1_024))),
        push(2, "rtmp://h:1935/app/key"),
        "no push",
    ]);
    the_box
        .api
        .restore_channels(&[("long".to_owned(), kept.to_string())]);
    let channel = the_box.api.channel(&"long".parse().unwrap()).unwrap();
    let left: Vec<u32> = channel.pushes.iter().map(|push| push.number).collect();
    assert_eq!((left, channel.items().count()), (vec![2], 1));
    the_box.stop().await;
}

/// A channel of 50,000 chunks.
fn long(uneven: u32) -> Channel {
    let chunk = |number: u32| Chunk {
        duration_ms: 6_000 + number % 7 * uneven,
        gap_ms: 211 * uneven,
        init: 0,
        discontinuity: uneven > 0,
        independent: true,
    };
    let item = Item {
        recording: RecordingId::from_bytes([1; 16]),
        stream: "live/cam1".parse().unwrap(),
        also: Vec::new(),
        from: None,
        to: None,
        lead_ms: 0,
        inits: vec![InitName::of(b"init")],
        variant: Variant::default(),
        chunks: (0..50_000).map(chunk).collect::<Vec<_>>().into(),
    };
    Channel::new("long".parse().unwrap(), ZERO, Play::Loop, vec![item])
}

#[tokio::test]
async fn a_list_that_would_fill_the_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let the_box = a_box(dir.path());
    the_box.api.fits(&long(0)).await.unwrap();
    let refused = the_box.api.fits(&long(1)).await.unwrap_err();
    assert!(
        refused.message.contains("bytes of the journal"),
        "{}",
        refused.message
    );
    the_box.stop().await;
}
