//! What the key of a viewer costs a request: the same request with a key, and of a viewer that needs none.

use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::service::{Lines, Service, Setup};
use crate::common::table::{self, Spread};
use crate::row::{Row, milliseconds};

/// The bar, in milliseconds.
const BAR: f64 = 0.1;
/// Viewers with a key each. The last one asks.
const KEYS: usize = 100;
/// Requests of a run, of each kind.
const REQUESTS: u32 = 2_000;

/// What is asked for: a list with nothing in it.
const PATH: &str = "/api/v1/stream.list";

/// Of each run: milliseconds from a request to its answer, median; milliseconds of processor time for a request.
#[derive(Default)]
struct Seen {
    took: Vec<f64>,
    cpu: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("keys");
    std::fs::create_dir_all(&dir)?;
    let (sections, key) = viewers()?;
    let lines = Lines {
        http: Some(""),
        sections: &sections,
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &dir.join("store"), lines)?;
    let service = setup.start()?;
    let with_key = format!("Authorization: Bearer {key}");
    let (mut without, mut with) = (Seen::default(), Seen::default());
    for _ in 0..arguments.runs {
        without.add(&service, setup.http, &[])?;
        with.add(&service, setup.http, &[&with_key])?;
    }
    service.stop()?;
    std::fs::remove_dir_all(&dir)?;

    let line = |name: &str, seen: &Seen| {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        vec![
            name.to_owned(),
            spread(&seen.took).show(3),
            spread(&seen.cpu).show(3),
        ]
    };
    let title = format!(
        "keys  {KEYS} viewers with a key, {REQUESTS} requests on a connection, {} run(s), median (min..max)",
        arguments.runs
    );
    let lines = [
        line("a viewer without a key", &without),
        line("a viewer with a key", &with),
    ];
    table::print(&title, &["", "until the answer, ms", "CPU, ms"], &lines);
    let median = |values: &[f64]| Spread::of(values.iter().copied()).median;
    Ok(vec![
        Row::at_most(
            "a key costs a request",
            (median(&with.took) - median(&without.took)).max(0.0),
            BAR,
            microseconds,
        ),
        Row::said(
            "a request with a key, until the answer",
            milliseconds(median(&with.took)),
        ),
    ])
}

fn microseconds(milliseconds: f64) -> String {
    format!("{milliseconds:.3} ms")
}

/// A viewer without a proof, and those with keys; the key of the last one.
fn viewers() -> anyhow::Result<(String, String)> {
    let mut sections = "\n[[viewer]]\nname = \"all\"\naddresses = [\"127.0.0.0/8\"]\n".to_owned();
    let mut random = std::fs::File::open("/dev/urandom")?;
    let mut key = String::new();
    for number in 0..KEYS {
        let mut bytes = [0; 16];
        random.read_exact(&mut bytes)?;
        key = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        sections += &format!("\n[[viewer]]\nname = \"viewer-{number}\"\nkey = \"{key}\"\n");
    }
    Ok((sections, key))
}

impl Seen {
    fn add(&mut self, service: &Service, port: u16, lines: &[&str]) -> anyhow::Result<()> {
        let mut connection = Connection::open(port)?;
        let before = service.usage().cpu;
        let mut took = Vec::new();
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            connection.fetch(PATH, lines)?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        self.took.push(Spread::of(took).median);
        let used = (service.usage().cpu - before) * 1e3;
        self.cpu.push(used / f64::from(REQUESTS));
        Ok(())
    }
}
