//! Every metric: its name, its type, what it says, and the facts that it is made of. docs/operations.md lists them.

use super::Facts;
use super::text::{Family, Type};
use crate::api::{ByWord, DeliveryFigures, Figures, JournalFigures, LinkFigures, StreamFigures};
use crate::media::{Micros, StreamName};
use crate::store::SyncTimes;

/// All metrics, for somebody who may see these streams.
pub(super) fn families(facts: &Facts, sees: impl Fn(&StreamName) -> bool) -> Vec<Family> {
    let figures = &facts.figures;
    let mut all = service(figures);
    all.extend(streams(figures, sees));
    all.extend(storage(figures));
    all.extend(figures.journal.iter().flat_map(journal));
    all.push(by_word(
        Family::counter(
            "edgereel_recordings_ended",
            "Recordings that ended, by what ended them",
        ),
        "reason",
        &figures.ended,
    ));
    all.extend(figures.delivery.iter().flat_map(delivery));
    all.extend(figures.mqtt.iter().flat_map(mqtt));
    all.extend(http(facts));
    all.extend(process(figures));
    all
}

fn service(figures: &Figures) -> Vec<Family> {
    let build = &figures.build;
    vec![
        Family::new(
            Type::Info,
            "edgereel_build",
            "The release, its processor and the commit it was built of",
        )
        .with_labels(
            [
                ("version", build.version),
                ("arch", build.arch),
                ("revision", build.revision),
            ],
            1,
        ),
        Family::gauge(
            "edgereel_start_time_seconds",
            "When the service started, as Unix time",
        )
        .with(seconds(figures.started)),
        Family::gauge("edgereel_clock_synced", "1 while the clock is known to be right")
            .with(figures.clock.synced),
        Family::counter(
            "edgereel_defects",
            "Broken invariants that edgereel found in itself",
        )
        .with(figures.process.defects),
        Family::counter(
            "edgereel_task_failures",
            "Tasks that failed by a defect and were started again",
        )
        .with(figures.process.failures),
        Family::counter(
            "edgereel_log_dropped",
            "Log lines that were dropped because they were not read in time",
        )
        .with(figures.log_lost),
    ]
}

fn streams(figures: &Figures, sees: impl Fn(&StreamName) -> bool) -> Vec<Family> {
    let mut up = Family::gauge("edgereel_stream_up", "1 while somebody publishes the stream");
    let mut received = Family::counter(
        "edgereel_stream_received_bytes",
        "Media that came in, recorded or not; stream=\"\" is all streams without a row of their own",
    );
    let mut frames = Family::counter(
        "edgereel_stream_frames",
        "Pictures, and packets of sound, that came in",
    );
    let mut gaps = Family::counter("edgereel_stream_gaps", "Gaps in the tape, by cause");
    let mut interval = Family::gauge(
        "edgereel_stream_keyframe_interval_seconds",
        "Time between the last two keyframes",
    );
    let mut last = Family::gauge(
        "edgereel_stream_last_frame_timestamp_seconds",
        "When the last frame came, as Unix time",
    );
    let seen = |row: &&StreamFigures| row.stream.as_ref().is_none_or(&sees);
    for row in figures.named.iter().chain([&figures.others]).filter(seen) {
        let stream = row.stream.as_ref().map_or("", StreamName::as_str);
        received.add([("stream", stream)], row.received_bytes);
        frames.add([("stream", stream), ("track", "video")], row.video_frames);
        frames.add([("stream", stream), ("track", "audio")], row.audio_frames);
        for (cause, count) in &row.gaps {
            gaps.add([("stream", stream), ("reason", cause)], *count);
        }
        if row.stream.is_none() {
            continue;
        }
        up.add([("stream", stream)], row.is_live);
        if let Some(time) = row.keyframe_interval {
            interval.add([("stream", stream)], seconds(time));
        }
        if let Some(time) = row.last_frame {
            last.add([("stream", stream)], seconds(time));
        }
    }
    let all = Family::gauge(
        "edgereel_streams",
        "Streams on the air, and those of them that are recorded",
    )
    .with_labels([("state", "live")], figures.streams.live as u64)
    .with_labels([("state", "recording")], figures.streams.recording as u64);
    let refused = Family::counter(
        "edgereel_publish_refused",
        "Publishes that were refused, by reason",
    );
    let refused = by_word(refused, "reason", &figures.refused);
    vec![all, up, received, frames, gaps, interval, last, refused]
}

fn storage(figures: &Figures) -> Vec<Family> {
    let storage = &figures.storage;
    let mut state = Family::gauge("edgereel_storage_state", "1 for the state that the storage is in");
    for word in ["ok", "full", "failed"] {
        state.add([("state", word)], storage.state == word);
    }
    vec![
        Family::gauge("edgereel_storage_used_bytes", "Space that media takes").with(storage.used),
        Family::gauge(
            "edgereel_storage_left_bytes",
            "Space that is left until the next eviction",
        )
        .with(storage.left),
        Family::counter("edgereel_storage_written_bytes", "What was written to the tape")
            .with(storage.written),
        Family::counter(
            "edgereel_storage_lost_bytes",
            "Media that came in and could not be kept",
        )
        .with(storage.lost),
        state,
        syncs(&figures.syncs),
        Family::gauge(
            "edgereel_storage_queue_bytes",
            "What waits in memory for the storage device",
        )
        .with(figures.queue_bytes),
        Family::gauge(
            "edgereel_ring_bytes",
            "Media of the last seconds in memory, of all streams",
        )
        .with(figures.ring_bytes),
    ]
}

fn syncs(times: &SyncTimes) -> Family {
    let mut family = Family::new(
        Type::Histogram,
        "edgereel_storage_sync_seconds",
        "How long it took to make written media durable",
    );
    for (bound, count) in times.within() {
        family.add_part("_bucket", [("le", &bound_text(bound))], count);
    }
    family.add_part("_bucket", [("le", "+Inf")], times.count);
    family.add_part("_sum", [], seconds(times.sum));
    family.add_part("_count", [], times.count);
    family
}

fn journal(journal: &JournalFigures) -> Vec<Family> {
    let recordings = &journal.recordings;
    let mut waiting = Family::gauge(
        "edgereel_callback_waiting",
        "Events that a callback did not accept and is offered again",
    );
    let mut given_up = Family::gauge(
        "edgereel_callback_given_up",
        "Events that a callback did not accept and is offered again only on request",
    );
    for (name, again, over) in &journal.callbacks {
        waiting.add([("name", name)], *again);
        given_up.add([("name", name)], *over);
    }
    vec![
        Family::gauge("edgereel_recordings", "Recordings on the box, by state")
            .with_labels([("state", "open")], recordings.open)
            .with_labels([("state", "closed")], recordings.closed)
            .with_labels([("state", "delivered")], recordings.delivered),
        Family::gauge(
            "edgereel_outbox_events",
            "Events that wait for the broker or for a callback",
        )
        .with(journal.outbox_events),
        waiting,
        given_up,
    ]
}

fn delivery(delivery: &DeliveryFigures) -> Vec<Family> {
    let mut up = Family::gauge(
        "edgereel_delivery_up",
        "1 while the object store is reached; absent before it was needed",
    );
    if let Some(reached) = delivery.reached {
        up.add([], reached);
    }
    let mut all = vec![
        up,
        Family::counter("edgereel_delivery_sent_bytes", "What the object store confirmed")
            .with(delivery.sent_bytes),
        by_word(
            Family::counter(
                "edgereel_delivery_failures",
                "Transfers that failed, also those that are tried again",
            ),
            "kind",
            &delivery.failures,
        ),
    ];
    if let Some(waiting) = &delivery.waiting {
        all.extend([
            by_word(
                Family::gauge(
                    "edgereel_delivery_waiting",
                    "Files and folders of closed recordings that wait",
                ),
                "format",
                &waiting.formats,
            ),
            Family::gauge(
                "edgereel_delivery_waiting_bytes",
                "Tape of the closed recordings that wait",
            )
            .with(waiting.bytes),
            Family::gauge(
                "edgereel_delivery_set_aside",
                "Recordings with failed deliveries, which wait for sync retry",
            )
            .with(waiting.set_aside),
            Family::gauge(
                "edgereel_delivery_lag_seconds",
                "Time since the end of the recording that has waited longest; 0 when nothing waits",
            )
            .with(seconds(waiting.lag)),
        ]);
    }
    all
}

fn mqtt(link: &LinkFigures) -> Vec<Family> {
    vec![
        Family::gauge("edgereel_mqtt_up", "1 while the broker is connected").with(link.is_up),
        Family::counter(
            "edgereel_mqtt_dropped",
            "Events that the broker did not get, and never will",
        )
        .with(link.counts.dropped),
    ]
}

fn http(facts: &Facts) -> Vec<Family> {
    let http = &facts.http;
    let mut requests = Family::counter(
        "edgereel_http_requests",
        "Requests that were answered, by route and status",
    );
    for (route, code, count) in &http.requests {
        requests.add([("route", route), ("code", code)], *count);
    }
    vec![
        requests,
        by_word(
            Family::counter(
                "edgereel_http_response_bytes",
                "Bytes of bodies that were sent, by route",
            ),
            "route",
            &http.sent,
        ),
        Family::gauge(
            "edgereel_http_viewers",
            "Addresses that read media now, or did within the last minute",
        )
        .with(http.viewers),
        Family::gauge("edgereel_http_open_responses", "Responses that are being sent").with(http.open),
    ]
}

/// The names that every exporter has.
fn process(figures: &Figures) -> Vec<Family> {
    let mut start = Family::gauge(
        "process_start_time_seconds",
        "When the process started, as Unix time",
    );
    if let Some(started) = figures.process_started {
        start.add([], seconds(started));
    }
    vec![
        Family::counter("process_cpu_seconds", "Processor time").with(figures.process.cpu_s),
        Family::gauge("process_resident_memory_bytes", "Memory").with(figures.process.rss),
        Family::gauge("process_open_fds", "Open file descriptors").with(figures.open_files),
        start,
    ]
}

fn by_word(mut family: Family, label: &'static str, counts: &ByWord) -> Family {
    for (word, count) in counts {
        family.add([(label, word)], *count);
    }
    family
}

fn seconds(time: Micros) -> f64 {
    time as f64 / 1e6
}

/// A bound as OpenMetrics has it: always with a point. The other format takes that, too, and so the series are the same.
fn bound_text(bound: Micros) -> String {
    format!("{:?}", seconds(bound))
}
