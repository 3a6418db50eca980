//! A stream of the past by the addresses of each dialect. The decoded pictures are those of the range: none is missing, and none
//! comes twice.

use std::ops::{Range, RangeInclusive};

use super::others::{in_ffmpeg, in_mpv, in_vlc};
use super::programme::{OpenDoor, RATE, clip, run};
use crate::support::{home, wait_until};

const SECOND: i64 = 1_000_000;
/// Seconds of the stream. Each has a chunk.
const SECONDS: u32 = 24;
/// The seconds of the stream that ranges are of, and the one that delays lead to.
const ASKED: Range<usize> = 4..10;
const DELAYED_TO: usize = 14;
/// Playlists show milliseconds of what the box compares in microseconds.
const ROUNDED: i64 = 2_000;

/// An address, and the pictures with which it may begin and end.
struct Row {
    path: String,
    first: RangeInclusive<usize>,
    end: RangeInclusive<usize>,
}

impl Row {
    #[track_caller]
    fn judge(&self, player: &str, numbers: &[usize]) {
        let shown = run(numbers);
        let of = format!(
            "{player}, {}: {shown:?} of {} pictures, not {:?} to {:?}",
            self.path,
            numbers.len(),
            self.first,
            self.end
        );
        assert!(
            self.first.contains(&shown.start) && shown.start.is_multiple_of(RATE),
            "{of}"
        );
        if player == "VLC" {
            // It keeps some of the last pictures.
            assert!(
                shown.end <= *self.end.end() && shown.end + RATE >= *self.end.start(),
                "{of}"
            );
        } else {
            assert!(
                self.end.contains(&shown.end) && shown.end.is_multiple_of(RATE),
                "{of}"
            );
            assert_eq!(numbers.len(), shown.len(), "{of}");
        }
    }
}

/// When each chunk of a playlist begins, in microseconds (UTC).
fn dates(playlist: &str) -> Vec<i64> {
    let dates = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    dates
        .map(|date| date.parse::<jiff::Timestamp>().unwrap().as_microsecond())
        .collect()
}

/// The chunks between two moments.
fn between(dates: &[i64], from: i64, to: i64) -> Range<usize> {
    let first = dates.iter().position(|date| date + SECOND > from).unwrap();
    let end = dates.iter().rposition(|date| *date < to).unwrap() + 1;
    first..end
}

#[test]
fn each_dialect_shows_the_pictures_of_its_time_in_ffmpeg_mpv_and_vlc() {
    let door = OpenDoor::start();
    let file = door.home.path().join("clip.flv");
    clip(&file, 1, SECONDS);
    door.publish(&file, "live/cam1");
    door.finish();
    let start: jiff::Timestamp = door.recording("closed").start.parse().unwrap();
    let whole = door.text(&format!("/live/cam1.m3u8?start={start}"));
    let dates = dates(&whole);
    assert_eq!(dates.len(), SECONDS as usize, "{whole}");
    // A stream that was sent faster than it lasts has its times all the same. This one is to be in the past.
    let delayed_to = dates[DELAYED_TO] + SECOND;
    wait_until("the moment of the delays", || {
        jiff::Timestamp::now().as_microsecond() > delayed_to + 2 * SECOND
    });

    let second = |chunk: usize| dates[chunk].div_euclid(SECOND);
    let (from, to) = (second(ASKED.start), second(ASKED.end));
    let iso = |second: i64| jiff::Timestamp::from_second(second).unwrap();
    // Fourteen digits of UTC+8.
    let digits = |second: i64| iso(second + 8 * 3_600).strftime("%Y%m%d%H%M%S").to_string();
    let delay = (jiff::Timestamp::now().as_microsecond() - delayed_to) / SECOND;
    let token = door.token("1h");
    let token = token.strip_prefix(&door.url("")).unwrap();

    let wide = between(&dates, from * SECOND - ROUNDED, to * SECOND + ROUNDED);
    let narrow = between(&dates, from * SECOND + ROUNDED, to * SECOND - ROUNDED);
    let pictures = |one: usize, other: usize| one * RATE..=other * RATE;
    let first = pictures(wide.start, narrow.start);
    let (end, all) = (pictures(narrow.end, wide.end), SECONDS as usize);
    let mut rows = Vec::new();
    let mut row = |path: String, first: &RangeInclusive<usize>, end: RangeInclusive<usize>| {
        let first = first.clone();
        rows.push(Row { path, first, end });
    };
    let (stream, master) = ("/live/cam1.m3u8", "/live/cam1/master.m3u8");
    let old = "/timeshift/live/cam1/timeshift.m3u8";
    for range in [
        format!("{master}?start={from}&end={to}"),
        format!("{stream}?start={}&end={}", iso(from), iso(to)),
        format!("{token}{master}?start={from}&end={to}"),
        format!("{stream}?txTimeshift=on&tsStart={from}&tsEnd={to}&tsFormat=unix_s"),
        format!(
            "{master}?txTimeshift=on&tsFormat=human_s_8&tsStart={}&tsEnd={}",
            digits(from),
            digits(to)
        ),
        format!("{stream}?aliyunols=on&lhs_start_unix_s_0={from}&lhs_end_unix_s_0={to}"),
        format!(
            "{stream}?lhs_start=1&lhs_start_human_s_8={}&lhs_vodend_unix_s_0={to}",
            digits(from)
        ),
    ] {
        row(range, &first, end.clone());
    }
    for beginning in [
        format!("{master}?start={from}"),
        format!("{stream}?aliyunols=on&lhs_start_unix_s_0={from}"),
        format!("{old}?starttime={}", digits(from)),
    ] {
        row(beginning, &first, pictures(all, all));
    }
    // A player begins some chunks before the moment, or later on a busy machine, and is so late to the end.
    let window = pictures(0, all - 1);
    for late in [
        format!("{master}?delay={delay}s"),
        format!("{stream}?txTimeshift=on&tsDelay={delay}"),
        format!("{stream}?lhs_offset_unix_s_0={delay}&lhs_start=1&aliyunols=on"),
        format!("{old}?delay={delay}"),
    ] {
        row(late, &window, pictures(all, all));
    }

    // Each delayed one at its own time, and VLC plays as fast as the media lasts. ffmpeg and mpv play the others one after the other.
    let (late, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.first == window);
    let in_vlc = |row: &Row| row.judge("VLC", &in_vlc(home().path(), &[], &door.url(&row.path)));
    let in_mpv = |row: &Row| row.judge("mpv", &in_mpv(home().path(), &door.url(&row.path)));
    let in_ffmpeg = |row: &Row| row.judge("ffmpeg", &in_ffmpeg(&door.url(&row.path)));
    let players: [&(dyn Fn(&Row) + Sync); 3] = [&in_vlc, &in_mpv, &in_ffmpeg];
    std::thread::scope(|scope| {
        for row in &late {
            for play in players {
                scope.spawn(move || play(row));
            }
        }
    });
    std::thread::scope(|scope| {
        for row in &others {
            scope.spawn(|| in_vlc(row));
        }
        for row in &others {
            in_ffmpeg(row);
            in_mpv(row);
        }
    });
}
