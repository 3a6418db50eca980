//! The bytes between the recorder and the worker. Pure. A connection carries one request and one answer; numbers are big-endian.
//!
//! ```text
//! request    0  mark and version, "ERMEDIA1"
//!            8  kind of work, 1: a still, 2: a sheet of pictures, 3: luma
//!            9  quality of the JPEG, 1 to 100. Luma: 0
//!           10  a still: the most pixels of its width, 0: no limit; a sheet: the width of a cell; luma: 0     two bytes
//!           12  the same of the height                                                                      two bytes
//!           14  a still: 0; a sheet: its columns, and its rows; luma: the most pictures                      two bytes
//!           16  length of the media, at most 16 MiB for a still and 64 MiB for the others                   eight bytes
//!           24  the media: an MP4 file whose index is at its beginning
//!
//! answer     0  mark and version
//!            8  outcome: 1 made, 2 undecoded, 3 late, 4 unavailable, 5 refused
//!            9  type of the result: 0 none, 1 image/jpeg, 2 luma
//!           10  length of the reason, at most 1,024              two bytes
//!           12  length of the result, at most 4 MiB              four bytes
//!           16  the reason, UTF-8; then the result
//! ```
//!
//! The media of a still has one picture. That of the others has keyframes alone: the picture that is shown in the n-th second belongs to
//! the n-th cell, from 0. A picture that lasts several seconds fills as many cells.
//!
//! Luma is 64 rows of 64 bytes for each second, brightness from 0 to 255, of the whole picture, stretched.
//!
//! A request has no text at all, so nothing of it can become a part of a command line. A worker of a release that does not know a kind
//! refuses it, and the mark stays as long as a still is asked for in the same bytes.

/// The most bytes of the media of a request for a still. A message of RTMP has at most 10 MiB.
pub const MOST_MEDIA: u64 = 16 << 20;
/// The most bytes of the media of a request for many pictures.
pub const MOST_KEYFRAMES: u64 = 64 << 20;
/// The most bytes of a result.
pub const PICTURE: usize = 4 << 20;
/// Bytes of the luma of a picture: 64 rows of 64.
pub const LUMA: usize = 64 * 64;
/// The most pictures that luma is made of.
pub const MOST_LUMA: u16 = 1_024;
/// The most pixels of a sheet.
pub const SHEET_PIXELS: u32 = 8 << 20;
/// The most pixels of a side that a picture may be asked for.
pub const LARGEST_SIDE: u16 = 8_192;

/// Bytes of the head of a request.
pub(super) const REQUEST: usize = 24;
/// Bytes of the head of an answer.
pub(super) const ANSWER: usize = 16;
/// The most bytes of a reason.
pub(super) const REASON: usize = 1_024;

const MARK: &[u8; 8] = b"ERMEDIA1";
const STILL: u8 = 1;
const SHEET: u8 = 2;
const LUMAS: u8 = 3;

/// The picture that is asked for. It keeps its shape, and is never enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The most pixels of its width. 0: as many as it has.
    pub width: u16,
    /// The same of its height.
    pub height: u16,
    /// 1 to 100.
    pub quality: u8,
}

/// A picture of many small ones: cells of one size, row by row from the top left. A picture keeps its shape within its cell, with
/// black around it. Cells that have no picture are black.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sheet {
    /// Cells beside each other.
    pub columns: u8,
    /// Cells below each other.
    pub rows: u8,
    /// Pixels of a cell: an even number.
    pub width: u16,
    /// The same of its height.
    pub height: u16,
    /// 1 to 100.
    pub quality: u8,
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A JPEG of the first picture.
    Still(Wanted),
    /// A JPEG of many pictures.
    Sheet(Sheet),
    /// The luma of at most so many pictures.
    Luma(u16),
}

/// The type of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Jpeg,
    Luma,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is a result.
    Made,
    /// These pictures cannot be decoded, and others can.
    Undecoded,
    /// It took too long.
    Late,
    /// No picture can be decoded.
    Unavailable,
    /// The request is none that this worker knows.
    Refused,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// Bytes of the reason.
    pub(super) reason: usize,
    /// Bytes of the result.
    pub(super) result: usize,
}

/// Why bytes are no head, as a part of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error(
        "it does not speak this protocol, or another version of it: are recorder and worker of one release?"
    )]
    Mark,
    #[error("it asks for a kind of work that is not known: are recorder and worker of one release?")]
    Kind,
    #[error("it says an impossible {0}")]
    Value(&'static str),
}

impl Sheet {
    /// Pixels of the sheet: its width, and its height.
    pub fn size(self) -> (u32, u32) {
        let side = |cells: u8, pixels: u16| u32::from(cells) * u32::from(pixels);
        (side(self.columns, self.width), side(self.rows, self.height))
    }

    /// The smallest sheet for so many cells, of at most as many columns and rows.
    pub fn of_cells(self, cells: usize) -> Self {
        let fewer = |most: u8, wanted: usize| u8::try_from(wanted).unwrap_or(u8::MAX).clamp(1, most.max(1));
        Self {
            columns: fewer(self.columns, cells),
            rows: fewer(self.rows, cells.div_ceil(usize::from(self.columns.max(1)))),
            ..self
        }
    }

    /// Whether the worker makes such a sheet: its sides, its pixels and its quality are within bounds.
    pub fn is_possible(self) -> bool {
        let (width, height) = self.size();
        let sides = [width, height];
        let is_side = |side: u32| side > 0 && side <= u32::from(LARGEST_SIDE);
        let is_even = self.width.is_multiple_of(2) && self.height.is_multiple_of(2);
        sides.into_iter().all(is_side)
            && is_even
            && width * height <= SHEET_PIXELS
            && (1..=100).contains(&self.quality)
    }
}

impl Work {
    fn is_possible(self) -> bool {
        match self {
            Work::Still(still) => {
                still.width <= LARGEST_SIDE
                    && still.height <= LARGEST_SIDE
                    && (1..=100).contains(&still.quality)
            }
            Work::Sheet(sheet) => sheet.is_possible(),
            Work::Luma(pictures) => (1..=MOST_LUMA).contains(&pictures),
        }
    }

    /// The most bytes of its media.
    pub(super) fn most_media(self) -> u64 {
        match self {
            Work::Still(_) => MOST_MEDIA,
            Work::Sheet(_) | Work::Luma(_) => MOST_KEYFRAMES,
        }
    }

    /// The type of its result.
    pub(super) fn makes(self) -> Type {
        match self {
            Work::Still(_) | Work::Sheet(_) => Type::Jpeg,
            Work::Luma(_) => Type::Luma,
        }
    }

    /// Whether its result may have so many bytes.
    pub(super) fn may_have(self, bytes: usize) -> bool {
        let fits = match self {
            Work::Still(_) | Work::Sheet(_) => true,
            Work::Luma(pictures) => bytes.is_multiple_of(LUMA) && bytes / LUMA <= pictures.into(),
        };
        fits && bytes > 0 && bytes <= PICTURE
    }
}

impl Type {
    fn byte(self) -> u8 {
        match self {
            Type::Jpeg => 1,
            Type::Luma => 2,
        }
    }
}

/// Writes the head of a request.
pub(super) fn request(work: Work, media: u64) -> [u8; REQUEST] {
    let (kind, quality, [width, height], more) = match work {
        Work::Still(it) => (STILL, it.quality, [it.width, it.height], [0, 0]),
        Work::Sheet(it) => (SHEET, it.quality, [it.width, it.height], [it.columns, it.rows]),
        Work::Luma(pictures) => (LUMAS, 0, [0, 0], pictures.to_be_bytes()),
    };
    let mut head = [0; REQUEST];
    put(&mut head, 0, MARK);
    put(&mut head, 8, &[kind, quality]);
    put(&mut head, 10, &width.to_be_bytes());
    put(&mut head, 12, &height.to_be_bytes());
    put(&mut head, 14, &more);
    put(&mut head, 16, &media.to_be_bytes());
    head
}

/// Reads the head of a request: what is asked for, and the length of the media.
pub(super) fn read_request(head: &[u8; REQUEST]) -> Result<(Work, u64), Wrong> {
    if head.get(..8) != Some(MARK) {
        return Err(Wrong::Mark);
    }
    let (quality, more) = (head[9], [head[14], head[15]]);
    let [width, height] = [[head[10], head[11]], [head[12], head[13]]].map(u16::from_be_bytes);
    let work = match (head[8], more) {
        (STILL, [0, 0]) => Work::Still(Wanted {
            width,
            height,
            quality,
        }),
        (SHEET, [columns, rows]) => Work::Sheet(Sheet {
            columns,
            rows,
            width,
            height,
            quality,
        }),
        (LUMAS, pictures) if (quality, width, height) == (0, 0, 0) => {
            Work::Luma(u16::from_be_bytes(pictures))
        }
        _ => return Err(Wrong::Kind),
    };
    if !work.is_possible() {
        return Err(Wrong::Value("size, number or quality"));
    }
    let media = number(&head[16..]);
    if media == 0 || media > work.most_media() {
        return Err(Wrong::Value("length of the media"));
    }
    Ok((work, media))
}

/// Writes an answer without its result, which has this type and so many bytes. A reason that is too long is cut.
pub(super) fn answer(outcome: Outcome, reason: &str, (of, result): (Type, usize)) -> Vec<u8> {
    let reason = reason
        .get(..reason.floor_char_boundary(REASON))
        .unwrap_or_default();
    let word = match outcome {
        Outcome::Made => 1,
        Outcome::Undecoded => 2,
        Outcome::Late => 3,
        Outcome::Unavailable => 4,
        Outcome::Refused => 5,
    };
    let mut head = [0; ANSWER];
    put(&mut head, 0, MARK);
    put(&mut head, 8, &[word, if result > 0 { of.byte() } else { 0 }]);
    put(&mut head, 10, &fitted::<u16>(reason.len()).to_be_bytes());
    put(&mut head, 12, &fitted::<u32>(result).to_be_bytes());
    [&head, reason.as_bytes()].concat()
}

/// Reads the head of the answer to this work.
pub(super) fn read_answer(head: &[u8; ANSWER], work: Work) -> Result<Answer, Wrong> {
    if head.get(..8) != Some(MARK) {
        return Err(Wrong::Mark);
    }
    let outcome = match head[8] {
        1 => Outcome::Made,
        2 => Outcome::Undecoded,
        3 => Outcome::Late,
        4 => Outcome::Unavailable,
        5 => Outcome::Refused,
        _ => return Err(Wrong::Value("outcome")),
    };
    let reason = usize::from(u16::from_be_bytes([head[10], head[11]]));
    if reason > REASON {
        return Err(Wrong::Value("length of its reason"));
    }
    let result = usize::try_from(number(&head[12..])).unwrap_or(usize::MAX);
    let is_possible = match outcome {
        Outcome::Made => head[9] == work.makes().byte() && work.may_have(result),
        _ => head[9] == 0 && result == 0,
    };
    if !is_possible {
        return Err(Wrong::Value("type or length of its result"));
    }
    Ok(Answer {
        outcome,
        reason,
        result,
    })
}

fn put(head: &mut [u8], at: usize, bytes: &[u8]) {
    let places = head.iter_mut().skip(at);
    places.zip(bytes).for_each(|(place, byte)| *place = *byte);
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A length that was bounded before.
fn fitted<T: TryFrom<usize> + Default>(length: usize) -> T {
    T::try_from(length).unwrap_or_default()
}
