//! Metrics as text: version 0.0.4 of Prometheus' format, and OpenMetrics 1.0. The formats differ in the names of counters, in
//! the types, and in the end.
//!
//! ```text
//!                0.0.4                                    OpenMetrics
//! # TYPE         edgereel_storage_written_bytes_total     edgereel_storage_written_bytes
//! # UNIT         –                                        edgereel_storage_written_bytes bytes
//! a sample       edgereel_storage_written_bytes_total 7   the same
//! build_info     a gauge                                  an info
//! the end        –                                        # EOF
//! ```
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>

use std::fmt::Write as _;

use super::accept::Format;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A number that only grows, until the service starts again. Samples end in `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Numbers of observations up to each of several bounds. Samples end in `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Texts that stay. The sample ends in `_info`.
    Info,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

/// A metric with all its samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    /// The name, without the ends of counters and infos.
    pub(super) name: &'static str,
    pub(super) kind: Type,
    /// One sentence, without a full stop.
    pub(super) help: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// A sample: the end of its name, its labels, its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) end: &'static str,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

impl Family {
    pub(super) fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(Type::Counter, name, help)
    }

    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(Type::Gauge, name, help)
    }

    pub(super) fn new(kind: Type, name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            kind,
            help,
            samples: Vec::new(),
        }
    }

    /// Adds the sample without labels.
    pub(super) fn with(self, value: impl Into<Value>) -> Self {
        self.with_labels([], value)
    }

    /// Adds a sample.
    pub(super) fn with_labels<const N: usize>(
        mut self,
        labels: [(&'static str, &str); N],
        value: impl Into<Value>,
    ) -> Self {
        self.add(labels, value);
        self
    }

    /// Adds a sample.
    pub(super) fn add<const N: usize>(&mut self, labels: [(&'static str, &str); N], value: impl Into<Value>) {
        let end = match self.kind {
            Type::Counter => "_total",
            Type::Info => "_info",
            Type::Gauge | Type::Histogram => "",
        };
        self.add_part(end, labels, value);
    }

    /// Adds a sample of a histogram.
    pub(super) fn add_part<const N: usize>(
        &mut self,
        end: &'static str,
        labels: [(&'static str, &str); N],
        value: impl Into<Value>,
    ) {
        self.samples.push(Sample {
            end,
            labels: labels.map(|(name, value)| (name, value.to_owned())).to_vec(),
            value: value.into(),
        });
    }

    /// The name as queries name it. Of a histogram it is the part before `_bucket`.
    pub(super) fn full_name(&self) -> String {
        let end = match self.kind {
            Type::Counter => "_total",
            Type::Info => "_info",
            Type::Gauge | Type::Histogram => "",
        };
        format!("{}{end}", self.name)
    }

    fn unit(&self) -> Option<&'static str> {
        let units = ["bytes", "seconds"];
        units.into_iter().find(|unit| {
            let rest = self.name.strip_suffix(unit);
            rest.is_some_and(|rest| rest.ends_with('_'))
        })
    }
}

/// Writes metrics. A metric without samples is left out.
pub(super) fn written(families: &[Family], format: Format) -> String {
    let samples: usize = families.iter().map(|family| family.samples.len()).sum();
    let mut out = String::with_capacity(families.len() * 160 + samples * 80);
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        write_family(&mut out, family, format);
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn write_family(out: &mut String, family: &Family, format: Format) {
    let (name, kind) = match (format, family.kind) {
        (Format::OpenMetrics, Type::Info) => (family.name.to_owned(), "info"),
        (Format::Text, Type::Info) => (family.full_name(), "gauge"),
        (Format::OpenMetrics, Type::Counter) => (family.name.to_owned(), "counter"),
        (Format::Text, Type::Counter) => (family.full_name(), "counter"),
        (_, Type::Gauge) => (family.name.to_owned(), "gauge"),
        (_, Type::Histogram) => (family.name.to_owned(), "histogram"),
    };
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "# HELP {name} {}",
        Escaped(family.help, format == Format::OpenMetrics)
    );
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let (Format::OpenMetrics, Some(unit)) = (format, family.unit()) {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    for Sample { end, labels, value } in &family.samples {
        out.push_str(family.name);
        out.push_str(end);
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let _ = write!(out, "{before}{label}=\"{}\"", Escaped(text, true));
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = match value {
            Value::Whole(number) => writeln!(out, " {number}"),
            Value::Real(number) => writeln!(out, " {number}"),
        };
    }
}

/// A text with `\` and line breaks escaped and, if wanted, quotation marks.
struct Escaped<'a>(&'a str, bool);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.1 => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Whole(number)
    }
}

impl From<bool> for Value {
    fn from(is_true: bool) -> Self {
        Value::Whole(u64::from(is_true))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Real(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let mut took = Family::new(Type::Histogram, "x_sync_seconds", "How long");
        took.add_part("_bucket", [("le", "0.3")], 1);
        took.add_part("_bucket", [("le", "+Inf")], 2);
        took.add_part("_sum", [], 1.25);
        took.add_part("_count", [], 2);
        vec![
            Family::new(Type::Info, "x_build", "The build").with_labels([("version", "1")], 1),
            Family::counter("x_written_bytes", "What is \\ \"written\"").with(u64::MAX),
            Family::gauge("x_up", "Up").with_labels([("stream", "live/\"a\\b\"\n"), ("t", "")], true),
            took,
            Family::gauge("x_nothing", "Left out"),
        ]
    }

    #[test]
    fn the_text_format_is_as_written_down() {
        let wanted = r#"# HELP x_build_info The build
# TYPE x_build_info gauge
x_build_info{version="1"} 1
# HELP x_written_bytes_total What is \\ "written"
# TYPE x_written_bytes_total counter
x_written_bytes_total 18446744073709551615
# HELP x_up Up
# TYPE x_up gauge
x_up{stream="live/\"a\\b\"\n",t=""} 1
# HELP x_sync_seconds How long
# TYPE x_sync_seconds histogram
x_sync_seconds_bucket{le="0.3"} 1
x_sync_seconds_bucket{le="+Inf"} 2
x_sync_seconds_sum 1.25
x_sync_seconds_count 2
"#;
        assert_eq!(written(&families(), Format::Text), wanted);
    }

    #[test]
    fn openmetrics_is_as_written_down() {
        let wanted = r#"# HELP x_build The build
# TYPE x_build info
x_build_info{version="1"} 1
# HELP x_written_bytes What is \\ \"written\"
# TYPE x_written_bytes counter
# UNIT x_written_bytes bytes
x_written_bytes_total 18446744073709551615
# HELP x_up Up
# TYPE x_up gauge
x_up{stream="live/\"a\\b\"\n",t=""} 1
# HELP x_sync_seconds How long
# TYPE x_sync_seconds histogram
# UNIT x_sync_seconds seconds
x_sync_seconds_bucket{le="0.3"} 1
x_sync_seconds_bucket{le="+Inf"} 2
x_sync_seconds_sum 1.25
x_sync_seconds_count 2
# EOF
"#;
        assert_eq!(written(&families(), Format::OpenMetrics), wanted);
    }

    proptest::proptest! {
        #[test]
        fn no_name_of_a_stream_makes_another_line(name in "\\PC*[\\n\"\\\\]?\\PC*") {
            let family = Family::gauge("x_up", "Up").with_labels([("stream", &name)], 1);
            let text = written(&[family], Format::Text);
            proptest::prop_assert_eq!(text.matches('\n').count(), 3);
            let label = text.lines().last().and_then(|line| line.strip_prefix("x_up{stream=\"")?.strip_suffix("\"} 1"));
            let back = label.unwrap().replace("\\\\", "\u{0}").replace("\\n", "\n").replace("\\\"", "\"").replace('\u{0}', "\\");
            proptest::prop_assert_eq!(back, name);
        }
    }
}
