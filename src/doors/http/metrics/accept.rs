//! Which of the two formats a scraper wants, by its `Accept` (RFC 9110, section 12.5.1). Pure.

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format for a request with this `Accept`. OpenMetrics is for those who name it, and do not like the text format
    /// better. All others get the text format, which everybody reads.
    pub(super) fn of(accept: Option<&str>) -> Self {
        let (mut open, mut text) = (0.0, 0.0);
        for range in accept.unwrap_or_default().split(',') {
            let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight(parameters);
            match media_type.trim().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" if is_1_0(parameters) => open = weight.max(open),
                "text/plain" => text = weight.max(text),
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }

    /// The `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The weight of a range; one that cannot be read counts for nothing.
fn weight(parameters: &str) -> f32 {
    let weight = parameter(parameters, "q").map_or(Ok(1.0), str::parse);
    weight
        .ok()
        .filter(|weight| (0.0..=1.0).contains(weight))
        .unwrap_or(0.0)
}

fn is_1_0(parameters: &str) -> bool {
    parameter(parameters, "version").is_none_or(|version| version == "1.0.0")
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Prometheus 3 sends, and what Prometheus 2 sends.
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        for (accept, format) in [
            (PROMETHEUS_3, Format::OpenMetrics),
            (PROMETHEUS_2, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0.3, text/plain", Format::Text),
            ("application/openmetrics-text;q=nonsense", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
            (",;,=;q=,", Format::Text),
        ] {
            assert_eq!(Format::of(Some(accept)), format, "{accept}");
        }
        assert_eq!(Format::of(None), Format::Text);
    }

    proptest::proptest! {
        #[test]
        fn no_accept_panics(accept in "[a-z/*;=,q0-9. \"]{0,200}") {
            Format::of(Some(&accept));
        }
    }
}
