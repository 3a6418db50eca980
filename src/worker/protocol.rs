//! The bytes between the recorder and the worker. Pure. A connection carries one request and one answer; numbers are big-endian.
//!
//! ```text
//! request    0  mark and version, "ERMEDIA1"
//!            8  kind of work, 1: a still
//!            9  quality of the picture, 1 to 100
//!           10  the most pixels of its width, 0: no limit        two bytes
//!           12  the same of its height                           two bytes
//!           14  0                                                two bytes
//!           16  length of the media                              eight bytes
//!           24  the media: an MP4 file whose index is at its beginning
//!
//! answer     0  mark and version
//!            8  outcome: 1 made, 2 undecoded, 3 late, 4 unavailable, 5 refused
//!            9  type of the picture: 0 none, 1 image/jpeg
//!           10  length of the reason, at most 1,024              two bytes
//!           12  length of the picture, at most 4 MiB             four bytes
//!           16  the reason, UTF-8; then the picture
//! ```
//!
//! A request has no text at all, so nothing of it can become a part of a command line.

/// The most bytes of the media of a request. A message of RTMP has at most 10 MiB.
pub const MOST_MEDIA: u64 = 16 << 20;
/// The most bytes of a picture.
pub const PICTURE: usize = 4 << 20;
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
const JPEG: u8 = 1;

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

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is a picture.
    Made,
    /// This picture cannot be decoded, and others can.
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
    /// Bytes of the picture.
    pub(super) picture: usize,
}

/// Why bytes are no head, as a part of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error(
        "it does not speak this protocol, or another version of it: are recorder and worker of one release?"
    )]
    Mark,
    #[error("it asks for a kind of work that is not known")]
    Kind,
    #[error("it says an impossible {0}")]
    Value(&'static str),
}

impl Wanted {
    fn is_possible(self) -> bool {
        self.width <= LARGEST_SIDE && self.height <= LARGEST_SIDE && (1..=100).contains(&self.quality)
    }
}

/// Writes the head of a request.
pub(super) fn request(wanted: Wanted, media: u64) -> [u8; REQUEST] {
    let mut head = [0; REQUEST];
    put(&mut head, 0, MARK);
    put(&mut head, 8, &[STILL, wanted.quality]);
    put(&mut head, 10, &wanted.width.to_be_bytes());
    put(&mut head, 12, &wanted.height.to_be_bytes());
    put(&mut head, 16, &media.to_be_bytes());
    head
}

/// Reads the head of a request: what is asked for, and the length of the media.
pub(super) fn read_request(head: &[u8; REQUEST]) -> Result<(Wanted, u64), Wrong> {
    if head.get(..8) != Some(MARK) {
        return Err(Wrong::Mark);
    }
    if head[8] != STILL || head[14..16] != [0, 0] {
        return Err(Wrong::Kind);
    }
    let wanted = Wanted {
        quality: head[9],
        width: u16::from_be_bytes([head[10], head[11]]),
        height: u16::from_be_bytes([head[12], head[13]]),
    };
    if !wanted.is_possible() {
        return Err(Wrong::Value("size or quality"));
    }
    let media = number(&head[16..]);
    if media == 0 || media > MOST_MEDIA {
        return Err(Wrong::Value("length of the media"));
    }
    Ok((wanted, media))
}

/// Writes an answer without its picture. A reason that is too long is cut.
pub(super) fn answer(outcome: Outcome, reason: &str, picture: usize) -> Vec<u8> {
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
    put(&mut head, 8, &[word, if picture > 0 { JPEG } else { 0 }]);
    put(&mut head, 10, &fitted::<u16>(reason.len()).to_be_bytes());
    put(&mut head, 12, &fitted::<u32>(picture).to_be_bytes());
    [&head, reason.as_bytes()].concat()
}

/// Reads the head of an answer.
pub(super) fn read_answer(head: &[u8; ANSWER]) -> Result<Answer, Wrong> {
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
    let picture = number(&head[12..]);
    let is_made = outcome == Outcome::Made;
    let is_possible = if is_made {
        head[9] == JPEG && picture > 0
    } else {
        head[9] == 0 && picture == 0
    };
    match usize::try_from(picture) {
        Ok(picture) if is_possible && picture <= PICTURE => Ok(Answer {
            outcome,
            reason,
            picture,
        }),
        _ => Err(Wrong::Value("length of the picture")),
    }
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
