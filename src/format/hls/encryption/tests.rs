use std::sync::Arc;

use aes::Aes128;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use proptest::prelude::*;

use super::file::PIECE;
use super::*;
use crate::format::hls::{Hls, Served, Start, Update, Uris};
use crate::format::testing::{Reel, all, assert_same_in_pieces, eventful, two_segments, view};
use crate::format::{FileError, VirtualFile};
use crate::media::StreamName;

const RECORDING: &str = "0198f3a2-5b7c-7d00-8000-0123456789ab";

fn master(secret: &[u8]) -> MasterKey {
    MasterKey::new(secret)
}

fn encryption(every: u32) -> Arc<Encryption> {
    let uris = KeyUris::beside_recordings();
    let recording = RECORDING.parse().unwrap();
    Arc::new(Encryption::new(
        recording,
        master(b"secret"),
        NonZeroU32::new(every),
        uris,
    ))
}

fn decrypted(bytes: &[u8], key: ChunkKey, iv: [u8; 16]) -> Vec<u8> {
    let decryptor = Decryptor::<Aes128>::new(&Array::from(*key.expose()), &Array::from(iv));
    decryptor.decrypt_padded_vec::<Pkcs7>(bytes).unwrap()
}

/// A chunk of a playlist, as a player would decrypt it: its URI, the URI of its key and its IV.
type Listed = (String, String, [u8; 16]);

/// Reads a playlist as RFC 8216 says: a KEY is in force until the next one, at a MAP, too.
fn read(text: &str) -> (Vec<Listed>, Vec<String>) {
    let (mut chunks, mut inits, mut key) = (Vec::new(), Vec::new(), None);
    for line in text.lines() {
        if line == "#EXT-X-KEY:METHOD=NONE" {
            key = None;
        } else if let Some(rest) = line.strip_prefix("#EXT-X-KEY:METHOD=AES-128,URI=\"") {
            let (uri, iv) = rest.split_once("\",IV=0x").unwrap();
            key = Some((
                uri.to_owned(),
                u128::from_str_radix(iv, 16).unwrap().to_be_bytes(),
            ));
        } else if let Some(rest) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            assert_eq!(key, None, "inits are in clear");
            inits.push(rest.trim_end_matches('"').to_owned());
        } else if !line.starts_with('#') {
            let (uri, iv) = key.clone().expect("every chunk is encrypted");
            chunks.push((line.to_owned(), uri, iv));
        }
    }
    (chunks, inits)
}

fn folders() -> [Hls<Reel>; 3] {
    [
        Hls::open(view(&eventful()), 1_000).unwrap(),
        Hls::growing(view(&eventful()), 1_000).unwrap(),
        Hls::open(view(&two_segments()), 1_000).unwrap(),
    ]
}

#[test]
fn who_has_the_keys_of_the_playlist_gets_the_clear_chunks() {
    for clear in folders() {
        for every in [0, 1, 2, 1_000] {
            let hls = clear.with(clear.view.source.clone()).encrypted(encryption(every));
            let (chunks, inits) = read(std::str::from_utf8(hls.playlist()).unwrap());
            assert_eq!(chunks.len(), clear.chunks());
            for (number, (name, uri, iv)) in chunks.iter().enumerate() {
                let id: KeyId = uri.strip_prefix("../../k/").unwrap().parse().unwrap();
                let period = (number as u32).checked_div(every).unwrap_or(0);
                assert_eq!(
                    (id.recording.to_string().as_str(), id.period),
                    (RECORDING, period)
                );
                let mut file = hls.named(name).unwrap();
                let bytes = all(&mut file);
                assert_eq!(bytes.len() as u64, hls.chunk_len(number));
                assert_same_in_pieces(&mut file, &bytes, &[1, 999, 30_000]);
                let wanted = all(&mut clear.named(name).unwrap());
                let key = master(b"secret").key(&id).unwrap();
                assert_eq!(decrypted(&bytes, key, *iv), wanted, "{name}");
            }
            for name in inits {
                assert_eq!(
                    all(&mut hls.named(&name).unwrap()),
                    all(&mut clear.named(&name).unwrap())
                );
            }
        }
    }
}

#[test]
fn another_reader_finds_a_key_for_each_chunk_and_none_for_an_init() {
    let hls = Hls::growing(view(&eventful()), 1_000)
        .unwrap()
        .encrypted(encryption(2));
    let uris = Uris::new("", Some("txSecret=ab")).unwrap();
    let served = Served {
        start: Start::Beginning,
        update: Update::Whole,
        uris: &uris,
        later_us: 0,
    };
    for text in [
        hls.served(&served),
        hls.served_live(3, &served),
        hls.live_playlist(3),
        hls.playlist().to_vec(),
    ] {
        let playlist = m3u8_rs::parse_media_playlist_res(&text).unwrap();
        let is_served = String::from_utf8_lossy(&text).contains("txSecret");
        for (number, segment) in playlist.segments.iter().enumerate() {
            let key = segment.key.as_ref().unwrap();
            let id = encryption(2).key_id(number);
            let query = if is_served { "?txSecret=ab" } else { "" };
            assert_eq!(key.method, m3u8_rs::KeyMethod::AES128);
            assert_eq!(key.uri, Some(format!("../../k/{id}{query}")));
            assert_eq!(key.iv, Some(format!("0x{:032x}", number + 1)));
        }
        read(&String::from_utf8(text).unwrap());
    }
    // A player that has the beginning gets the key of what follows.
    let long = Hls::growing(view(&eventful()), 200)
        .unwrap()
        .encrypted(encryption(0));
    let served = Served {
        update: Update::Delta,
        ..served
    };
    let text = String::from_utf8(long.served_live(long.chunks(), &served)).unwrap();
    read(&text);
}

#[test]
fn an_encrypted_folder_has_no_keyframes_and_says_its_own_rates() {
    let clear = Hls::open(view(&two_segments()), 1_000).unwrap();
    let uris = Uris::default();
    let served = Served {
        start: Start::Beginning,
        update: Update::Whole,
        uris: &uris,
        later_us: 0,
    };
    let keyframes = String::from_utf8(clear.keyframes(&served).unwrap()).unwrap();
    let keyframe = keyframes.lines().find(|line| line.starts_with("key-")).unwrap();
    assert!(clear.serves(keyframe, false) && clear.served_file(keyframe).is_some());
    let listed = String::from_utf8(clear.served(&served)).unwrap();
    let chunk = listed.lines().find(|line| line.ends_with(".m4s")).unwrap();
    assert!(clear.serves(chunk, false));
    assert!(String::from_utf8_lossy(&clear.served_master(&uris)).contains("I-FRAME"));
    let average = clear.rates().average;
    let hls = clear.encrypted(encryption(0));
    assert!(!hls.serves(keyframe, false) && hls.served_file(keyframe).is_none());
    // The name of a chunk in clear stands for no other bytes.
    assert!(!hls.serves(chunk, false) && hls.served_file(chunk).is_none());
    let listed = String::from_utf8(hls.served(&served)).unwrap();
    for name in listed.lines().filter(|line| line.ends_with(".m4s")) {
        assert!(
            hls.serves(name, false) && hls.served_file(name).is_some(),
            "{name}"
        );
    }
    assert_eq!(hls.keyframes(&served), None);
    assert!(!String::from_utf8_lossy(&hls.served_master(&uris)).contains("I-FRAME"));
    assert!(hls.rates().average > average, "padding counts");
}

#[test]
fn what_is_encrypted_otherwise_has_another_mark() {
    let open = || Hls::open(view(&two_segments()), 1_000).unwrap();
    let marks = |hls: &Hls<Reel>| {
        (
            hls.chunk_mark(1).to_string(),
            hls.named("00002.m4s").unwrap().tag().to_string(),
        )
    };
    let of = |recording: &str, secret: &[u8], every| {
        let (recording, every) = (recording.parse().unwrap(), NonZeroU32::new(every));
        let encryption = Encryption::new(recording, master(secret), every, KeyUris::beside_recordings());
        marks(&open().encrypted(Arc::new(encryption)))
    };
    let other = "0198f3a2-5b7c-7d00-8000-0123456789ac";
    let all = [
        marks(&open()),
        of(RECORDING, b"secret", 0),
        of(RECORDING, b"other", 0),
        of(RECORDING, b"secret", 1),
        of(other, b"secret", 0),
    ];
    for (at, one) in all.iter().enumerate() {
        for another in all.iter().skip(at + 1) {
            assert!(one.0 != another.0 && one.1 != another.1);
        }
    }
    assert_eq!(of(RECORDING, b"secret", 0), all[1], "the same each time");
}

#[test]
fn ids_of_keys_are_read_back_and_nothing_else_is() {
    let id = encryption(1).key_id(41);
    assert_eq!(id.period, 41);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(encryption(0).key_id(usize::MAX).period, 0);
    let text = id.to_string();
    for bad in [
        "",
        "-",
        RECORDING,
        &format!("{text}-1"),
        &format!("{RECORDING}-0a1b2c3-0"),
        &format!("{RECORDING}-0A1B2C3D-0"),
        &format!("{RECORDING}-0a1b2c3d-01"),
        &format!("{RECORDING}-0a1b2c3d-+1"),
        &format!("{RECORDING}-0a1b2c3d-4294967296"),
        &format!("{RECORDING}-0a1b2c3d-é"),
        &text.to_uppercase(),
    ] {
        assert_eq!(bad.parse::<KeyId>(), Err(NoKeyId), "{bad}");
    }
}

/// `(printf 'edgereel: key of HLS, AES-128\n'; printf '0198f3a25b7c7d0080000123456789ab00000002' | xxd -r -p) |
/// openssl dgst -sha256 -hmac secret`, and so for the id: no release may make other keys.
#[test]
fn keys_are_those_that_anybody_can_make_of_the_master_key() {
    let id = encryption(1).key_id(2);
    let key = master(b"secret").key(&id).unwrap();
    let hex = data_encoding::HEXLOWER.encode(key.expose());
    assert_eq!(
        (master(b"secret").id().to_string().as_str(), hex.as_str()),
        ("e7584f94", "3bd4b4055dff53b0714a58153f37c580")
    );
    assert_eq!(master(b"other").key(&id), None);
    assert_eq!(format!("{key:?}"), "***");
    assert!(!format!("{:?} {:?}", master(b"secret"), encryption(0)).contains("115, 101"));
}

/// `(printf 'edgereel: key of a stream, AES-128\nlive/cam1'; printf '00000064000000000000002f' | xxd -r -p) |
/// openssl dgst -sha256 -hmac secret`: no release may make other keys.
#[test]
fn keys_of_a_stream_are_those_that_anybody_can_make_of_the_master_key() {
    let (stream, other): (StreamName, StreamName) =
        ("live/cam1".parse().unwrap(), "live/cam2".parse().unwrap());
    let of = |stream: &StreamName, every| {
        StreamEncryption::new(stream.clone(), master(b"secret"), NonZeroU32::new(every))
    };
    let id = of(&stream, 100).key_id(4_711);
    assert_eq!(id.to_string(), "e7584f94-100-47");
    assert_eq!((*id.numbers().start(), *id.numbers().end()), (4_700, 4_799));
    let key = |stream: &StreamName, id: &StreamKeyId| master(b"secret").key_of_stream(stream, id).unwrap();
    let hex = data_encoding::HEXLOWER.encode(key(&stream, &id).expose());
    assert_eq!(hex, "e6a86a16ea9c2f5d29bd09db22e18750");
    let one = of(&stream, 0).key_id(u64::MAX);
    assert_eq!(
        (one.to_string().as_str(), *one.numbers().end()),
        ("e7584f94-0-0", u64::MAX)
    );
    let all = [
        key(&stream, &id),
        key(&other, &id),
        key(&stream, &one),
        key(&stream, &of(&stream, 10).key_id(479)),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all.iter().skip(at + 1).all(|another| another != one), "{at}");
    }
    assert_eq!(master(b"other").key_of_stream(&stream, &id), None);
    assert_eq!(id.to_string().parse(), Ok(id));
    let long = format!("{id}{}", "0".repeat(1_000_000));
    for bad in [
        "",
        "e7584f94",
        "e7584f94-100",
        "e7584f94-0-1",
        "e7584f94-0100-47",
        "e7584f94-100-+47",
        "e7584f94-100-47-1",
        "e7584f94-4294967296-0",
        "E7584F94-100-47",
        &long,
    ] {
        assert_eq!(bad.parse::<StreamKeyId>(), Err(NoKeyId), "{bad}");
    }
    let highest: StreamKeyId = format!("e7584f94-{}-{}", u32::MAX, u64::MAX).parse().unwrap();
    assert_eq!(*highest.numbers().end(), u64::MAX);
}

#[test]
fn a_chunk_of_a_stream_is_decrypted_by_its_key_and_number() {
    let stream: StreamName = "live/cam1".parse().unwrap();
    let encryption = StreamEncryption::new(stream.clone(), master(b"secret"), NonZeroU32::new(2));
    let clear: Vec<u8> = (0..50_000).map(|at| (at * 31 % 251) as u8).collect();
    for (numbers, iv) in [((7, 7), 7), ((7, 9), 9_u128 << 64 | 7)] {
        let mut file = encryption.encrypted(Bytes(clear.clone()), numbers);
        let bytes = all(&mut file);
        let key = master(b"secret")
            .key_of_stream(&stream, &encryption.key_id(7))
            .unwrap();
        assert!(decrypted(&bytes, key, iv.to_be_bytes()) == clear);
    }
}

/// Bytes in memory as a file.
struct Bytes(Vec<u8>);

impl VirtualFile for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        // A file may give less at a time than is asked for.
        let most = buf.len().min(5_000);
        Ok(crate::format::hls::made::read(&self.0, offset, &mut buf[..most]))
    }
}

fn file(len: usize) -> Encrypted<Bytes> {
    let bytes = (0..len).map(|at| (at * 31 % 251) as u8).collect();
    Encrypted::new(Bytes(bytes), encryption(0).sealed(0))
}

#[test]
fn padding_is_as_long_as_it_says() {
    for len in [
        0,
        1,
        15,
        16,
        17,
        PIECE - 1,
        PIECE,
        PIECE + 1,
        3 * PIECE - 16,
        3 * PIECE,
    ] {
        let mut encrypted = file(len);
        let bytes = all(&mut encrypted);
        assert_eq!(bytes.len() as u64, encrypted_len(len as u64));
        let sealed = encryption(0).sealed(0);
        assert_eq!(
            decrypted(&bytes, sealed.key, sealed.iv),
            file(len).clear().0,
            "{len}"
        );
    }
    assert_eq!(encrypted_len(u64::MAX), u64::MAX);
}

#[test]
fn a_file_that_is_shorter_than_it_says_ends_early() {
    struct Short;
    impl VirtualFile for Short {
        fn len(&self) -> u64 {
            1 << 32
        }
        fn read_at(&mut self, _: u64, _: &mut [u8]) -> Result<usize, FileError> {
            Ok(0)
        }
    }
    let mut file = Encrypted::new(Short, encryption(0).sealed(0));
    assert_eq!(file.read_at(0, &mut [0; 9]).unwrap(), 0);
    assert_eq!(file.read_at(1 << 31, &mut [0; 9]).unwrap(), 0);
    assert_eq!(file.read_at(u64::MAX, &mut [0; 9]).unwrap(), 0);
}

proptest! {
    #[test]
    fn any_range_is_a_part_of_the_whole(
        len in 0_usize..4 * PIECE,
        ranges in proptest::collection::vec((0_usize..5 * PIECE, 0_usize..2 * PIECE), 1..12),
    ) {
        let whole = all(&mut file(len));
        let mut file = file(len);
        for (offset, count) in ranges {
            let mut read = vec![0; count];
            let got = file.read_at(offset as u64, &mut read).unwrap();
            let wanted = whole.get(offset..).unwrap_or_default();
            let wanted = &wanted[..wanted.len().min(count)];
            prop_assert_eq!(&read[..got], wanted);
        }
    }
}
