//! The cost for the journal of a look at a growing recording.

use super::*;
use crate::store::WaitingOrder;
use crate::store::tests::Growing;

/// All reads of one run of a job, up to what there is to send, and the reads of the loop between two runs.
fn look(library: &Library, job: Job, look: &mut Look) {
    library.to_deliver(WaitingOrder::OldestFirst, true, 64).unwrap();
    let found = Material::find(library, job).unwrap();
    let view = found.parts.into_iter().next_back().unwrap();
    let id = crate::store::RenditionId {
        recording: job.recording,
        format: job.format,
        part: 1,
    };
    library.pieces(id).unwrap();
    match job.format {
        Format::Hls => {
            let folder = OpenFolder::open(view, None, true, look).unwrap();
            folder.facts(false, look);
        }
        _ => {
            OpenFile::open(job.format, view, Labels::default(), look).unwrap();
        }
    }
}

#[test]
fn a_look_asks_the_journal_as_often_after_a_day_as_after_a_minute() {
    for format in [Format::Hls, Format::Mp4, Format::Flv, Format::Fmp4, Format::Aac] {
        let mut growing = Growing::new();
        let job = Job {
            recording: growing.recording,
            format,
        };
        let (mut kept, mut most) = (Look::default(), [0, 0]);
        for second in 1..90 {
            growing.grow(1);
            let library = growing.library();
            let asked = Growing::statements(|| look(&library, job, &mut kept));
            // A second look, with nothing new on the tape.
            let idle = Growing::statements(|| look(&library, job, &mut kept));
            assert!(idle <= MOST, "{format}: {idle} with nothing new");
            most[usize::from(second > 45)] = most[usize::from(second > 45)].max(asked);
        }
        assert_eq!(most[0], most[1], "{format}");
        assert!(most[1] <= MOST, "{format}: {} statements", most[1]);
        let library = growing.library();
        let whole = Growing::statements(|| look(&library, job, &mut Look::default()));
        assert!(
            whole > 30,
            "{format}: from the beginning it reads all indexes: {whole}"
        );
    }
}

/// Most SQL statements of a look: some that are asked each time, and the indexes of the last two segments.
const MOST: usize = 24;

#[test]
fn chunks_that_are_encrypted_from_now_on_are_other_chunks() {
    use crate::format::hls::encryption::{KeyUris, MasterKey};
    let mut growing = Growing::new();
    growing.grow(30);
    let job = Job {
        recording: growing.recording,
        format: Format::Hls,
    };
    let encryption = |secret: &[u8]| {
        let uris = KeyUris::beside_recordings();
        Some(Arc::new(Encryption::new(
            job.recording,
            MasterKey::new(secret),
            None,
            uris,
        )))
    };
    let mut kept = Look::default();
    let mut marks = |encryption| {
        let library = growing.library();
        let view = Material::find(&library, job).unwrap().parts.pop().unwrap();
        let folder = OpenFolder::open(view, encryption, true, &mut kept).unwrap();
        let facts = folder.facts(false, &mut kept);
        facts
            .chunks
            .into_iter()
            .map(|chunk| chunk.mark)
            .collect::<Vec<_>>()
    };
    let clear = marks(None);
    assert!(!clear.is_empty() && clear == marks(None));
    let (one, other) = (marks(encryption(b"one")), marks(encryption(b"other")));
    for (clear, (one, other)) in clear.iter().zip(one.iter().zip(&other)) {
        assert!(clear != one && one != other);
    }
    assert_eq!(marks(None), clear);
}
