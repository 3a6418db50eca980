//! How long a viewer waits for the first byte of a long MP4, and of a range in its middle.

use std::time::Duration;

use crate::archive::Archive;
use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::medium;
use crate::common::table::{self, Spread};
use crate::row::{Row, milliseconds};

/// The bars, in milliseconds.
const COLD: f64 = 50.0;
const WARM: f64 = 5.0;

/// Requests behind the first one, of each start.
const AGAIN: usize = 9;
/// A viewer does not ask ten times a second, and what it asked for before counts against `http.max_rate`.
const PAUSE: Duration = Duration::from_millis(500);
/// A service has nothing else to do so long after its start.
const REST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Place {
    Beginning,
    Middle,
}

/// Milliseconds until the first byte, of each request.
#[derive(Default)]
struct Seen {
    cold: Vec<f64>,
    warm: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments, archive: &Archive) -> anyhow::Result<Vec<Row>> {
    let setup = archive.setup("")?;
    let places = [Place::Beginning, Place::Middle];
    let mut seen = places.map(|_| Seen::default());
    let mut cache = "";
    for _ in 0..arguments.runs {
        for (place, seen) in places.iter().zip(&mut seen) {
            let service = setup.start()?;
            std::thread::sleep(REST);
            cache = medium::forget(&archive.store())?;
            seen.cold.push(once(setup.http, archive, *place)?);
            for _ in 0..AGAIN {
                std::thread::sleep(PAUSE);
                seen.warm.push(once(setup.http, archive, *place)?);
            }
            service.stop()?;
        }
    }
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for (place, seen) in places.iter().zip(seen) {
        let name = match place {
            Place::Beginning => "first byte of the MP4",
            Place::Middle => "first byte of a range in its middle",
        };
        for (state, times, bar) in [("cold", seen.cold, COLD), ("warm", seen.warm, WARM)] {
            let spread = Spread::of(times);
            lines.push(vec![
                format!("{name}, {state}"),
                spread.show(2),
                format!("≤ {bar}"),
            ]);
            let figure = format!("{name} of {} min, {state}", archive.minutes);
            rows.push(Row::at_most(&figure, spread.median, bar, milliseconds));
        }
    }
    let title = format!(
        "first byte  an MP4 of {} min and {} MiB; ms from the request, {} start(s), median (min..max)",
        archive.minutes,
        archive.length >> 20,
        arguments.runs
    );
    table::print(&title, &["", "ms", "bar"], &lines);
    println!("  cold: the first request of a process, and {cache}; warm: {AGAIN} requests that follow it");
    Ok(rows)
}

fn once(port: u16, archive: &Archive, place: Place) -> anyhow::Result<f64> {
    let range = match place {
        Place::Beginning => "Range: bytes=0-".to_owned(),
        Place::Middle => format!("Range: bytes={}-", archive.length / 2),
    };
    // The rest of the file is not read: the connection ends here.
    let answer = Connection::open(port)?.get(&archive.path(), &[&range])?;
    Ok(answer.succeeded()?.first_byte.as_secs_f64() * 1e3)
}
