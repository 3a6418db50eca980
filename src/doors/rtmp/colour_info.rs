//! Reads `colorInfo`: the colours and the HDR light of the pictures that follow. A publisher sends it in packets of their own
//! (Enhanced RTMP v2, "Metadata Frame").

use super::amf0::{Value, decode_all};
use crate::media::{ColourInfo, LightLevel, Mastering};

/// The longest packet that is read, in bytes. Encoders' packets have some hundred bytes.
const MAX: usize = 64 << 10;

const NAME: &str = "colorInfo";

/// The part of a packet that cannot be used, in words.
pub(super) type Unusable = &'static str;

/// Reads a packet behind its header: pairs of a name and a value. Gives the colours that it sets, none where it sets none, and
/// the part that cannot be used.
pub(super) fn parse(body: &[u8]) -> (Option<ColourInfo>, Option<Unusable>) {
    let values = Some(body).filter(|body| body.len() <= MAX).map(decode_all);
    let Some(Ok(values)) = values else {
        return (None, Some("it is no AMF0 of at most 64 KiB"));
    };
    let mut pairs = values.chunks(2);
    let found = pairs.rfind(|pair| pair.first().and_then(Value::as_str) == Some(NAME));
    match found {
        None => (
            None,
            Some("it has other metadata than colorInfo, which edgereel does not use"),
        ),
        Some([_, Value::Undefined | Value::Null]) => (Some(ColourInfo::default()), None),
        Some([_, info @ Value::Object(_)]) => {
            let mut reader = Reader { unusable: None };
            (Some(reader.info(info)), reader.unusable)
        }
        Some(_) => (None, Some("its value is no object")),
    }
}

/// The units of `mdcv`: 0.00002, and 0.0001 cd/m².
const CHROMATICITY: f64 = 50_000.0;
const LUMINANCE: f64 = 10_000.0;

/// Reads the fields that are there, and remembers the first one that cannot be used.
struct Reader {
    unusable: Option<Unusable>,
}

impl Reader {
    fn info(&mut self, info: &Value) -> ColourInfo {
        ColourInfo {
            colour: self.object(info, "colorConfig", Self::colour),
            mastering: self.object(info, "hdrMdcv", Self::mastering),
            light: self.object(info, "hdrCll", Self::light),
        }
    }

    /// Reads one of the objects within. An empty object counts as missing.
    fn object<T>(&mut self, info: &Value, name: &str, read: fn(&mut Self, &Value) -> Option<T>) -> Option<T> {
        match info.field(name)? {
            Value::Object(fields) if fields.is_empty() => None,
            object => read(self, object),
        }
    }

    /// Reads each number by itself. A number that is missing, or that nobody knows, stays open.
    fn colour(&mut self, config: &Value) -> Option<[u8; 3]> {
        const OPEN: u8 = 2;
        let mut number = |name: &str, knows: fn(u8) -> bool| {
            let Some(value) = config.field(name) else {
                return OPEN;
            };
            let number = value
                .as_f64()
                .filter(|value| value.fract() == 0.0 && (0.0..=255.0).contains(value));
            match number.map(|value| value as u8) {
                // ffmpeg sends 0 where it knows nothing. As a matrix 0 would mean RGB, which only the coding can say.
                Some(0) => OPEN,
                Some(number) if knows(number) => number,
                _ => {
                    self.unusable
                        .get_or_insert("a number in colorConfig is none of ISO/IEC 23091-2");
                    OPEN
                }
            }
        };
        // The numbers of ISO/IEC 23091-2 tables 2 to 4, without reserved ones.
        let numbers = [
            number("colorPrimaries", |number| matches!(number, 1 | 2 | 4..=12 | 22)),
            number("transferCharacteristics", |number| {
                matches!(number, 1 | 2 | 4..=18)
            }),
            number("matrixCoefficients", |number| matches!(number, 1 | 2 | 4..=17)),
        ];
        numbers.iter().any(|number| *number != OPEN).then_some(numbers)
    }

    /// Reads all of the display's values or none: half a display is of no use. SMPTE ST 2086 bounds them.
    fn mastering(&mut self, display: &Value) -> Option<Mastering> {
        let number = |name: &str, unit: f64, most: f64| {
            let value = display.field(name)?.as_f64()? * unit;
            Some(value.round()).filter(|value| (0.0..=most * unit).contains(value))
        };
        let point = |x: &str, y: &str| {
            let (x, y) = (number(x, CHROMATICITY, 0.74)?, number(y, CHROMATICITY, 0.84)?);
            Some([x as u16, y as u16]).filter(|point| *point != [0, 0])
        };
        let read = || {
            Some(Mastering {
                primaries: [
                    point("greenX", "greenY")?,
                    point("blueX", "blueY")?,
                    point("redX", "redY")?,
                ],
                white: point("whitePointX", "whitePointY")?,
                max_luminance: number("maxLuminance", LUMINANCE, 10_000.0)? as u32,
                min_luminance: number("minLuminance", LUMINANCE, 5.0)? as u32,
            })
        };
        let read = read().filter(|display| display.max_luminance > display.min_luminance);
        if read.is_none() {
            self.unusable
                .get_or_insert("hdrMdcv is not whole, or beyond the bounds of SMPTE ST 2086");
        }
        read
    }

    fn light(&mut self, light: &Value) -> Option<LightLevel> {
        let number = |name: &str| {
            let value = light.field(name)?.as_f64()?.round();
            Some(value as u16).filter(|_| (0.0..=10_000.0).contains(&value))
        };
        let read = || {
            Some(LightLevel {
                content: number("maxCLL")?,
                average: number("maxFall")?,
            })
        };
        // Zeros mean that the light is not known (CTA-861.3).
        let (read, zeros) = (
            read(),
            LightLevel {
                content: 0,
                average: 0,
            },
        );
        if read.is_none() {
            self.unusable
                .get_or_insert("hdrCll is not whole, or beyond 10,000 cd/m²");
        }
        read.filter(|read| *read != zeros)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::amf0::{encode_all, object, text};
    use super::*;

    fn number(value: f64) -> Value {
        Value::Number(value)
    }

    pub(in crate::doors::rtmp) fn colours(primaries: f64, transfer: f64, matrix: f64) -> Value {
        object([
            ("bitDepth", number(10.0)),
            ("colorPrimaries", number(primaries)),
            ("transferCharacteristics", number(transfer)),
            ("matrixCoefficients", number(matrix)),
        ])
    }

    pub(in crate::doors::rtmp) fn light(most: f64, average: f64) -> Value {
        object([("maxFall", number(average)), ("maxCLL", number(most))])
    }

    pub(in crate::doors::rtmp) fn packet(info: Value) -> Vec<u8> {
        encode_all(&[text(NAME), info])
    }

    fn display(max: f64, min: f64, red: f64) -> Value {
        object([
            ("redX", number(red)),
            ("redY", number(0.292)),
            ("greenX", number(0.17)),
            ("greenY", number(0.797)),
            ("blueX", number(0.131)),
            ("blueY", number(0.046)),
            ("whitePointX", number(0.3127)),
            ("whitePointY", number(0.329)),
            ("maxLuminance", number(max)),
            ("minLuminance", number(min)),
        ])
    }

    fn taken(name: &str, value: Value) -> (ColourInfo, bool) {
        let (info, unusable) = parse(&packet(object([(name, value)])));
        (info.unwrap(), unusable.is_none())
    }

    #[test]
    fn hdr10_is_read_in_the_units_of_mp4() {
        let (info, unusable) = parse(&packet(object([
            ("colorConfig", colours(9.0, 16.0, 9.0)),
            ("hdrCll", light(1_000.0, 399.6)),
            ("hdrMdcv", display(1_000.0, 0.0001, 0.708)),
        ])));
        assert_eq!(unusable, None);
        let info = info.unwrap();
        assert_eq!(info.colour, Some([9, 16, 9]));
        let level = info.light.unwrap();
        assert_eq!((level.content, level.average), (1_000, 400));
        let read = info.mastering.unwrap();
        assert_eq!(
            read.primaries,
            [[8_500, 39_850], [6_550, 2_300], [35_400, 14_600]]
        );
        assert_eq!(read.white, [15_635, 16_450]);
        assert_eq!((read.max_luminance, read.min_luminance), (10_000_000, 1));
    }

    #[test]
    fn what_takes_it_back_takes_all_of_it_back() {
        for value in [Value::Undefined, Value::Null, object([])] {
            assert_eq!(parse(&packet(value)), (Some(ColourInfo::default()), None));
        }
    }

    #[test]
    fn values_beyond_their_bounds_are_left_out_and_said() {
        let nothing = (ColourInfo::default(), false);
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 3.0, 9.5, 23.0, 256.0, 1e300] {
            assert_eq!(taken("colorConfig", colours(wrong, 2.0, 2.0)), nothing, "{wrong}");
            let (info, whole) = taken("colorConfig", colours(9.0, wrong, 9.0));
            assert_eq!((info.colour, whole), (Some([9, 2, 9]), false), "{wrong}");
        }
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 10_001.0, 1e300] {
            assert_eq!(taken("hdrCll", light(wrong, 400.0)), nothing, "{wrong}");
            assert_eq!(taken("hdrMdcv", display(wrong, 0.0, 0.7)), nothing, "{wrong}");
            assert_eq!(taken("hdrMdcv", display(1_000.0, wrong, 0.7)), nothing, "{wrong}");
            assert_eq!(taken("hdrMdcv", display(1_000.0, 0.0, wrong)), nothing, "{wrong}");
        }
        assert_eq!(taken("hdrMdcv", object([("redX", number(0.7))])), nothing);
        assert_eq!(taken("hdrMdcv", number(1.0)), nothing);
        // The light is not known, which is no mistake.
        assert_eq!(
            taken("colorConfig", colours(0.0, 2.0, 0.0)),
            (ColourInfo::default(), true)
        );
        assert_eq!(taken("hdrCll", light(0.0, 0.0)), (ColourInfo::default(), true));
        assert_eq!(taken("hdrMdcv", object([])), (ColourInfo::default(), true));
    }

    #[test]
    fn what_is_no_colour_info_changes_nothing_and_is_said() {
        let bodies = [
            Vec::new(),
            vec![0x11, 0x0A],
            vec![2; (64 << 10) + 1],
            encode_all(&[text("later"), object([])]),
            encode_all(&[text(NAME)]),
            encode_all(&[text(NAME), number(1.0)]),
        ];
        for body in bodies {
            let (info, unusable) = parse(&body);
            assert!(info.is_none() && unusable.is_some(), "{body:?}");
        }
        let body = encode_all(&[
            text("later"),
            object([]),
            text(NAME),
            object([("hdrCll", light(9.0, 4.0))]),
        ]);
        let (info, unusable) = parse(&body);
        assert!(info.unwrap().light.is_some() && unusable.is_none());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let mut named = packet(object([]));
            named.truncate(named.len() - 3);
            named.extend(&bytes);
            let _ = parse(&named);
        }
    }
}
