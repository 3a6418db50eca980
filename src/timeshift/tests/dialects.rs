use super::*;

fn read(query: &str) -> Result<Option<Shift>, ShiftError> {
    let all = Dialects {
        tencent: true,
        aliyun: true,
    };
    asked(&parameters(query), all)
}

fn parameters(query: &str) -> Parameters<'_> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect()
}

fn range(from_s: i64, to_s: i64) -> Shift {
    Shift::Range {
        from: from_s * SECOND,
        to: to_s * SECOND,
        at_once: false,
    }
}

fn delay(seconds: i64) -> Shift {
    Shift::Delay { by: seconds * SECOND }
}

#[test]
fn the_examples_of_the_vendors_are_read() {
    let t = 1_675_302_995; // 2023-02-02T09:56:35+08:00
    let from = |seconds: i64| Shift::From {
        from: seconds * SECOND,
    };
    let at_once = |from_s: i64, to_s: i64| Shift::Range {
        from: from_s * SECOND,
        to: to_s * SECOND,
        at_once: true,
    };
    for (query, wanted) in [
        // edgereel, as AWS MediaPackage
        ("start=1675302995&end=1675303295", range(t, t + 300)),
        (
            "start=2023-02-02T09:56:35+08:00&end=2023-02-02T02:01:35Z",
            range(t, t + 300),
        ),
        ("start=1675302995", from(t)),
        ("start=1675302995.0", from(t)),
        ("start=0", from(0)),
        (
            "start=4102444800&end=4102444860",
            range(4_102_444_800, 4_102_444_860),
        ),
        ("delay=90", delay(90)),
        ("delay=90s", delay(90)),
        ("delay=2h", delay(7_200)),
        ("delay=0", delay(0)),
        ("delay=60&precise=0", delay(60)),
        // Tencent
        (
            "txTimeshift=on&tsStart=1675302995&tsEnd=1675303295&tsFormat=unix_s",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=unix&tsStart=1675302995&tsEnd=1675303295",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=unix_s_8&tsStart=1675302995&tsEnd=1675303295",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=unix_ms_0&tsStart=1675302995000&tsEnd=1675303295000",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=human_s_8&tsStart=20230202095635&tsEnd=20230202100135",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=human_8&tsStart=20230202095635&tsEnd=20230202100135",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=human_s_-12&tsStart=20230201135635&tsEnd=20230201140135",
            range(t, t + 300),
        ),
        (
            "txTimeshift=on&tsFormat=human_s_0&tsStart=20230202015635&tsEnd=20230202075635",
            range(t, t + 21_600),
        ),
        ("txTimeshift=on&tsDelay=30", delay(30)),
        (
            "txSecret=0123456789abcdef0123456789abcdef&txTime=65000000&txTimeshift=on&tsDelay=300&tsCodecname=",
            delay(300),
        ),
        // Alibaba
        ("aliyunols=on&lhs_start_unix_s_0=1675302995", from(t)),
        ("aliyunols=on&lhs_start_human_s_8=20230202095635", from(t)),
        (
            "aliyunols=on&lhs_start_unix_ms_0=1675302995000&lhs_end_unix_us_0=1675303295000000",
            range(t, t + 300),
        ),
        (
            "aliyunols=on&lhs_start_unix_ns_0=1675302995000000000&lhs_vodend_human_s_8=20230202100135",
            at_once(t, t + 300),
        ),
        ("aliyunols=on&lhs_offset_unix_ms_0=1800000", delay(1_800)),
        ("lhs_offset_unix_s_0=60&lhs_start=1&aliyunols=on", delay(60)),
        ("lhs_start=1&lhs_offset_unix_s_0=60", delay(60)),
        (
            "aliyunols=on&lhs_start_human_s_8=20170809230130&lhs_end_human_s_8=20170809233130",
            range(1_502_290_890, 1_502_292_690),
        ),
    ] {
        assert_eq!(read(query), Ok(Some(wanted)), "{query}");
    }
}

#[test]
fn without_the_switch_an_address_is_that_of_the_live_stream() {
    for query in [
        "",
        "tsStart=1&tsEnd=2",
        "txTimeshift=off&tsDelay=90",
        "lhs_offset_unix_s_0=60",
        "aliyunols=on",
        "aliyunols=off&lhs_start_unix_s_0=5",
        "_HLS_skip=YES&txSecret=ab&txTime=5&auth_key=1",
        "precise=1",
    ] {
        assert_eq!(read(query), Ok(None), "{query}");
    }
    for query in [
        "txTimeshift=on&tsDelay=nothing",
        "aliyunols=on&lhs_offset_unix_s_0=nothing",
    ] {
        assert_eq!(
            asked(&parameters(query), Dialects::default()),
            Ok(None),
            "{query}"
        );
        assert!(read(query).is_err());
    }
}

#[test]
fn a_wrong_value_names_its_parameter_and_what_it_may_be() {
    for (query, parameter, words) in [
        ("start=", "start", "seconds since 1970"),
        ("start=yesterday", "start", "'yesterday' is not a time"),
        ("start=2023-02-02T09:56:35", "start", "with its offset"),
        ("start=1675302995000", "start", "seconds since 1970"),
        ("start=-5", "start", "is not a time"),
        ("start=1e9", "start", "is not a time"),
        ("start=inf", "start", "is not a time"),
        ("start=1&start=2", "start", "stands there twice"),
        ("start=100&end=100", "end", "at least 1 s later than start"),
        ("start=100&end=50", "end", "at least 1 s later than start"),
        ("start=100&end=86501", "end", "at most 24 h later"),
        ("end=100", "end", "needs a start"),
        ("delay=2678401", "delay", "from 0 s to 31 days"),
        ("delay=-1", "delay", "from 0 s to 31 days"),
        ("delay=soon", "delay", "as in 90s"),
        ("delay=5&start=1", "delay", "beside start and end"),
        ("start=1&precise=1", "precise", "/r/ID.mp4"),
        ("txTimeshift=on", "txTimeshift", "tsStart and tsEnd, or tsDelay"),
        ("txTimeshift=on&tsStart=5", "tsEnd", "tsStart needs it"),
        ("txTimeshift=on&tsEnd=5", "tsStart", "tsEnd needs it"),
        (
            "txTimeshift=on&tsStart=5&tsEnd=21606",
            "tsEnd",
            "at most 6 h later than tsStart",
        ),
        (
            "txTimeshift=on&tsStart=5&tsEnd=5",
            "tsEnd",
            "at least 1 s later than tsStart",
        ),
        (
            "txTimeshift=on&tsDelay=5&tsEnd=5",
            "tsDelay",
            "beside tsStart and tsEnd",
        ),
        ("txTimeshift=on&tsDelay=1.5", "tsDelay", "number of seconds"),
        (
            "txTimeshift=on&tsStart=a&tsEnd=b",
            "tsStart",
            "not a whole number",
        ),
        (
            "txTimeshift=on&tsFormat=human_s&tsStart=1&tsEnd=2",
            "tsFormat",
            "names no zone",
        ),
        (
            "txTimeshift=on&tsFormat=human_s_13&tsStart=1&tsEnd=2",
            "tsFormat",
            "the zone is from -12 to 12",
        ),
        (
            "txTimeshift=on&tsFormat=unix_us_0&tsStart=1&tsEnd=2",
            "tsFormat",
            "no such unit or zone",
        ),
        (
            "txTimeshift=on&tsFormat=unix_s_0_0&tsStart=1&tsEnd=2",
            "tsFormat",
            "too many parts",
        ),
        (
            "txTimeshift=on&tsFormat=roman&tsStart=1&tsEnd=2",
            "tsFormat",
            "is no format",
        ),
        ("txTimeshift=on&txTimeshift=on&tsDelay=5", "txTimeshift", "twice"),
        ("aliyunols=on&lhs_end_unix_s_0=5", "lhs_start", "an end needs it"),
        (
            "aliyunols=on&lhs_start_unix_s_0=5&lhs_end_unix_s_0=5",
            "lhs_end",
            "at least 1 s later",
        ),
        (
            "aliyunols=on&lhs_start_unix_s_0=5&lhs_vodend_unix_s_0=86406",
            "lhs_vodend",
            "at most 24 h later",
        ),
        (
            "aliyunols=on&lhs_start_unix_s_0=5&lhs_start_unix_ms_0=5",
            "lhs_start",
            "twice",
        ),
        (
            "aliyunols=on&lhs_start_unix_s_0=5&lhs_end_unix_s_0=9&lhs_vodend_unix_s_0=9",
            "lhs_vodend",
            "beside lhs_end",
        ),
        (
            "aliyunols=on&lhs_start_unix_s_0=5&lhs_offset_unix_s_0=9",
            "lhs_offset",
            "beside another time",
        ),
        (
            "aliyunols=on&lhs_offset_unix_s_0=2678401",
            "lhs_offset",
            "from 0 s to 31 days",
        ),
        (
            "aliyunols=on&lhs_offset_human_s_0=20170809230130",
            "lhs_offset",
            "has the format unix",
        ),
        (
            "aliyunols=on&lhs_start_human_s_10=20170809230130",
            "lhs_start",
            "the zone is from 0 to 9",
        ),
        (
            "aliyunols=on&lhs_start_human_s_-1=20170809230130",
            "lhs_start",
            "the zone is from 0 to 9",
        ),
        (
            "aliyunols=on&lhs_start_unix_d_0=5",
            "lhs_start",
            "s, ms, us or ns",
        ),
        (
            "aliyunols=on&lhs_start_unix_s=5",
            "lhs_start",
            "as in lhs_start_unix_s_0",
        ),
        ("aliyunols=on&lhs_begin_unix_s_0=5", "lhs", "begins with none of"),
        ("delay=5&txTimeshift=on&tsDelay=5", "txTimeshift", "two dialects"),
    ] {
        match read(query) {
            Err(error @ ShiftError::Parameter { name, .. }) => {
                assert_eq!(name, parameter, "{query}: {error}");
                assert!(error.to_string().contains(words), "{query}: {error}");
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    let other = read("txTimeshift=on&tsDelay=5&tsCodecname=hd");
    assert_eq!(other, Err(ShiftError::NoRendition("hd".to_owned())));
}

#[test]
fn the_older_address_of_tencent_has_parameters_of_its_own() {
    let old = |query: &str| old_tencent(&parameters(query));
    assert_eq!(old("delay=0"), Ok(delay(0)));
    assert_eq!(old("delay=90"), Ok(delay(90)));
    assert_eq!(
        old("starttime=20230202095635"),
        Ok(Shift::From {
            from: 1_675_302_995 * SECOND
        })
    );
    for query in [
        "",
        "delay=",
        "delay=90s",
        "delay=90&starttime=20230202095635",
        "starttime=2023",
    ] {
        assert!(old(query).is_err(), "{query}");
    }
}

#[test]
fn the_question_of_alibaba_where_there_is_tape_is_read() {
    let asked = |query: &str| timeline(&parameters(query));
    let query =
        "aliyunols=on&app=live&stream=cam1&format=ts&lhs_start_unix_s_0=100&lhs_end_unix_s_0=200&auth_key=x";
    let wanted = TimelineAsked {
        stream: "live/cam1".parse().unwrap(),
        from: 100 * SECOND,
        to: 200 * SECOND,
    };
    assert_eq!(asked(query), Ok(wanted));
    for query in [
        "stream=cam1&lhs_start_unix_s_0=100&lhs_end_unix_s_0=200",
        "app=live&stream=&lhs_start_unix_s_0=100&lhs_end_unix_s_0=200",
        "app=live&stream=..&lhs_start_unix_s_0=100&lhs_end_unix_s_0=200",
        "app=live&stream=cam1&lhs_start_unix_s_0=100",
        "app=live&stream=cam1&lhs_start_unix_s_0=200&lhs_end_unix_s_0=100",
        "app=live&stream=cam1&lhs_start_unix_s_0=0&lhs_end_unix_s_0=90000",
    ] {
        assert!(asked(query).is_err(), "{query}");
    }
}
