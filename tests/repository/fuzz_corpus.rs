//! Replays every seed and every input with which a fuzzer once found a fault. No input may panic.

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is part of the source tree") {
        let path = entry.expect("a readable folder").path();
        run(&std::fs::read(&path).expect("a readable seed"));
        count += 1;
    }
    assert!(count >= 8, "{target} has only {count} seeds");
}

#[test]
fn chunks() {
    replay("chunks", edgereel::doors::rtmp::fuzz_chunks);
}

#[test]
fn amf0() {
    replay("amf0", edgereel::doors::rtmp::fuzz_amf0);
}

#[test]
fn requests() {
    replay("requests", edgereel::doors::mqtt::fuzz_request);
}

#[test]
fn tags() {
    replay("tags", edgereel::doors::rtmp::fuzz_tags);
}

#[test]
fn s3_answers() {
    replay("s3_answers", edgereel::delivery::fuzz_s3_answer);
}

#[test]
fn configuration() {
    replay("configuration", edgereel::config::fuzz);
}

#[test]
fn tokens() {
    replay("tokens", edgereel::access::viewer::fuzz_token);
}

#[test]
fn playback_signatures() {
    replay("playback_signatures", edgereel::access::viewer::fuzz_signatures);
}

#[test]
fn http_targets() {
    replay("http_targets", edgereel::doors::http::fuzz_target);
}

#[test]
fn http_ranges() {
    replay("http_ranges", edgereel::doors::http::fuzz_range);
}

#[test]
fn time_shifts() {
    replay("time_shifts", edgereel::timeshift::fuzz_shift);
}
