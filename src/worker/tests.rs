//! The protocol, the recorder's side beside workers that misbehave, and the worker's side with programs that do.

#![expect(
    clippy::disallowed_methods,
    reason = "scripts and sockets of the test, and the time that they take"
)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::decoder::Decoder;
use super::protocol::{
    ANSWER, Outcome, REASON, REQUEST, Type, Work, answer, read_answer, read_request, request,
};
use super::{
    LARGEST_SIDE, LUMA, MOST_KEYFRAMES, MOST_LUMA, MOST_MEDIA, MediaWorker, NoPicture, PICTURE, Read,
    SHEET_PIXELS, Sheet, Wanted, jpeg, serve,
};

const SMALL: Wanted = Wanted {
    width: 32,
    height: 0,
    quality: 90,
};

const STILL: Work = Work::Still(SMALL);

/// 2 by 3 cells, which are 32 by 18 pixels together.
const SHEET: Sheet = Sheet {
    columns: 2,
    rows: 3,
    width: 16,
    height: 6,
    quality: 90,
};

/// The markers of a JPEG of this size, with a scan of these bytes.
fn jpeg_of(width: u16, height: u16, scan: usize) -> Vec<u8> {
    let [y, x] = [height.to_be_bytes(), width.to_be_bytes()];
    let frame = [0xff, 0xc0, 0, 11, 8, y[0], y[1], x[0], x[1], 1, 1, 0x11, 0];
    let start = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    let ends = [0xff, 0xd9];
    [
        &[0xff, 0xd8],
        &[0xff, 0xe0, 0, 4, 1, 1][..],
        &frame,
        &start,
        &vec![7; scan],
        &ends,
    ]
    .concat()
}

fn made(picture: &[u8]) -> Vec<u8> {
    [
        answer(Outcome::Made, "", (Type::Jpeg, picture.len())),
        picture.to_vec(),
    ]
    .concat()
}

#[test]
fn heads_are_read_as_they_were_written_and_their_bounds_are_exact() {
    let side = LARGEST_SIDE;
    let still = |width, height, quality| {
        Work::Still(Wanted {
            width,
            height,
            quality,
        })
    };
    let sheet = |columns, rows, width, height, quality| {
        Work::Sheet(Sheet {
            columns,
            rows,
            width,
            height,
            quality,
        })
    };
    for (work, media) in [
        (still(0, 0, 1), 1),
        (still(side, side, 100), MOST_MEDIA),
        (still(8, 0, 90), 65_536),
        (sheet(1, 1, 2, 2, 1), 1),
        (sheet(10, 10, 160, 90, 75), MOST_KEYFRAMES),
        (sheet(255, 1, 32, 18, 100), 1),
        (sheet(8, 8, 512, 256, 90), 1),
        (Work::Luma(1), 1),
        (Work::Luma(MOST_LUMA), MOST_KEYFRAMES),
    ] {
        assert_eq!(read_request(&request(work, media)), Ok((work, media)));
    }
    assert_eq!(8 * 512 * 8 * 256, SHEET_PIXELS);
    for (work, media) in [
        (still(side + 1, 0, 90), 1),
        (still(0, u16::MAX, 90), 1),
        (still(0, 0, 0), 1),
        (still(0, 0, 101), 1),
        (still(0, 0, 90), 0),
        (still(0, 0, 90), MOST_MEDIA + 1),
        (still(0, 0, 90), MOST_MEDIA + 1_000_000),
        (still(0, 0, 90), u64::MAX),
        (sheet(0, 1, 16, 16, 90), 1),
        (sheet(1, 0, 16, 16, 90), 1),
        (sheet(1, 1, 0, 16, 90), 1),
        (sheet(1, 1, 15, 16, 90), 1),
        (sheet(1, 1, 16, 15, 90), 1),
        (sheet(1, 1, 16, 16, 0), 1),
        (sheet(255, 1, 34, 16, 90), 1),
        (sheet(255, 255, u16::MAX - 1, u16::MAX - 1, 90), 1),
        (sheet(8, 8, 512, 258, 90), 1),
        (sheet(1, 1, 16, 16, 90), MOST_KEYFRAMES + 1),
        (Work::Luma(0), 1),
        (Work::Luma(MOST_LUMA + 1), 1),
        (Work::Luma(1), MOST_KEYFRAMES + 1),
    ] {
        let wrong = read_request(&request(work, media));
        assert!(wrong.is_err(), "{wrong:?}");
    }
    // A kind that is of a later release.
    let mut later = request(STILL, 1);
    later[8] = 4;
    let wrong = read_request(&later).unwrap_err().to_string();
    assert!(wrong.contains("of one release"), "{wrong}");
    let mut words = request(Work::Luma(1), 1);
    words[9] = 1;
    assert!(read_request(&words).is_err());

    let reason = "ü".repeat(REASON);
    let told = answer(Outcome::Undecoded, &reason, (Type::Jpeg, 0));
    let head = read_answer(told.first_chunk().unwrap(), STILL).unwrap();
    assert_eq!(
        (head.reason, head.result, told.len()),
        (REASON, 0, ANSWER + REASON)
    );
    let luma = Work::Luma(3);
    for (outcome, of, result, work, fits) in [
        (Outcome::Made, Type::Jpeg, 1, STILL, true),
        (Outcome::Made, Type::Jpeg, PICTURE, STILL, true),
        (Outcome::Made, Type::Jpeg, PICTURE, Work::Sheet(SHEET), true),
        (Outcome::Made, Type::Jpeg, PICTURE + 1, STILL, false),
        (Outcome::Made, Type::Jpeg, PICTURE + 1_000_000, STILL, false),
        (Outcome::Made, Type::Jpeg, 0, STILL, false),
        (Outcome::Made, Type::Luma, LUMA, STILL, false),
        (Outcome::Made, Type::Jpeg, LUMA, luma, false),
        (Outcome::Made, Type::Luma, LUMA, luma, true),
        (Outcome::Made, Type::Luma, 3 * LUMA, luma, true),
        (Outcome::Made, Type::Luma, 4 * LUMA, luma, false),
        (Outcome::Made, Type::Luma, LUMA - 1, luma, false),
        (Outcome::Made, Type::Luma, LUMA + 1, luma, false),
        (Outcome::Made, Type::Luma, 0, luma, false),
        (Outcome::Made, Type::Luma, PICTURE, Work::Luma(MOST_LUMA), true),
        (Outcome::Late, Type::Jpeg, 1, STILL, false),
        (Outcome::Unavailable, Type::Jpeg, 0, STILL, true),
    ] {
        let head = answer(outcome, "", (of, result));
        assert_eq!(
            read_answer(head.first_chunk().unwrap(), work).is_ok(),
            fits,
            "{outcome:?} {of:?} {result} {work:?}"
        );
    }
    let mut long = answer(Outcome::Refused, "", (Type::Jpeg, 0));
    long[10..12].copy_from_slice(&(REASON as u16 + 1).to_be_bytes());
    assert!(read_answer(long.first_chunk().unwrap(), STILL).is_err());
}

proptest::proptest! {
    #[test]
    fn bytes_of_no_kind_are_read_as_more_than_the_bounds_allow(
        mut request in proptest::array::uniform24(0_u8..), mut answer in proptest::array::uniform16(0_u8..),
        picture in proptest::collection::vec(0_u8.., 0..200), marked in proptest::bool::ANY,
    ) {
        if marked {
            request[..8].copy_from_slice(b"ERMEDIA1");
            answer[..8].copy_from_slice(b"ERMEDIA1");
        }
        request[8] %= 5;
        if let Ok((work, media)) = read_request(&request) {
            assert!(media <= work.most_media());
            assert_eq!(super::protocol::request(work, media), request);
            if let Ok(answer) = read_answer(&answer, work) {
                assert!(answer.reason <= REASON && answer.result <= PICTURE);
            }
        }
        let _ = jpeg::size(&picture);
        let _ = jpeg::size(&[&[0xff, 0xd8], &picture[..], &[0xff, 0xd9]].concat());
    }
}

#[test]
fn a_jpeg_is_known_by_its_markers_and_by_all_of_them() {
    let whole = jpeg_of(320, 180, 100);
    assert_eq!(jpeg::size(&whole), Some((320, 180)));
    for cut in 0..whole.len() {
        assert_eq!(jpeg::size(&whole[..cut]), None, "cut at {cut}");
    }
    for wrong in [
        jpeg_of(0, 180, 1),
        jpeg_of(320, 0, 1),
        b"\x89PNG\r\n\x1a\n".to_vec(),
        whole[2..].to_vec(),
    ] {
        assert_eq!(jpeg::size(&wrong), None);
    }
    let behind = [&whole[..], b"<script>"].concat();
    assert_eq!(jpeg::size(&behind), None);
}

/// A worker that does this with its first connection, and what the recorder gets of it.
async fn with_worker<F: Future<Output = ()> + Send + 'static, T>(
    does: impl FnOnce(UnixStream) -> F,
    ask: impl AsyncFnOnce(Arc<MediaWorker>) -> T,
) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("media.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serve = async {
        let (connection, _) = listener.accept().await.unwrap();
        tokio::spawn(does(connection));
    };
    tokio::join!(ask(Arc::new(MediaWorker::new(path))), serve).0
}

/// The same for a still.
async fn asked_of<F: Future<Output = ()> + Send + 'static>(
    does: impl FnOnce(UnixStream) -> F,
    wanted: Wanted,
) -> Result<Vec<u8>, NoPicture> {
    with_worker(does, async |worker| {
        worker.turn().await?.still(media(100_000), wanted).await
    })
    .await
}

fn media(len: u64) -> (u64, Read) {
    let read = |offset: u64, buffer: &mut [u8]| {
        buffer
            .iter_mut()
            .zip(offset..)
            .for_each(|(byte, at)| *byte = at as u8);
        Ok(())
    };
    (len, Arc::new(read))
}

/// Reads a whole request and answers with these bytes.
async fn answers(mut connection: UnixStream, bytes: Vec<u8>) {
    let mut head = [0; REQUEST];
    connection.read_exact(&mut head).await.unwrap();
    let (_, len) = read_request(&head).unwrap();
    let mut media = vec![0; len as usize];
    connection.read_exact(&mut media).await.unwrap();
    assert!(media.iter().zip(0_u64..).all(|(byte, at)| *byte == at as u8));
    // The recorder may have seen enough.
    let _ = connection.write_all(&bytes).await;
}

#[tokio::test]
async fn a_picture_comes_back_whole_and_one_that_breaks_off_anywhere_is_told() {
    let picture = jpeg_of(32, 18, 1_000);
    let whole = made(&picture);
    let good = whole.clone();
    assert_eq!(asked_of(|it| answers(it, good), SMALL).await.unwrap(), picture);
    let ends = (0..ANSWER + 40).chain([whole.len() - 1]);
    for cut in ends {
        let part = whole[..cut].to_vec();
        let none = asked_of(|it| answers(it, part), SMALL).await.unwrap_err();
        assert!(
            matches!(&none, NoPicture::Failed(why) if why.contains("ended before")),
            "{cut}: {none}"
        );
    }
    // It closes before it has read anything.
    let closes = |connection: UnixStream| async move { drop(connection) };
    assert!(matches!(asked_of(closes, SMALL).await, Err(NoPicture::Failed(_))));
}

#[tokio::test]
async fn what_is_no_picture_or_another_one_than_was_asked_for_does_not_count() {
    for wrong in [
        made(&jpeg_of(33, 18, 10)),
        made(b"GIF89a"),
        made(&[jpeg_of(32, 18, 10), b"more".to_vec()].concat()),
        vec![0; 1 << 20],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        answer(Outcome::Refused, "it is old", (Type::Jpeg, 0)),
    ] {
        let none = asked_of(|it| answers(it, wrong), SMALL).await.unwrap_err();
        assert!(matches!(none, NoPicture::Failed(_)), "{none}");
    }
    let told = |outcome| answer(outcome, "why \u{1b}[31mnot", (Type::Jpeg, 0));
    let none = asked_of(|it| answers(it, told(Outcome::Undecoded)), SMALL).await;
    assert_eq!(none, Err(NoPicture::Undecoded("why  [31mnot".to_owned())));
    let none = asked_of(|it| answers(it, told(Outcome::Unavailable)), SMALL).await;
    assert!(matches!(none, Err(NoPicture::NoWorker(_))));
    // What comes behind an answer is not read.
    let endless = |connection: UnixStream| async move {
        let (read, mut write) = connection.into_split();
        let _read = read;
        let _ = write.write_all(&made(&jpeg_of(32, 18, 10))).await;
        while write.write_all(&[7; 4096]).await.is_ok() {}
    };
    assert!(asked_of(endless, SMALL).await.is_ok());
    // Any size fits where none is asked for.
    let original = Wanted { width: 0, ..SMALL };
    let large = made(&jpeg_of(7_680, 4_320, 10));
    assert!(asked_of(|it| answers(it, large), original).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hangs_costs_its_time_and_those_behind_it_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("media.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let worker = Arc::new(MediaWorker::new(path));
    let began = tokio::time::Instant::now();
    let ask = |worker: Arc<MediaWorker>| async move { worker.turn().await?.still(media(10), SMALL).await };
    let first = tokio::spawn(ask(worker.clone()));
    tokio::task::yield_now().await;
    let waiting: Vec<_> = (0..8).map(|_| tokio::spawn(ask(worker.clone()))).collect();
    tokio::task::yield_now().await;
    assert_eq!(ask(worker.clone()).await, Err(NoPicture::Busy), "nine are enough");
    assert!(began.elapsed() < Duration::from_secs(1));
    for waits in waiting {
        assert_eq!(waits.await.unwrap(), Err(NoPicture::Busy));
    }
    assert!(began.elapsed() < Duration::from_secs(31));
    assert_eq!(first.await.unwrap(), Err(NoPicture::Late));
    assert!(began.elapsed() < Duration::from_secs(66));
    // The turn is free again.
    assert!(worker.turn().await.is_ok());
}

#[tokio::test]
async fn without_a_worker_it_is_said_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("media.sock");
    let worker = MediaWorker::new(path.clone());
    let ask = async |media| {
        worker
            .turn()
            .await
            .unwrap()
            .still(media, SMALL)
            .await
            .unwrap_err()
    };
    let missing = ask(media(1)).await.to_string();
    assert!(
        missing.contains("media.sock: nobody serves here; install ffmpeg and start edgereel-media.socket"),
        "{missing}"
    );
    drop(UnixListener::bind(&path).unwrap());
    let left = ask(media(1)).await.to_string();
    assert!(left.contains("nobody serves here now"), "{left}");
    // Nothing is asked for about a file that no worker takes.
    for len in [0, MOST_MEDIA + 1] {
        assert!(matches!(ask(media(len)).await, NoPicture::Undecoded(_)));
    }
    let _listener = {
        std::fs::remove_file(&path).unwrap();
        UnixListener::bind(&path).unwrap()
    };
    let unreadable: Read = Arc::new(|_, _| Err("gone".to_owned()));
    assert_eq!(ask((10, unreadable)).await, NoPicture::Unread("gone".to_owned()));
}

/// A program in place of ffmpeg.
struct Program {
    folder: TempDir,
}

impl Program {
    /// A script of the shell. It finds a JPEG of 32 by 18 in `$0.jpg`.
    fn script(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decoder");
        // Another process writes it: a file that this one has open for writing, also in a child of another test, cannot be run.
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let written = Command::new("sh")
            .args(["-c", write])
            .arg(&path)
            .arg(text)
            .status();
        assert!(written.unwrap().success());
        std::fs::write(folder.path().join("decoder.jpg"), jpeg_of(32, 18, 100)).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("decoder")
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(self.path().into())
    }
}

/// What a worker with this decoder answers to a request: the outcome, the reason and the picture.
fn answered_by(decoder: Decoder, asked: &[u8]) -> Option<(Outcome, String, Vec<u8>)> {
    let (mut ours, theirs) = Connection::pair().unwrap();
    let serving = std::thread::spawn(move || serve::serve(&theirs, &decoder));
    ours.write_all(asked).unwrap();
    let mut bytes = Vec::new();
    let _ = ours.read_to_end(&mut bytes);
    let _ = serving.join().unwrap();
    let (head, rest) = bytes.split_first_chunk()?;
    let (work, _) = read_request(asked.first_chunk().unwrap()).unwrap_or((STILL, 0));
    let head = read_answer(head, work).unwrap();
    let (reason, picture) = rest.split_at(head.reason);
    assert_eq!(picture.len(), head.result);
    Some((
        head.outcome,
        String::from_utf8(reason.to_vec()).unwrap(),
        picture.to_vec(),
    ))
}

fn asked(media: &[u8]) -> Vec<u8> {
    [&request(STILL, media.len() as u64)[..], media].concat()
}

#[test]
fn a_decoder_gets_the_media_and_no_word_of_the_request() {
    let program = Program::script("echo \"$@\" > $0.words; env > $0.env; cat > $0.media; cat $0.jpg");
    let media: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
    let (outcome, reason, picture) = answered_by(program.decoder(), &asked(&media)).unwrap();
    assert_eq!(
        (outcome, reason.as_str(), picture),
        (Outcome::Made, "", jpeg_of(32, 18, 100))
    );
    let kept = |name: &str| std::fs::read(program.folder.path().join(format!("decoder.{name}"))).unwrap();
    assert_eq!(kept("media"), media);
    let words = String::from_utf8(kept("words")).unwrap();
    assert!(
        words.contains("-protocol_whitelist pipe ") && words.contains(" -f mp4 -i pipe:0 "),
        "{words}"
    );
    assert!(words.contains("min(1\\,min(32/(iw*sar)\\,8192/ih))"), "{words}");
    assert!(
        !String::from_utf8(kept("env")).unwrap().contains("CARGO"),
        "the environment is not handed on"
    );
}

#[test]
fn a_decoder_that_does_wrong_is_told_with_its_own_words_and_one_that_is_missing_with_what_to_do() {
    // Each of these fails with the picture that is known to be right, too.
    for (script, words) in [
        (
            "cat > /dev/null; echo no such thing >&2; exit 1",
            "the decoder ended with 1: no such thing",
        ),
        ("exit 0", "the decoder found no picture in it"),
        ("echo this is no picture", "the decoder wrote what is no JPEG"),
        (
            "kill -9 $$",
            "killed by signal 9, perhaps because its memory is too small",
        ),
        ("cat /dev/zero", "its JPEG has more than 4194304 bytes"),
        (
            "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 3",
            "the decoder ended with 3: xxx",
        ),
    ] {
        let program = Program::script(script);
        let (outcome, reason, picture) = answered_by(program.decoder(), &asked(&[1; 70_000])).unwrap();
        assert_eq!(
            (outcome, picture.len()),
            (Outcome::Unavailable, 0),
            "{script}: {reason}"
        );
        assert!(
            reason.contains(words) && reason.contains("install a whole ffmpeg"),
            "{script}: {reason}"
        );
        assert!(reason.len() < 600, "{}", reason.len());
    }
    // This one can decode other pictures.
    let program = Program::script(
        "if [ \"$(head -c 4 | tail -c 1 | tr -d '\\0')\" = x ]; then echo torn >&2; exit 1; fi; cat $0.jpg",
    );
    let (outcome, reason, _) = answered_by(program.decoder(), &asked(b"xxxx")).unwrap();
    assert_eq!(
        (outcome, reason.as_str()),
        (Outcome::Undecoded, "the decoder ended with 1: torn")
    );
    let nothing = Decoder::new("/nowhere/ffmpeg".into());
    let (outcome, reason, _) = answered_by(nothing.clone(), &asked(&[1])).unwrap();
    assert_eq!(outcome, Outcome::Unavailable);
    assert_eq!(reason, "the program /nowhere/ffmpeg is not there: install ffmpeg");
    assert!(nothing.check().is_err());
}

/// True while a process of this number runs. One that has ended and that nobody waited for does not run.
fn runs(number: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{number}/stat"));
    state.is_ok_and(|state| !state.contains(") Z "))
}

/// The numbers of a program and of its child, once it has written both.
fn numbers(program: &Program) -> [String; 2] {
    let path = program.folder.path().join("decoder.pids");
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if let [one, two] = text.lines().collect::<Vec<_>>()[..] {
            return [one.to_owned(), two.to_owned()];
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the program did not begin"
        );
        std::thread::yield_now();
    }
}

fn gone(numbers: &[String]) {
    let began = Instant::now();
    while numbers.iter().any(|number| runs(number)) {
        assert!(began.elapsed() < Duration::from_secs(60), "{numbers:?} are left");
        std::thread::yield_now();
    }
}

#[test]
fn a_decoder_that_hangs_is_ended_with_its_children_when_time_is_over() {
    let hangs = "sleep 1000 & printf '%s\\n%s\\n' $$ $! > $0.pids; wait";
    let program = Program::script(hangs);
    // On a busy machine, the program may not get as far in the shorter times.
    for seconds in [1, 4, 16, 50] {
        let decoder = program.decoder().within(Duration::from_secs(seconds));
        let (outcome, ..) = answered_by(decoder, &asked(&[1; 200_000])).unwrap();
        assert_eq!(outcome, Outcome::Late);
        if program.folder.path().join("decoder.pids").exists() {
            break;
        }
    }
    gone(&numbers(&program));
    // One that leaves a child behind, which keeps the output open, is not waited for.
    let program = Program::script("sleep 1000 & printf '%s\\n%s\\n' $$ $! > $0.pids; cat $0.jpg");
    let (outcome, ..) = answered_by(program.decoder(), &asked(&[1])).unwrap();
    assert_eq!(outcome, Outcome::Made);
    gone(&numbers(&program));
}

#[test]
fn a_decoder_is_ended_when_nobody_waits_for_its_picture() {
    let program = Program::script("sleep 1000 & printf '%s\\n%s\\n' $$ $! > $0.pids; wait");
    let decoder = program.decoder();
    let (mut ours, theirs) = Connection::pair().unwrap();
    let serving = std::thread::spawn(move || serve::serve(&theirs, &decoder));
    ours.write_all(&asked(&[1])).unwrap();
    let numbers = numbers(&program);
    drop(ours);
    serving.join().unwrap().unwrap();
    gone(&numbers);
}

#[test]
fn what_is_no_request_reaches_no_decoder() {
    let program = Program::script("touch $0.ran; cat $0.jpg");
    let whole = asked(&[1; 10]);
    let mut wrong = whole.clone();
    wrong[0] = b'X';
    let (outcome, reason, _) = answered_by(program.decoder(), &wrong).unwrap();
    assert_eq!(outcome, Outcome::Refused);
    assert!(reason.contains("of one release"), "{reason}");
    for cut in 0..REQUEST {
        let (mut ours, theirs) = Connection::pair().unwrap();
        ours.write_all(&whole[..cut]).unwrap();
        drop(ours);
        assert!(serve::serve(&theirs, &program.decoder()).is_err(), "cut at {cut}");
    }
    let long = request(STILL, MOST_MEDIA + 1);
    assert_eq!(answered_by(program.decoder(), &long).unwrap().0, Outcome::Refused);
    assert!(!Path::new(&program.folder.path().join("decoder.ran")).exists());
}

#[test]
fn a_decoder_gets_media_as_it_comes_and_is_ended_where_it_breaks_off() {
    let program = Program::script("head -c 100000 > $0.first; echo $$ > $0.pids; cat > $0.rest; cat $0.jpg");
    let media = vec![5; 300_000];
    let whole = asked(&media);
    let (mut ours, theirs) = Connection::pair().unwrap();
    let decoder = program.decoder();
    let serving = std::thread::spawn(move || serve::serve(&theirs, &decoder));
    ours.write_all(&whole[..200_000]).unwrap();
    // It has what came, while the rest is still to come.
    let path = program.folder.path().join("decoder.pids");
    let began = Instant::now();
    let number = loop {
        match std::fs::read_to_string(&path)
            .unwrap_or_default()
            .strip_suffix('\n')
        {
            Some(number) => break number.to_owned(),
            None => assert!(began.elapsed() < Duration::from_secs(60)),
        }
        std::thread::yield_now();
    };
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    serving.join().unwrap().unwrap();
    gone(&[number]);
    let mut answer = Vec::new();
    let _ = ours.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{} bytes", answer.len());
    // One that has enough before the end is no reason to wait for the rest, which may not come.
    let program = Program::script("head -c 1000 > /dev/null; cat $0.jpg");
    let (mut ours, theirs) = Connection::pair().unwrap();
    let decoder = program.decoder();
    let serving = std::thread::spawn(move || serve::serve(&theirs, &decoder));
    ours.write_all(&whole[..100_000]).unwrap();
    serving.join().unwrap().unwrap();
    let _ = ours.read_to_end(&mut answer);
    assert_eq!(answer, made(&jpeg_of(32, 18, 100)));
}

#[tokio::test]
async fn a_sheet_and_luma_count_when_they_have_the_size_that_was_asked_for() {
    let sheet_of = async |bytes: Vec<u8>| {
        let serve = |it| answers(it, bytes);
        with_worker(serve, async |worker| {
            worker.turn().await?.sprite(media(1_000), SHEET).await
        })
        .await
    };
    let right = jpeg_of(32, 18, 1_000);
    assert_eq!(sheet_of(made(&right)).await.unwrap(), right);
    let luma = |bytes: usize| [answer(Outcome::Made, "", (Type::Luma, bytes)), vec![9; bytes]].concat();
    for wrong in [
        made(&jpeg_of(32, 12, 10)),
        made(&jpeg_of(34, 18, 10)),
        made(b"GIF89a"),
        luma(LUMA),
        vec![0; 1 << 20],
    ] {
        let none = sheet_of(wrong).await.unwrap_err();
        assert!(matches!(none, NoPicture::Failed(_)), "{none}");
    }
    let luma_of = async |bytes: Vec<u8>| {
        let serve = |it| answers(it, bytes);
        with_worker(serve, async |worker| {
            worker.turn().await?.luma(media(1_000), 3).await
        })
        .await
    };
    assert_eq!(luma_of(luma(3 * LUMA)).await.unwrap(), vec![[9; LUMA]; 3]);
    assert_eq!(luma_of(luma(LUMA)).await.unwrap().len(), 1);
    for wrong in [
        luma(4 * LUMA),
        luma(LUMA + 1),
        luma(0),
        made(&right),
        luma(2 * LUMA)[..LUMA].to_vec(),
    ] {
        let none = luma_of(wrong).await.unwrap_err();
        assert!(matches!(none, NoPicture::Failed(_)), "{none}");
    }
    // A worker of an earlier release says so before it has read any media.
    let old = |mut connection: UnixStream| async move {
        connection.read_exact(&mut [0; REQUEST]).await.unwrap();
        let refused = answer(
            Outcome::Refused,
            "it asks for a kind of work that is not known",
            (Type::Jpeg, 0),
        );
        connection.write_all(&refused).await.unwrap();
    };
    let large = async |worker: Arc<MediaWorker>| {
        let turn = worker.turn().await?;
        turn.sprite(media(MOST_KEYFRAMES), SHEET).await
    };
    let none = with_worker(old, large).await.unwrap_err().to_string();
    assert!(none.contains("refused the request: it asks for a kind"), "{none}");
    // What no worker makes is not asked for.
    let worker = MediaWorker::new("/nowhere".into());
    let odd = Sheet { width: 15, ..SHEET };
    let none = worker.turn().await.unwrap().sprite(media(10), odd).await;
    assert!(matches!(none, Err(NoPicture::Undecoded(_))));
    let none = worker
        .turn()
        .await
        .unwrap()
        .luma(media(MOST_KEYFRAMES + 1), 1)
        .await;
    assert!(matches!(none, Err(NoPicture::Undecoded(_))));
}

#[test]
fn luma_that_a_decoder_writes_has_whole_pictures_and_no_more_than_asked_for() {
    let asked = |pictures| [&request(Work::Luma(pictures), 3)[..], b"abc"].concat();
    let program =
        Program::script("if [ \"$(cat | wc -c)\" = 3 ]; then head -c 8192 /dev/zero; else cat $0.jpg; fi");
    let (outcome, reason, luma) = answered_by(program.decoder(), &asked(2)).unwrap();
    assert_eq!((outcome, luma.len()), (Outcome::Made, 2 * LUMA), "{reason}");
    let (outcome, reason, _) = answered_by(program.decoder(), &asked(1)).unwrap();
    assert_eq!(outcome, Outcome::Undecoded);
    assert!(reason.contains("not the luma of as many pictures"), "{reason}");
    let words = Program::script("echo \"$@\" >> $0.words; cat $0.jpg");
    for (work, wanted) in [
        (
            Work::Sheet(SHEET),
            "fps=1:start_time=0,tile=layout=2x3 -c:v mjpeg",
        ),
        (
            Work::Luma(7),
            "-fps_mode passthrough -frames:v 7 -vf scale=w=64:h=64",
        ),
    ] {
        let asked = [&request(work, 3)[..], b"abc"].concat();
        answered_by(words.decoder(), &asked).unwrap();
        let found = std::fs::read_to_string(words.folder.path().join("decoder.words")).unwrap();
        assert!(
            found.contains(wanted) && found.contains("-max_error_rate 1 "),
            "{found}"
        );
    }
}

#[tokio::test]
async fn a_socket_of_its_own_serves_again_behind_a_worker_that_was_killed() {
    let program = Program::script("cat > /dev/null; cat $0.jpg");
    let path = program.folder.path().join("media.sock");
    // The socket of a worker that is gone.
    drop(UnixListener::bind(&path).unwrap());
    let (at, decoder) = (path.clone(), program.decoder());
    // It serves until the tests end.
    std::thread::spawn(move || serve::listen(&at, &decoder));
    let worker = MediaWorker::new(path.clone());
    let began = Instant::now();
    for _ in 0..3 {
        let picture = loop {
            match worker.turn().await.unwrap().still(media(100_000), SMALL).await {
                Err(NoPicture::NoWorker(_)) if began.elapsed() < Duration::from_secs(60) => {
                    tokio::task::yield_now().await
                }
                picture => break picture,
            }
        };
        assert_eq!(picture.unwrap(), jpeg_of(32, 18, 100));
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let taken = serve::listen(&path, &program.decoder()).unwrap_err().to_string();
    assert!(taken.contains("another media worker serves"), "{taken}");
}
