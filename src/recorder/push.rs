//! The parameters of a publisher behind its stream's name: `live/cam1?record=mp4&record_interval=600&record_type=audio`.

use crate::config::{Template, TemplateSource};
use crate::format::Format;
use crate::model::{Media, Span};

/// The longest interval that a push may ask for, in seconds, as with the cloud service that knows these parameters.
const LONGEST: u64 = 7_200;
const SHORTEST: u64 = 30;

/// The parameters that edgereel supports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PushParameters {
    /// The format that the push asks to be recorded in.
    record: Option<Format>,
    interval: Option<Span>,
    pub(super) media: Option<Media>,
    /// The parameters that edgereel could not read, for the log.
    pub(super) complaints: Vec<String>,
}

impl PushParameters {
    /// Reads a query. Unknown parameters are ignored; wrong ones are left out and noted for the log.
    pub(super) fn parse(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let taken = match name {
                "record" => asked.take_format(value),
                "record_interval" => asked.take_interval(value),
                "record_type" => asked.take_media(value),
                _ => continue,
            };
            if let Err(known) = taken {
                let value: String = value.chars().take(32).collect();
                asked
                    .complaints
                    .push(format!("{name}={value:?} is not one of {known}; left out"));
            }
        }
        asked
    }

    /// The template by which this push is to be recorded, if it asks for that.
    pub(super) fn template(&self) -> Option<Template> {
        let format = self.record?;
        let source = TemplateSource::named("push", &[format]);
        let source = match self.interval {
            Some(interval) => source.split_after(interval),
            None => source,
        };
        Template::try_from(source).ok()
    }

    fn take_format(&mut self, value: &str) -> Result<(), &'static str> {
        let known = "mp4, hls, flv, aac";
        match value.parse() {
            Ok(Format::Fmp4) | Err(_) => Err(known),
            Ok(format) => {
                self.record = Some(format);
                Ok(())
            }
        }
    }

    fn take_interval(&mut self, value: &str) -> Result<(), &'static str> {
        let seconds = value.parse().ok().filter(|n| (SHORTEST..=LONGEST).contains(n));
        self.interval = Some(Span::from_secs(seconds.ok_or("30 to 7200 seconds")?));
        Ok(())
    }

    fn take_media(&mut self, value: &str) -> Result<(), &'static str> {
        self.media = match value {
            "audio" => Some(Media::Audio),
            "video" => Some(Media::Video),
            _ => return Err("audio, video"),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_may_ask_to_be_recorded() {
        let asked = PushParameters::parse("txSecret=abc&record=flv&record_interval=600&txTime=1");
        let outputs = asked.template().unwrap().outputs;
        assert_eq!(outputs[0].formats, [Format::Flv]);
        assert_eq!(outputs[0].split.after, Some(Span::from_secs(600)));
        assert!(asked.complaints.is_empty());
        assert_eq!(PushParameters::parse("").template(), None);
        assert_eq!(
            PushParameters::parse("record_type=audio").media,
            Some(Media::Audio)
        );
    }

    #[test]
    fn what_cannot_be_is_left_out_and_told() {
        let asked = PushParameters::parse("record=avi&record_interval=7201&record_type=both&record");
        assert_eq!((asked.template(), asked.media), (None, None));
        assert_eq!(asked.complaints.len(), 3, "{:?}", asked.complaints);
        assert!(asked.complaints[1].contains("30 to 7200 seconds"));
    }
}
