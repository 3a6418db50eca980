//! The unit under systemd, in its sandbox.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::boot::{Booted, CLIP};
use crate::support::wait_for;

/// A push that continues until it is dropped, or its service is gone.
struct Push(Child);

impl Push {
    fn start(booted: &Booted) -> Self {
        let url = "rtmp://127.0.0.1/live/cam1";
        let mut command = booted.command(&["/usr/bin/edgereel", "publish", "--loop", CLIP, url]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let push = Self(command.spawn().unwrap());
        wait_for("a recording", || {
            booted
                .shows("StatusText")
                .starts_with("1 on the air, 1 recording")
                .then_some(())
        });
        push
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The service's answer about its box.
fn about(booted: &Booted) -> Value {
    let told = booted.run(&["edgereel", "device", "info", "--json"]).ok();
    let mut told: Value = serde_json::from_slice(&told.stdout).unwrap();
    told["result"].take()
}

#[test]
fn the_sandboxed_service_records_and_a_stop_seals() {
    let booted = Booted::new("", "");
    let push = Push::start(&booted);
    let before = about(&booted);
    assert!(before["memory"].as_u64().unwrap() > 0, "{before}");
    booted.run(&["systemctl", "stop", "edgereel"]).ok();
    drop(push);
    // Exit code 0: all is sealed.
    assert_eq!(booted.shows("Result"), "success");
    assert_eq!(booted.shows("ExecMainStatus"), "0");
    // Root reads the files of the service's user, and does not change their owner.
    booted.run(&["edgereel", "verify"]).ok();
    let made = booted
        .run(&["edgereel", "export", "--last", "--format", "mp4", "-o", "-"])
        .ok();
    assert!(made.stdout.len() > 10_000, "{} bytes", made.stdout.len());
    let strange = booted
        .run(&["find", "/var/lib/edgereel", "!", "-user", "edgereel"])
        .ok();
    assert_eq!(strange.text(), "");
    booted.run(&["systemctl", "start", "edgereel"]).ok();
    // The boot id is the kernel's, and not one that the service makes up when the sandbox hides the kernel's.
    assert_eq!(about(&booted)["boot_id"], before["boot_id"]);
}

/// The worker decodes in its sandbox, and one that gets too little memory costs a picture and nothing else.
#[test]
fn the_sandboxed_worker_makes_pictures_and_runs_out_of_memory_alone() {
    let booted = Booted::new("[http]\nlisten = [\"127.0.0.1:8080\"]\n", "");
    let _push = Push::start(&booted);
    let ask = |query: &str| {
        let url = format!("http://127.0.0.1:8080/live/cam1/frame.jpg?{query}");
        let words = ["curl", "-s", "-o", "/root/still.jpg", "-w", "%{http_code}", &url];
        booted.run(&words).text()
    };
    let said = || booted.run(&["cat", "/root/still.jpg"]).ok().stdout;
    wait_for("a picture", || match &*ask("width=160") {
        // Nothing of the stream is on flash yet.
        "404" => None,
        other => Some(other.to_owned()),
    });
    let status = ask("width=160");
    let journal = || booted.run(&["journalctl", "--no-pager", "--output=cat"]).text();
    assert_eq!(
        status,
        "200",
        "{}\n{}",
        String::from_utf8_lossy(&said()),
        journal()
    );
    assert_eq!(said()[..2], [0xff, 0xd8]);
    let folder = "/run/systemd/system/edgereel-media@.service.d";
    let small = format!(
        "mkdir -p {folder} && printf '[Service]\\nLimitAS=64M\\n' > {folder}/small.conf && systemctl daemon-reload"
    );
    booted.run(&["sh", "-c", &small]).ok();
    assert_eq!(ask("width=162"), "503");
    let told = String::from_utf8(said()).unwrap();
    assert!(told.contains("media worker"), "{told}");
    assert!(
        booted
            .shows("StatusText")
            .starts_with("1 on the air, 1 recording")
    );
}

#[test]
fn a_card_can_be_taken_out_and_put_back() {
    let booted = Booted::new("min_free = \"1 MiB\"\n", "");
    let store = "/var/lib/edgereel";
    let put = ["mount", "--bind", "/mnt", store];
    booted.run(&["systemctl", "stop", "edgereel"]).ok();
    booted
        .run(&["mount", "-t", "tmpfs", "-o", "size=64M", "card", "/mnt"])
        .ok();
    booted.run(&["mount", "--make-private", "/mnt"]).ok();
    booted.run(&put).ok();
    booted.run(&["systemctl", "start", "edgereel"]).ok();
    let _push = Push::start(&booted);
    booted.run(&["umount", "--lazy", store]).ok();
    let seen = booted
        .run(&["cat", &format!("/proc/{}/mountinfo", booted.shows("MainPID"))])
        .ok();
    assert!(!seen.text().contains(&format!(" {store} ")), "{}", seen.text());
    wait_for("the card to be missed", || {
        booted
            .shows("StatusText")
            .starts_with("storage failed")
            .then_some(())
    });
    booted.run(&put).ok();
    wait_for("the card to be found", || {
        booted
            .shows("StatusText")
            .starts_with("1 on the air, 1 recording")
            .then_some(())
    });
    assert_eq!(booted.shows("NRestarts"), "0");
    booted.run(&["edgereel", "verify"]).ok();
}

#[test]
fn a_reload_is_done_when_systemd_says_so_and_a_wrong_one_changes_nothing() {
    let booted = Booted::new("", "");
    booted.configure("[ring]\npre_roll = \"7s\"\n");
    booted.run(&["systemctl", "reload", "edgereel"]).ok();
    let held = booted.run(&["edgereel", "config", "get"]).ok().text();
    assert!(held.contains("pre_roll = \"7s\""), "{held}");
    booted.configure("[ring]\nmemori = \"1 MiB\"\n");
    booted.run(&["systemctl", "reload", "edgereel"]).failed(1, &[]);
    booted.wait_journal("unknown key 'memori'");
    assert_eq!(booted.shows("ActiveState"), "active");
    assert_eq!(booted.shows("NRestarts"), "0");
}

#[test]
fn a_wrong_configuration_is_told_and_not_tried_again() {
    let booted = Booted::new("", "[Service]\nRestartSec=100ms\n");
    booted.configure("[ring]\nmemori = \"1 MiB\"\n");
    booted.run(&["systemctl", "restart", "edgereel"]).failed(1, &[]);
    assert_eq!(booted.shows("ActiveState"), "failed");
    assert_eq!(booted.shows("ExecMainStatus"), "78");
    booted.wait_journal("edgereel.toml:4: unknown key 'memori'");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        (booted.shows("NRestarts"), booted.shows("ActiveState")),
        ("0".into(), "failed".into())
    );
}

#[test]
fn what_may_come_right_and_what_crashes_is_started_again_without_end() {
    let booted = Booted::new("", "[Service]\nRestartSec=100ms\n");
    // More restarts than systemd allows by default.
    for crash in 1..=7 {
        booted
            .run(&["systemctl", "kill", "--signal=KILL", "edgereel"])
            .ok();
        booted.wait_shows("NRestarts", &crash.to_string());
        booted.wait_shows("ActiveState", "active");
    }
    booted.configure("[[publisher]]\nkey_file = \"push-key\"\n");
    booted.run(&["systemctl", "restart", "edgereel"]).failed(1, &[]);
    let secret = "umask 077; echo 0123456789abcdef > /etc/edgereel/credentials/push-key";
    booted.run(&["sh", "-c", secret]).ok();
    booted.wait_shows("ActiveState", "active");
    let url = |key: &str| format!("rtmp://127.0.0.1/live/cam1?key={key}");
    let push = |key: &str| booted.run(&["edgereel", "publish", "--fast", CLIP, &url(key)]);
    push("0123456789abcdef").ok();
    push("another").failed(1, &["Denied"]);
}

#[test]
fn a_service_that_hangs_is_ended_by_the_watchdog_and_started_again() {
    let booted = Booted::new("", "[Service]\nRestartSec=100ms\nWatchdogSec=2\n");
    let _push = Push::start(&booted);
    booted
        .run(&["systemctl", "kill", "--signal=STOP", "edgereel"])
        .ok();
    booted.wait_shows("NRestarts", "1");
    booted.wait_shows("ActiveState", "active");
    booted.wait_journal("result 'watchdog'");
    booted.run(&["edgereel", "verify"]).ok();
}
