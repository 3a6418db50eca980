//! The packets that ffmpeg finds in a file: each packet's times and a hash of its bytes.

use std::path::Path;

use crate::programs::Program;

/// One packet as a demuxer returns it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// The times are in seconds.
    dts: f64,
    pts: f64,
    hash: String,
}

/// All packets of a file.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    pub(crate) video: Vec<Packet>,
    pub(crate) audio: Vec<Packet>,
}

impl Packets {
    /// Demuxes a file and decodes nothing.
    #[track_caller]
    pub(crate) fn of(path: &Path, judge: Program) -> Self {
        let mut arguments = vec![
            "-v",
            "error",
            "-i",
            path.to_str().unwrap(),
            "-map",
            "0:v?",
            "-map",
            "0:a?",
        ];
        arguments.extend(["-c", "copy", "-copyts", "-copyinkf", "-copypriorss", "1"]);
        if path.extension().is_some_and(|end| end == "aac") {
            // The headers of ADTS do not belong to the frames.
            arguments.extend(["-bsf:a", "aac_adtstoasc"]);
        }
        arguments.extend(["-f", "framehash", "-hash", "md5", "-"]);
        let done = judge.run(&arguments).ok();
        assert!(
            done.stderr.trim().is_empty(),
            "{}: {}",
            path.display(),
            done.stderr
        );
        Self::parse(&done.text())
    }

    /// The format is the muxer's `framehash`: a header, then `stream, dts, pts, duration, size, hash`.
    fn parse(text: &str) -> Self {
        let mut packets = Self::default();
        let (mut bases, mut kinds) = ([0.0; 2], [false; 2]);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("#tb ") {
                let (stream, base) = rest.split_once(": ").unwrap();
                let (numerator, denominator) = base.split_once('/').unwrap();
                let base = numerator.parse::<f64>().unwrap() / denominator.parse::<f64>().unwrap();
                bases[stream.parse::<usize>().unwrap()] = base;
            } else if let Some(rest) = line.strip_prefix("#media_type ") {
                let (stream, kind) = rest.split_once(": ").unwrap();
                kinds[stream.parse::<usize>().unwrap()] = kind == "video";
            } else if !line.starts_with('#') {
                let fields: Vec<&str> = line.split(',').map(str::trim).collect();
                let stream: usize = fields[0].parse().unwrap();
                let seconds = |text: &str| text.parse::<f64>().unwrap() * bases[stream];
                let packet = Packet {
                    dts: seconds(fields[1]),
                    pts: seconds(fields[2]),
                    hash: fields[5].to_owned(),
                };
                if kinds[stream] {
                    packets.video.push(packet)
                } else {
                    packets.audio.push(packet)
                }
            }
        }
        packets
    }

    /// Fails unless both have the same packets at the same times, except for one offset of both tracks.
    #[track_caller]
    pub(crate) fn same_as(&self, source: &Packets, what: &str) {
        let first = |packets: &Packets| {
            packets
                .video
                .first()
                .or(packets.audio.first())
                .map_or(0.0, |it| it.pts)
        };
        let offset = first(self) - first(source);
        // Pictures keep the publisher's milliseconds. Sound runs on its sample clock, and FLV rounds it.
        compare(
            &self.video,
            &source.video,
            offset,
            0.0006,
            &format!("{what}, picture"),
        );
        compare(
            &self.audio,
            &source.audio,
            offset,
            0.0016,
            &format!("{what}, sound"),
        );
    }

    /// The sound alone.
    pub(crate) fn sound(&self) -> Packets {
        Packets {
            video: Vec::new(),
            audio: self.audio.clone(),
        }
    }
}

#[track_caller]
fn compare(got: &[Packet], source: &[Packet], offset: f64, tolerance: f64, what: &str) {
    assert_eq!(got.len(), source.len(), "{what}: packets");
    let mut earliest = f64::NEG_INFINITY;
    for (number, (got, sent)) in got.iter().zip(source).enumerate() {
        assert_eq!(
            got.hash, sent.hash,
            "{what} {number}: other bytes, {got:?} for {sent:?}"
        );
        // GStreamer sends two pictures with the same decoding time. A tape has each after the one before.
        let dts = sent.dts.max(earliest);
        earliest = dts + 0.001;
        let wrong = |got: f64, sent: f64| (got - offset - sent).abs() > tolerance;
        assert!(
            !wrong(got.dts, dts) && !wrong(got.pts, sent.pts),
            "{what} {number}: {got:?} came of {sent:?}, offset {offset:.6} s"
        );
    }
}
