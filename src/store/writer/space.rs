//! How much the tape may take, and whose blocks a new segment takes over. Pure.

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Most bytes that all files of the tape may take.
    pub(super) quota: Option<u64>,
    /// Bytes that must stay free on the file system, whoever uses the rest.
    pub(super) min_free: u64,
}

/// What becomes of new media when there is no room, and nothing is left to give up but what was never delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// The oldest goes.
    OverwriteOldest,
    /// What is there stays, and nothing more is recorded.
    Stop,
}

impl Limits {
    /// Bytes that the tape may still grow by; less than zero is by how much it must shrink. `free` is `None` when the
    /// file system does not say.
    pub(super) fn room(&self, used: u64, free: Option<u64>) -> i64 {
        let difference = |have: u64, need: u64| {
            let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            signed(have).saturating_sub(signed(need))
        };
        let quota = self.quota.map_or(i64::MAX, |quota| difference(quota, used));
        let free = free.map_or(i64::MAX, |free| difference(free, self.min_free));
        quota.min(free)
    }

    /// Bytes that a segment has at most, so that giving one up is a small part of the quota.
    pub(super) fn segment_bytes(&self, configured: u64) -> u64 {
        match self.quota {
            Some(quota) => configured.min((quota / 32).max(1 << 20)),
            None => configured,
        }
    }
}

/// Which of the spare files each new segment takes over: for the largest first, the smallest that is large enough,
/// else the largest there is. Both are sizes in bytes; what is returned are places in `spares`.
pub(super) fn assign(wanted: &[u64], spares: &[u64]) -> Vec<Option<usize>> {
    let mut left: Vec<(u64, usize)> = spares.iter().copied().zip(0..).collect();
    left.sort_unstable();
    let mut order: Vec<(u64, usize)> = wanted.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut taken = vec![None; wanted.len()];
    for (size, at) in order.into_iter().rev() {
        let fits = left.partition_point(|(spare, _)| *spare < size);
        let best = fits.min(left.len().saturating_sub(1));
        if best < left.len()
            && let Some(place) = taken.get_mut(at)
        {
            *place = Some(left.remove(best).1);
        }
    }
    taken
}

/// Bytes by which the tape grows when files of these sizes are begun on those spares.
pub(super) fn growth(wanted: &[u64], spares: &[u64], taken: &[Option<usize>]) -> u64 {
    let spare = |place: &Option<usize>| place.and_then(|place| spares.get(place)).copied().unwrap_or(0);
    let grows = wanted
        .iter()
        .zip(taken)
        .map(|(size, place)| size.saturating_sub(spare(place)));
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
        assert_eq!(limits.room(70, Some(1000)), 30);
        assert_eq!(limits.room(70, Some(15)), 5);
        assert_eq!(limits.room(70, Some(4)), -6);
        assert_eq!(limits.room(130, None), -30);
        let none = Limits {
            quota: None,
            min_free: 0,
        };
        assert_eq!(none.room(u64::MAX, None), i64::MAX);
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
        // The larger one takes what there is, the smaller one gets new blocks.
        assert_eq!(assign(&[10, 30], &[20]), [None, Some(0)]);
        assert_eq!(growth(&[10, 30], &[20], &[None, Some(0)]), 20);
        assert_eq!(assign(&[5], &[]), [None]);
        assert_eq!(assign(&[], &[5]), []);
    }
}
