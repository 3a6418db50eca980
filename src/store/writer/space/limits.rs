//! How much the tape may take, and whose blocks a new segment takes over.

use crate::store::{Disk, StoreSettings};

/// The configured limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::writer) struct Limits {
    /// Most bytes that all files of the tape may take.
    pub(super) quota: Option<u64>,
    /// Bytes that must stay free on the file system, whoever uses the rest.
    pub(super) min_free: u64,
}

/// The policy for new media when there is no space, and only media could be given up that was never delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// The oldest media is given up.
    OverwriteOldest,
    /// The existing media stays, and no more is recorded.
    Stop,
}

impl Limits {
    /// The configured limits. Without a configured floor, half a gigabyte stays free, or a twentieth of a small card. A floor
    /// larger than the whole card is a mistake in the configuration, and would cost the whole tape.
    pub(in crate::store::writer) fn of(settings: &StoreSettings, disk: &dyn Disk) -> Self {
        let total = disk.space(&settings.dir).map_or(u64::MAX, |space| space.total);
        let usual = (total / 20).min(512 << 20);
        let min_free = match settings.min_free {
            Some(wanted) if wanted >= total => {
                tracing::warn!(
                    "storage.min_free of {wanted} bytes is more than the file system has; {usual} are left free"
                );
                usual
            }
            wanted => wanted.unwrap_or(usual),
        };
        Self {
            quota: settings.quota,
            min_free,
        }
    }

    /// Bytes that the tape may still grow by; a negative number is by how much it must shrink. `free` is `None` when the file
    /// system does not tell it.
    pub(super) fn left(&self, used: u64, free: Option<u64>) -> i64 {
        let difference = |have: u64, need: u64| {
            let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            signed(have).saturating_sub(signed(need))
        };
        let quota = self.quota.map_or(i64::MAX, |quota| difference(quota, used));
        let free = free.map_or(i64::MAX, |free| difference(free, self.min_free));
        quota.min(free)
    }

    /// Bytes that a segment has at most, so that giving one up is a small part of the quota.
    pub(in crate::store::writer) fn segment_bytes(&self, configured: u64) -> u64 {
        match self.quota {
            Some(quota) => configured.min((quota / 32).max(1 << 20)),
            None => configured,
        }
    }
}

/// Assigns the free files to the new segments. Each segment, the largest first, takes over the smallest file that is large
/// enough, else the largest there is. Both lists are sizes in bytes; the result holds positions in `free`.
pub(super) fn assign(wanted: &[u64], free: &[u64]) -> Vec<Option<usize>> {
    let mut left: Vec<(u64, usize)> = free.iter().copied().zip(0..).collect();
    left.sort_unstable();
    let mut order: Vec<(u64, usize)> = wanted.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut taken = vec![None; wanted.len()];
    for (size, at) in order.into_iter().rev() {
        let fits = left.partition_point(|(space, _)| *space < size);
        let best = fits.min(left.len().saturating_sub(1));
        if best < left.len()
            && let Some(place) = taken.get_mut(at)
        {
            *place = Some(left.remove(best).1);
        }
    }
    taken
}

/// Bytes by which the tape grows when files of these sizes are begun on those free.
pub(super) fn growth(wanted: &[u64], free: &[u64], taken: &[Option<usize>]) -> u64 {
    let taken_over = |place: &Option<usize>| place.and_then(|place| free.get(place)).copied().unwrap_or(0);
    let grows = wanted
        .iter()
        .zip(taken)
        .map(|(size, place)| size.saturating_sub(taken_over(place)));
    grows.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_limit_holds() {
        let limits = Limits {
            quota: Some(100),
            min_free: 10,
        };
        assert_eq!(limits.left(70, Some(1000)), 30);
        assert_eq!(limits.left(70, Some(15)), 5);
        assert_eq!(limits.left(70, Some(4)), -6);
        assert_eq!(limits.left(130, None), -30);
        let none = Limits {
            quota: None,
            min_free: 0,
        };
        assert_eq!(none.left(u64::MAX, None), i64::MAX);
        assert_eq!(none.segment_bytes(32 << 20), 32 << 20);
        assert_eq!(
            Limits {
                quota: Some(64 << 20),
                ..none
            }
            .segment_bytes(32 << 20),
            2 << 20
        );
    }

    #[test]
    fn blocks_go_where_they_fit_best() {
        assert_eq!(assign(&[10, 30], &[31, 11, 12]), [Some(1), Some(0)]);
        assert_eq!(growth(&[10, 30], &[31, 11, 12], &[Some(1), Some(0)]), 0);
        // The larger segment takes over the free file, the smaller one gets new blocks.
        assert_eq!(assign(&[10, 30], &[20]), [None, Some(0)]);
        assert_eq!(growth(&[10, 30], &[20], &[None, Some(0)]), 20);
        assert_eq!(assign(&[5], &[]), [None]);
        assert_eq!(assign(&[], &[5]), []);
    }
}
