//! The entry point for a fuzzer: what a stranger writes in the query of a playlist.

use super::ask::{Dialects, Parameters, Shift, ShiftError, asked};
use super::dialect::{old_tencent, timeline};
use super::stretch::{LONGEST, Stretch};

/// Reads the bytes as the decoded parameters of a query, in every dialect. No bytes may make this panic.
#[doc(hidden)]
pub fn fuzz_shift(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let parameters: Parameters<'_> = pairs.take(32).collect();
    let clouds = [false, true];
    for (tencent, aliyun) in clouds
        .into_iter()
        .flat_map(|one| clouds.map(|other| (one, other)))
    {
        judge(asked(&parameters, Dialects { tencent, aliyun }));
    }
    judge(old_tencent(&parameters).map(Some));
    if let Ok(asked) = timeline(&parameters) {
        assert!(asked.from < asked.to && asked.to - asked.from <= LONGEST);
    }
}

fn judge(read: Result<Option<Shift>, ShiftError>) {
    match read {
        Ok(Some(shift)) => {
            if let Shift::Range { from, to, .. } = shift {
                assert!(from < to && to - from <= LONGEST);
            }
            let stretch = Stretch::of(shift).and_then(|stretch| stretch.since(0));
            assert!(stretch.is_none_or(|stretch| stretch.from < stretch.to));
        }
        Ok(None) => {}
        Err(error) => assert!(error.to_string().len() < 1_000, "a message is short: {error}"),
    }
}
