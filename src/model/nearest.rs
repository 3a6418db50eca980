//! Finds the word that somebody probably meant and misspelt.

use strsim::levenshtein;

/// The word that was probably meant, if one is near.
pub(crate) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known
        .iter()
        .min_by_key(|candidate| levenshtein(unknown, candidate));
    // A word that shares no letter with the text was not meant.
    let most = unknown.len().saturating_sub(1).min(3);
    near.filter(|candidate| levenshtein(unknown, candidate) <= most)
        .copied()
}
