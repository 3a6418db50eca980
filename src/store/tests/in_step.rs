//! Recordings that are made of others, to play beside each other.

use std::io::Cursor;

use serde_json::json;

use super::compositions::{
    SECOND, WHOLE, again, compose, compose_as, cut, delete, id, length, mp4, numbers, recorded,
};
use super::rig::Rig;
use super::space::{QUOTA, events};
use crate::model::Form;
use crate::store::{Change, Command, ComposeError, NoCut};

/// Both recordings, and the second one without its first two seconds.
fn mixed(rig: &mut Rig) {
    let ranges = [cut(rig, 1, None, None), cut(rig, 2, Some(2.0), None)];
    compose_as(rig, (WHOLE, Form::InStep), &[1, 2], ranges.concat()).unwrap();
}

/// The names of the tracks of its file, in the order of their numbers.
fn tracks(rig: &Rig, n: u8) -> Vec<String> {
    let bytes = mp4(&rig.library(), n);
    let film = mp4::Mp4Reader::read_header(Cursor::new(bytes.as_slice()), bytes.len() as u64).unwrap();
    let mut tracks: Vec<_> = film.tracks().iter().collect();
    tracks.sort_by_key(|(id, _)| **id);
    let name = |track: &mp4::Mp4Track| track.trak.mdia.hdlr.name.trim_end_matches('\0').to_owned();
    tracks.into_iter().map(|(_, track)| name(track)).collect()
}

#[test]
fn recordings_beside_each_other_are_one_that_is_there_again_without_the_journal() {
    let (mut rig, [a, b]) = recorded(None);
    let files = rig.disk.files().len();
    mixed(&mut rig);
    assert_eq!(rig.disk.files().len(), files + 1);
    let told = events(&rig, "recording.closed").pop().unwrap();
    assert_eq!(
        (&told["origin"], &told["duration_s"]),
        (&json!("composition"), &json!(6.0)),
        "{told}"
    );
    let film = mp4(&rig.library(), WHOLE);
    for lost in [false, true, true] {
        assert_eq!(numbers(&rig), [1, 2, WHOLE], "{lost}");
        let row = rig.library().recording(id(WHOLE)).unwrap().unwrap();
        assert_eq!((row.form, row.duration), (Form::InStep, 6 * SECOND), "{lost}");
        assert_eq!((row.stream, row.also), (a.stream.clone(), vec![b.stream.clone()]));
        assert_eq!(row.end - row.start, 6 * SECOND);
        assert!(mp4(&rig.library(), WHOLE) == film, "{lost}");
        rig = again(rig, lost);
    }
    assert_eq!(tracks(&rig, WHOLE), ["live/a", "live/a", "live/b", "live/b"]);
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
    // Nothing is cut out of it, and nothing else is made of it.
    let taken = rig.library().cut(id(WHOLE), (None, None)).unwrap();
    let Err(error @ NoCut::Formed { .. }) = taken.map(|_| ()) else {
        panic!("it was cut");
    };
    assert!(
        error.to_string().contains("is recordings beside each other"),
        "{error}"
    );
    // The same request makes nothing else, and without its sources it has all that it needs.
    mixed(&mut rig);
    delete(&mut rig, 1);
    delete(&mut rig, 2);
    assert_eq!(numbers(&rig), [WHOLE]);
    assert!(mp4(&rig.library(), WHOLE) == film);
}

#[test]
fn eviction_takes_the_footage_of_recordings_in_step_and_shortens_them() {
    let (mut rig, _) = recorded(Some(QUOTA));
    // The first recording ends with its first segment, which goes first.
    let ranges = [cut(&rig, 1, None, Some(3.0)), cut(&rig, 2, None, None)];
    compose_as(&mut rig, (WHOLE, Form::InStep), &[1, 2], ranges.concat()).unwrap();
    let delivered = |n: u8| Command::Change(Change::Delivered { recording: id(n) });
    rig.handle([1, 2, WHOLE].map(delivered).into());
    let mut seen = vec![tracks(&rig, WHOLE).len()];
    for n in 20..32 {
        let (c, start) = rig.publish(u64::from(n), "c");
        rig.handle(vec![start, c.record(id(n), 0)]);
        for second in 0..4 {
            rig.handle(vec![c.append(second)]);
            rig.pass(SECOND);
        }
        rig.handle(vec![c.close(id(n), 4), c.end(), delivered(n)]);
        rig.pass(SECOND);
        if !numbers(&rig).contains(&WHOLE) {
            seen.push(0);
            break;
        }
        seen.push(tracks(&rig, WHOLE).len());
        assert!(length(&rig, WHOLE) <= 6 * SECOND);
    }
    seen.dedup();
    assert_eq!(seen, [4, 2, 0]);
}

#[test]
fn recordings_are_in_step_where_one_clock_dates_them_or_each_clock_was_right() {
    let reboot = |rig: Rig, utc: i64, synced: bool| {
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        clock.reboot(1_000_000);
        clock.set_utc(utc, synced);
        Rig::on(dir, disk, clock)
    };
    let record = |rig: &mut Rig, n: u8| {
        let (publisher, start) = rig.publish(u64::from(n), "c");
        rig.handle(vec![start, publisher.record(id(n), 0)]);
        for second in 0..4 {
            rig.handle(vec![publisher.append(second)]);
            rig.pass(SECOND);
        }
        rig.handle(vec![publisher.close(id(n), 4), publisher.end()]);
        rig.pass(SECOND);
    };
    let mix = |rig: &mut Rig, whole: u8, of: [u8; 2]| {
        let ranges = of.map(|n| cut(rig, n, None, None)).concat();
        compose_as(rig, (whole, Form::InStep), &of, ranges)
    };
    let (rig, _) = recorded(None);
    let mut rig = reboot(rig, 1_000_000, false);
    record(&mut rig, 3);
    record(&mut rig, 4);
    // Nobody knows yet when the third one was, but how much earlier than the fourth one.
    let error = mix(&mut rig, 20, [1, 3]).unwrap_err();
    assert_eq!(error, ComposeError::NotDatedYet { number: 2 });
    mix(&mut rig, 21, [4, 3]).unwrap();
    mix(&mut rig, 22, [1, 2]).unwrap();
    // One after the other does not need the time.
    let ranges = [1, 3].map(|n| cut(&rig, n, None, None)).concat();
    compose(&mut rig, 23, &[1, 3], ranges).unwrap();
    // The box is started again before it learns the time: now nobody ever knows.
    let mut rig = reboot(rig, 1_790_000_900_000_000, true);
    let error = mix(&mut rig, 20, [3, 1]).unwrap_err();
    assert_eq!(error, ComposeError::Undated { number: 1 });
    record(&mut rig, 5);
    mix(&mut rig, 24, [1, 5]).unwrap();
    let mut all = numbers(&rig);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 21, 22, 23, 24]);
}
