//! The table: each promise, and what was seen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// The lines so far.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    broken: usize,
}

struct Line {
    what: String,
    promised: String,
    seen: String,
    kept: bool,
}

impl Report {
    /// Adds a line. `kept` says whether the promise was kept.
    pub(crate) fn line(&mut self, what: &str, promised: &str, seen: impl Into<String>, kept: bool) {
        let line = Line {
            what: what.to_owned(),
            promised: promised.to_owned(),
            seen: seen.into(),
            kept,
        };
        eprintln!("  {line}");
        self.broken += usize::from(!kept);
        self.lines.push(line);
    }

    /// Runs a case. A case that does not come to its end is a line of its own, and the next case still runs.
    pub(crate) fn case(&mut self, name: &str, case: impl FnOnce(&mut Self)) {
        eprintln!("{name} …");
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| case(self)));
        if let Err(panic) = result {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("it panicked");
            self.line(name, "comes to its end", said, false);
        }
        eprintln!("{name}: {} s", began.elapsed().as_secs());
    }

    /// Prints the table. Returns whether every promise was kept.
    pub(crate) fn close(self) -> bool {
        let width = |of: fn(&Line) -> &str| {
            let widths = self.lines.iter().map(|line| of(line).chars().count());
            widths.max().unwrap_or(0)
        };
        let (what, promised) = (width(|line| &line.what), width(|line| &line.promised));
        println!("\n{:what$}  {:promised$}  seen", "what", "promised");
        for line in &self.lines {
            let mark = if line.kept { "" } else { "   <-- BROKEN" };
            println!(
                "{:what$}  {:promised$}  {}{mark}",
                line.what, line.promised, line.seen
            );
        }
        match self.broken {
            0 => println!("\nall {} kept", self.lines.len()),
            broken => println!("\n{broken} of {} broken", self.lines.len()),
        }
        self.broken == 0
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.kept { "ok" } else { "BROKEN" };
        write!(out, "{mark}: {}: {} ({})", self.what, self.seen, self.promised)
    }
}
