//! The segments of a view.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::ViewSegment;

/// Segments, oldest first. Clones share them until one of them is changed: each reader of a file has a view of its own, and the
/// view of a day has thousands of segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segments(Arc<Vec<ViewSegment>>);

impl From<Vec<ViewSegment>> for Segments {
    fn from(segments: Vec<ViewSegment>) -> Self {
        Self(Arc::new(segments))
    }
}

impl FromIterator<ViewSegment> for Segments {
    fn from_iter<T: IntoIterator<Item = ViewSegment>>(segments: T) -> Self {
        Vec::from_iter(segments).into()
    }
}

impl Deref for Segments {
    type Target = Vec<ViewSegment>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Segments {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl IntoIterator for Segments {
    type Item = ViewSegment;
    type IntoIter = std::vec::IntoIter<ViewSegment>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Segments {
    type Item = &'a ViewSegment;
    type IntoIter = std::slice::Iter<'a, ViewSegment>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Segments {
    type Item = &'a mut ViewSegment;
    type IntoIter = std::slice::IterMut<'a, ViewSegment>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use crate::format::testing;

    #[test]
    fn a_clone_shares_the_segments_until_it_is_changed() {
        let view = testing::view(&testing::two_segments());
        let mut other = view.clone();
        assert!(std::ptr::eq(view.segments.as_slice(), other.segments.as_slice()));
        other.segments.pop();
        assert_eq!((view.segments.len(), other.segments.len()), (2, 1));
        assert_eq!(view.segments[0], other.segments[0]);
    }
}
