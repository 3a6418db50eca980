//! A table: items of one kind, a line each, in columns.
//!
//! On a terminal a table is no wider than the terminal. First, ids are cut to the beginning that is still unique. Then the
//! least important columns go. Then seconds go, the space between columns, and the ends of long names.

use serde_json::{Map, Value};

use super::page::{Page, fitted};
use super::value::{cell, moment};

/// The digits of an id that are its time, to the millisecond. Two ids are seldom the same in these.
const SHORT_ID: usize = 13;
/// The least length of a name that is cut.
const SHORT_TEXT: usize = 8;

/// A column of a table.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Column {
    /// The name of the field in each row.
    pub(super) name: &'static str,
    pub(super) head: &'static str,
    pub(super) kind: Kind,
    /// The column with the highest number goes first where there is no space. A column with 0 stays.
    pub(super) spare: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    /// One of a few fixed words.
    Word,
    Text,
    Number,
    Time,
}

/// A table with its cells.
struct Table {
    /// Spaces between two columns.
    between: usize,
    columns: Vec<(Column, String)>,
    rows: Vec<Vec<String>>,
}

/// A table that is written some rows at a time. Its columns stay as the first rows made them.
pub(in crate::cli) struct Pages<'a> {
    page: &'a Page,
    columns: &'a [Column],
    layout: Option<Layout>,
}

/// The columns of a table, and their widths.
struct Layout {
    /// Spaces between two columns.
    between: usize,
    columns: Vec<(Column, String)>,
    widths: Vec<usize>,
}

/// The lines of a table. Without rows there are none.
pub(super) fn lines(page: &Page, columns: &[Column], rows: &[&Map<String, Value>]) -> Vec<String> {
    Pages::new(page, columns).lines(rows)
}

impl<'a> Pages<'a> {
    pub(super) fn new(page: &'a Page, columns: &'a [Column]) -> Self {
        let layout = None;
        Self {
            page,
            columns,
            layout,
        }
    }

    /// The lines of the next rows. A heading is above the first ones. It comes again where the earlier columns are too narrow
    /// for the next rows.
    pub(super) fn lines(&mut self, rows: &[&Map<String, Value>]) -> Vec<String> {
        if rows.is_empty() {
            return Vec::new();
        }
        let width = self.page.width;
        let mut table = Table::new(self.page, self.columns, rows);
        let known = self.layout.take();
        let following = known.and_then(|known| Some((known.cells(&table, width.is_some())?, known)));
        let (cells, layout, has_heading) = match following {
            Some((cells, known)) => (cells, known, true),
            None => {
                if let Some(width) = width {
                    table.fit(width);
                }
                let (layout, cells) = table.into_layout();
                (cells, layout, false)
            }
        };
        let heads = layout.columns.iter().map(|(_, head)| head.clone()).collect();
        let heading = (!has_heading).then_some(heads);
        let lines = heading
            .iter()
            .chain(&cells)
            .map(|cells: &Vec<String>| layout.line(cells))
            .map(|line| width.map_or(line.clone(), |width| fitted(&line, width)))
            .collect();
        self.layout = Some(layout);
        lines
    }
}

impl Layout {
    /// The cells of other rows in these columns. `None` where they do not fit. Without a terminal, a long cell moves the rest
    /// of its line.
    fn cells(&self, table: &Table, is_terminal: bool) -> Option<Vec<Vec<String>>> {
        let mut places = Vec::with_capacity(self.columns.len());
        for ((column, head), width) in self.columns.iter().zip(&self.widths) {
            let mut known = table.columns.iter();
            let at = known.position(|(other, said)| other.name == column.name && said == head)?;
            places.push((at, column.kind, *width));
        }
        let cell = |row: &Vec<String>, (at, kind, width): (usize, Kind, usize)| {
            let cell = row.get(at)?;
            match kind {
                _ if !is_terminal || cell.chars().count() <= width => Some(cell.clone()),
                Kind::Id | Kind::Time => Some(cell.chars().take(width).collect()),
                Kind::Text => Some(fitted(cell, width)),
                Kind::Word | Kind::Number => None,
            }
        };
        let cells = |row| places.iter().map(|place| cell(row, *place)).collect();
        table.rows.iter().map(cells).collect()
    }

    fn line(&self, cells: &[String]) -> String {
        let padded = cells.iter().zip(&self.widths).zip(&self.columns);
        let padded: Vec<String> = padded
            .map(|((cell, width), (column, _))| match column.kind {
                Kind::Number => format!("{cell:>width$}"),
                _ => format!("{cell:width$}"),
            })
            .collect();
        padded.join(&" ".repeat(self.between)).trim_end().to_owned()
    }
}

impl Table {
    fn new(page: &Page, columns: &[Column], rows: &[&Map<String, Value>]) -> Self {
        let mut table = Self {
            between: 2,
            columns: columns
                .iter()
                .map(|column| (*column, column.head.to_owned()))
                .collect(),
            rows: vec![Vec::with_capacity(columns.len()); rows.len()],
        };
        for (column, head) in &mut table.columns {
            let values: Vec<&Value> = rows
                .iter()
                .map(|row| row.get(column.name).unwrap_or(&Value::Null))
                .collect();
            let cells = match (column.kind, &page.zone) {
                (Kind::Time, Some(_)) => local(page, &values, head),
                _ => values
                    .iter()
                    .map(|value| cell(page, column.name, value))
                    .collect(),
            };
            table
                .rows
                .iter_mut()
                .zip(cells)
                .for_each(|(row, cell)| row.push(cell));
        }
        table
    }

    /// Makes the table no wider than `width`, as far as possible.
    fn fit(&mut self, width: usize) {
        // A person has no use for an empty column.
        self.keep(|table, at| {
            table
                .rows
                .iter()
                .any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()))
        });
        if self.width() > width {
            self.shorten_ids();
        }
        self.drop_spare(2, width);
        if self.width() > width {
            self.drop_seconds();
        }
        if self.width() > width {
            self.between = 1;
        }
        self.drop_spare(1, width);
        let over = self.width().saturating_sub(width);
        if over > 0 {
            self.shorten_texts(over);
        }
    }

    fn widths(&self) -> Vec<usize> {
        let of_column = |(at, (_, head)): (usize, &(Column, String))| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(head.chars().count())
        };
        self.columns.iter().enumerate().map(of_column).collect()
    }

    fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + self.between * widths.len().saturating_sub(1)
    }

    /// The layout of the table, and its cells.
    fn into_layout(self) -> (Layout, Vec<Vec<String>>) {
        let widths = self.widths();
        let layout = Layout {
            between: self.between,
            columns: self.columns,
            widths,
        };
        (layout, self.rows)
    }

    /// Keeps the columns for which `wanted` is true.
    fn keep(&mut self, wanted: impl Fn(&Self, usize) -> bool) {
        let kept: Vec<bool> = (0..self.columns.len()).map(|at| wanted(self, at)).collect();
        let mut flags = kept.iter();
        self.columns.retain(|_| flags.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut flags = kept.iter();
            row.retain(|_| flags.next().copied().unwrap_or(true));
        }
    }

    /// Leaves out the least important columns, the last one first, while the table is too wide.
    fn drop_spare(&mut self, least: u8, width: usize) {
        while self.width() > width {
            let most = self
                .columns
                .iter()
                .map(|(column, _)| column.spare)
                .max()
                .unwrap_or(0);
            if most < least {
                return;
            }
            let last = self.columns.iter().rposition(|(column, _)| column.spare == most);
            self.keep(|_, at| Some(at) != last);
        }
    }

    fn shorten_ids(&mut self) {
        for at in self.of_kind(Kind::Id) {
            let cells: Vec<&str> = self
                .rows
                .iter()
                .filter_map(|row| row.get(at))
                .map(String::as_str)
                .collect();
            let longest = cells.iter().map(|cell| cell.len()).max().unwrap_or(0);
            let is_unique = |length: usize| {
                let mut starts: Vec<&str> = cells
                    .iter()
                    .map(|cell| cell.get(..length).unwrap_or(cell))
                    .collect();
                starts.sort_unstable();
                starts.windows(2).all(|pair| pair.first() != pair.last())
            };
            let length = (SHORT_ID..longest)
                .find(|length| is_unique(*length))
                .unwrap_or(longest);
            for row in &mut self.rows {
                if let Some(cell) = row.get_mut(at) {
                    *cell = cell.chars().take(length).collect();
                }
            }
        }
    }

    /// Cuts `2026-11-29 10:03:49` to `2026-11-29 10:03`.
    fn drop_seconds(&mut self) {
        for at in self.of_kind(Kind::Time) {
            for row in &mut self.rows {
                if let Some(cell) = row
                    .get_mut(at)
                    .filter(|cell| cell.len() == "2026-11-29 10:03:49".len())
                {
                    cell.truncate("2026-11-29 10:03".len());
                }
            }
        }
    }

    fn shorten_texts(&mut self, mut over: usize) {
        for at in self.of_kind(Kind::Text) {
            let width = self.widths().get(at).copied().unwrap_or(0);
            let less = over.min(width.saturating_sub(SHORT_TEXT));
            over -= less;
            for row in &mut self.rows {
                if let Some(cell) = row.get_mut(at) {
                    *cell = fitted(cell, width - less);
                }
            }
        }
    }

    fn of_kind(&self, kind: Kind) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, (column, _))| column.kind == kind)
            .map(|(at, _)| at)
            .collect()
    }
}

/// Times of the page's zone. If all have the same offset from UTC, the head of the column has it.
fn local(page: &Page, values: &[&Value], head: &mut String) -> Vec<String> {
    let zone = page.zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
    let moments: Vec<Option<jiff::Timestamp>> = values.iter().map(|value| moment(value.as_str()?)).collect();
    let mut offsets: Vec<_> = moments.iter().flatten().map(|at| zone.to_offset(*at)).collect();
    offsets.dedup();
    let [offset] = offsets.as_slice() else {
        return values.iter().map(|value| cell(page, "", value)).collect();
    };
    head.push_str(&if offset.is_zero() {
        " (UTC)".to_owned()
    } else {
        format!(
            " ({})",
            jiff::Timestamp::UNIX_EPOCH
                .to_zoned(offset.to_time_zone())
                .strftime("%:z")
        )
    });
    let told = |at: jiff::Timestamp| {
        at.to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    };
    moments
        .into_iter()
        .map(|at| at.map(told).unwrap_or_default())
        .collect()
}
