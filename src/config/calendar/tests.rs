//! Clocks on walls around the world.

use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000_000;

fn since_midnight(time: jiff::civil::Time) -> i64 {
    jiff::civil::Time::midnight()
        .until(time)
        .unwrap()
        .total(jiff::Unit::Microsecond)
        .unwrap() as i64
}

fn utc(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn weekly(hours: &[&str], name: &str) -> Weekly {
    Weekly::parse(hours, zone(name)).unwrap()
}

#[test]
fn every_hour_on_the_hour() {
    for (now, every, name, next) in [
        ("2026-11-21T08:00:00Z", 3_600, "UTC", "2026-11-21T09:00:00Z"),
        (
            "2026-11-21T08:59:59.999999Z",
            3_600,
            "UTC",
            "2026-11-21T09:00:00Z",
        ),
        ("2026-11-21T08:10:00Z", 900, "UTC", "2026-11-21T08:15:00Z"),
        (
            "2026-11-21T08:10:00Z",
            86_400,
            "Asia/Shanghai",
            "2026-11-21T16:00:00Z",
        ),
        (
            "2026-11-21T08:10:00Z",
            3_600,
            "Asia/Kolkata",
            "2026-11-21T08:30:00Z",
        ),
        // Summer time ends. The clock shows 02:30 twice, and six hours by the clock last seven.
        (
            "2026-10-25T00:10:00Z",
            21_600,
            "Europe/Berlin",
            "2026-10-25T05:00:00Z",
        ),
        // The hour after two o'clock comes twice. Each has its own boundary.
        (
            "2026-10-25T00:00:00Z",
            3_600,
            "Europe/Berlin",
            "2026-10-25T01:00:00Z",
        ),
        (
            "2026-10-25T01:01:30Z",
            300,
            "Europe/Berlin",
            "2026-10-25T01:05:00Z",
        ),
        // Summer time begins. Two o'clock does not come, nor does a quarter past it.
        (
            "2026-03-29T00:31:00Z",
            2_700,
            "Europe/Berlin",
            "2026-03-29T01:00:00Z",
        ),
        (
            "2026-03-29T00:10:00Z",
            3_600,
            "Europe/Berlin",
            "2026-03-29T01:00:00Z",
        ),
    ] {
        let found = next_boundary(utc(now), Span::from_secs(every), &zone(name));
        assert_eq!(found, utc(next), "{now} {every} {name}");
    }
}

#[test]
fn working_hours_follow_summer_time() {
    let school = weekly(&["Mon-Fri 08:00-12:00", "Mon-Fri 13:00-18:00"], "Europe/Berlin");
    let friday = utc("2026-10-23T09:00:00Z");
    assert_eq!(
        school.window_at(friday),
        Some((utc("2026-10-23T06:00:00Z"), utc("2026-10-23T10:00:00Z")))
    );
    // The clock is set back over the weekend.
    let evening = utc("2026-10-23T16:00:00Z");
    assert_eq!(school.window_at(evening), None);
    assert_eq!(
        school.next_after(evening),
        Some((utc("2026-10-26T07:00:00Z"), utc("2026-10-26T11:00:00Z")))
    );
}

#[test]
fn nights_and_whole_days_are_windows_too() {
    let night = weekly(&["daily 22:00-06:00"], "America/New_York");
    assert_eq!(
        night.window_at(utc("2026-11-21T05:00:00Z")),
        Some((utc("2026-11-21T03:00:00Z"), utc("2026-11-21T11:00:00Z")))
    );
    // The night in which the clock is set back has nine hours, the one in which it is set forward seven.
    let length = |at| night.window_at(utc(at)).map(|(from, to)| (to - from) / HOUR);
    assert_eq!(length("2026-11-01T05:30:00Z"), Some(9));
    assert_eq!(length("2026-03-08T05:30:00Z"), Some(7));
    let weekend = weekly(&["Sat,Sun 00:00-24:00"], "UTC");
    assert_eq!(
        weekend.window_at(utc("2026-11-22T12:00:00Z")),
        Some((utc("2026-11-21T00:00:00Z"), utc("2026-11-23T00:00:00Z")))
    );
    let half = weekly(&["Sun 01:45-02:15"], "Australia/Lord_Howe");
    assert!(half.next_after(utc("2026-10-01T00:00:00Z")).is_some());
}

#[test]
fn an_hour_that_comes_twice_is_in_and_one_that_never_comes_begins_with_the_change() {
    let twice = weekly(&["Sun 02:00-03:00"], "Europe/Berlin");
    assert_eq!(
        twice.next_after(utc("2026-10-24T00:00:00Z")),
        Some((utc("2026-10-25T00:00:00Z"), utc("2026-10-25T02:00:00Z")))
    );
    let never = weekly(&["Sun 02:30-04:00"], "Europe/Berlin");
    let (from, to) = never.next_after(utc("2026-03-28T00:00:00Z")).unwrap();
    assert_eq!(
        (from, to),
        (utc("2026-03-29T01:00:00Z"), utc("2026-03-29T02:00:00Z"))
    );
}

#[test]
fn what_is_no_time_is_told() {
    for (text, said) in [
        ("Mon", "days and times"),
        ("Mon 08:00", "from when to when"),
        ("Mon 8:00-9:00", "first time"),
        ("Mon 24:00-25:00", "first time"),
        ("Mon 08:00-24:01", "second time"),
        ("Mon 08:00-08:00", "ends when it begins"),
        ("Mox 08:00-09:00", "days are not"),
        ("", "days and times"),
    ] {
        let error = Weekly::parse(&[text], Zone::utc_zone()).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(
        "Europe/Berlinn"
            .parse::<Zone>()
            .unwrap_err()
            .to_string()
            .contains("'Europe/Berlinn'")
    );
    assert!(Weekly::parse::<&str>(&[], Zone::utc_zone()).is_err());
}

#[test]
fn what_is_written_reads_back() {
    let hours = weekly(
        &["monday-Wed,Sun 08:00-18:30", "daily 23:00-01:00"],
        "Asia/Shanghai",
    );
    let written = serde_json::to_string(&hours).unwrap();
    assert_eq!(
        written,
        r#"{"hours":["Mon,Tue,Wed,Sun 08:00-18:30","daily 23:00-01:00"],"time_zone":"Asia/Shanghai"}"#
    );
    assert_eq!(serde_json::from_str::<Weekly>(&written).unwrap(), hours);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The windows agree with a clock on the wall, minute by minute, except where it is being set.
    #[test]
    fn windows_are_what_the_clock_says(
        from in 0u32..1_439, length in 1u32..1_439, day in 0usize..7, start in 0i64..400,
        name in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Shanghai", "UTC"]),
    ) {
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let to = (from + length) % 1_440;
        let time = |at: u32| format!("{:02}:{:02}", at / 60, at % 60);
        let text = format!("{} {}-{}", names[day], time(from), time(to));
        let hours = weekly(&[text.as_str()], name);
        let begin = utc("2026-01-01T00:00:00Z") + start * 24 * HOUR;
        for quarter in 0..4 * 24 * 8 {
            let now = begin + quarter * HOUR / 4;
            let local = zone(name).local(now).unwrap();
            let minutes = since_midnight(local.time()) / 60_000_000;
            let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap();
            let (from, to) = (i64::from(from), i64::from(to));
            let expected = if to > from {
                today == day && (from..to).contains(&minutes)
            } else {
                (today == day && minutes >= from) || (today == (day + 1) % 7 && minutes < to)
            };
            // Around a change of the clock, a moment has two local times, or none.
            let steady = zone(name).local(now - 3 * HOUR).zip(zone(name).local(now + 3 * HOUR));
            let steady = steady.is_some_and(|(before, after)| {
                after.duration_since(before).as_hours() == 6
            });
            if steady {
                prop_assert_eq!(hours.window_at(now).is_some(), expected, "{} at {}", text, local);
            }
            if let Some((next, _)) = hours.next_after(now) {
                prop_assert!(next > now);
            }
        }
    }
}

/// When the clock is set, and a moment at which it is not.
const CHANGES: [(&str, &str); 9] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    // The clock is set by half an hour.
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    // The clock is set at midnight itself.
    ("America/Havana", "2026-03-08T05:00:00Z"),
    ("America/Havana", "2026-11-01T05:00:00Z"),
    ("Asia/Shanghai", "2026-11-21T18:00:00Z"),
];

#[test]
fn hours_end_where_the_clock_no_longer_shows_them() {
    for (hours, from, window) in [
        // Two o'clock comes, and then the hour before it comes again. That hour is not before two.
        (
            "Sun 01:00-02:00",
            "2026-10-24T12:00:00Z",
            Some(("2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z")),
        ),
        (
            "Sun 01:00-02:30",
            "2026-03-28T12:00:00Z",
            Some(("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z")),
        ),
        ("Sun 02:10-02:50", "2026-03-28T12:00:00Z", None),
    ] {
        let found = weekly(&[hours], "Europe/Berlin").next_after(utc(from));
        let found = found.filter(|window| window.0 < utc(from) + 36 * HOUR);
        assert_eq!(found, window.map(|(from, to)| (utc(from), utc(to))), "{hours}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A window lasts from the first to the last minute that a clock on the wall shows within the hours, also in nights in
    /// which it is set.
    #[test]
    fn windows_hold_what_the_clock_shows_while_it_is_set(
        (name, set) in prop::sample::select(CHANGES.to_vec()), from in 0i64..300, length in 1i64..300,
    ) {
        let (zone, noon, to) = (zone(name), utc(set) - 12 * HOUR, from + length);
        let text = format!("Sun {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
        let inside = |now: &i64| {
            let local = zone.local(*now).unwrap();
            let minutes = since_midnight(local.time()) / 60_000_000;
            local.weekday() == jiff::civil::Weekday::Sunday && (from..to).contains(&minutes)
        };
        let shown: Vec<i64> = (0..36 * 60).map(|n| noon + n * HOUR / 60).filter(inside).collect();
        let expected = shown.first().zip(shown.last()).map(|(first, last)| (*first, last + HOUR / 60));
        let found = weekly(&[&text], name).next_after(noon).filter(|window| window.0 < noon + 36 * HOUR);
        prop_assert_eq!(found, expected, "{} {}", text, name);
    }

    /// A boundary is where the clock on the wall comes to a multiple or is set over one, and nowhere else.
    #[test]
    fn boundaries_are_where_the_clock_shows_them(
        (name, set) in prop::sample::select(CHANGES.to_vec()), at in -3 * HOUR..2 * HOUR,
        every in prop::sample::select(vec![1u64, 2, 5, 15, 30, 45, 60, 90, 360, 1_440]),
    ) {
        let (zone, utc) = (zone(name), utc(set) + at);
        let span = i64::try_from(every).unwrap() * HOUR / 60;
        let is_boundary = |now: i64| {
            let (local, before) = (zone.local(now).unwrap(), zone.local(now - 1).unwrap());
            let (shows, showed) = (since_midnight(local.time()), since_midnight(before.time()));
            shows % span == 0 || local > before && (shows / span != showed / span || local.date() != before.date())
        };
        let next_minute = (utc.div_euclid(HOUR / 60) + 1) * (HOUR / 60);
        let expected = (0..30 * 60).map(|n| next_minute + n * HOUR / 60).find(|now| is_boundary(*now)).unwrap();
        prop_assert_eq!(next_boundary(utc, Span::from_secs(every * 60), &zone), expected, "{} {}", every, name);
    }
}
