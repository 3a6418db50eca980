//! The service when a part of it fails by a defect.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::watch::{is_to_fail, provoke};

/// A service with `more` lines in its configuration.
async fn service(home: &Path, more: &str) -> Service {
    let shown = home.display();
    let text = format!(
        "[device]\nid = \"box\"\n[storage]\ndir = \"{shown}/store\"\n[rtmp]\nlisten = [\"127.0.0.1:0\"]\n\
         [control]\nsocket = \"{shown}/c.sock\"\n{more}"
    );
    let config = Config::parse(Some((Path::new("box.toml"), &text)), [], "box").unwrap();
    Service::start(config).await.unwrap()
}

#[tokio::test]
async fn a_door_that_fails_begins_anew_and_what_the_recording_stands_on_ends_the_service() {
    let home = tempfile::tempdir().unwrap();
    let before = crate::watch::failures();
    let doors = ["MQTT", "callback/of-a-test", "sync"];
    // Each door fails a second time only when it has begun anew.
    doors.iter().for_each(|door| provoke(door, 2));
    // No broker and no web service answers at these addresses.
    let away = home.path().join("away");
    std::fs::create_dir(&away).unwrap();
    let more = format!(
        "[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n[sync]\nurl = \"file://{}\"\n\
         [[callback]]\nname = \"of-a-test\"\nurl = \"http://127.0.0.1:1/\"\n",
        away.display()
    );
    let mut service = service(home.path(), &more).await;
    let begun_anew = async {
        while doors.iter().any(|door| is_to_fail(door)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = begun_anew => (),
        failed = service.failed() => panic!("{failed:?}"),
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("not all of them came by twice"),
    }
    let health = service.api.health().await;
    assert!(health.process.failures >= before + 6, "{health:?}");
    // Without a clock the service ends.
    provoke("the recorder's clock", 1);
    let failed = service.failed().await.unwrap_err().to_string();
    assert!(failed.contains("the recorder's clock"), "{failed}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_storage_thread_that_ends_ends_the_service() {
    let home = tempfile::tempdir().unwrap();
    let mut service = service(home.path(), "").await;
    service.store.shutdown().unwrap();
    let failed = service.failed().await.unwrap_err().to_string();
    assert_eq!(failed, "the storage thread ended");
    // The rest of the service is still ended, and nothing hangs.
    assert!(service.stop().await.is_err());
}
