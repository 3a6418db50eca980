//! The parts of a stream: frames, tracks, codec configuration, time.
//!
//! This folder is pure: no I/O, no clock, no tokio. All input from outside is parsed here once, at the edge (a sequence header
//! into a [`VideoConfig`], a name into a [`StreamName`]). It is passed on as a type that cannot be wrong.
//!
//! Times are ticks of their track: a picture's [`VideoConfig::timescale`], a sound's sample rate. [`Timeline`] makes them from
//! the 32-bit milliseconds of an RTMP publisher.

mod chunk;
mod codec;
mod fragment;
mod frame;
mod id;
mod name;
mod oddity;
mod picture;
mod time;
mod timeline;
mod units;
mod zone;

pub use chunk::{ChunkNumbers, ChunkStart, Chunker, SLOT, TargetDuration};
pub use codec::{
    Adts, Appearance, AudioCodec, AudioConfig, CodecConfig, CodecError, Colour, ColourInfo, LightLevel,
    MAX_TIMESCALE, MILLISECONDS, Mastering, Tracks, VideoCodec, VideoConfig, opus_packet_samples, parse_aac,
    parse_av1, parse_avc, parse_hevc, parse_mp3, parse_opus,
};
pub use fragment::Fragment;
pub use frame::{FRAME_COST, Frame, Incoming, LeftOut, MediaMessage, Metadata, TrackKind};
pub use id::{PublishId, RecordingId, SegmentId, UnknownId};
pub use name::{NameError, StreamName};
pub use oddity::Oddity;
pub use picture::{Look, RandomAccess};
pub(crate) use time::gcd;
pub use time::{CLOCK_SET, MOST_COMMON, Micros, common_timescale, rescale};
pub use timeline::{Exception, Timeline};
pub use units::{Layout, avc_record, hevc_record, repaired};
pub use zone::{Zone, ZoneError};
