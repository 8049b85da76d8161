//! Marks: a sparse map from ranges of keys to values.

use serde::{Deserialize, Serialize};

use super::Slice;

/// A sparse map: disjoint slices with a value each, in key order; keys outside them have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks<T>(Vec<(Slice, T)>);

impl<T> Default for Marks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Marks<T> {
    /// Sets the value of all keys of the slice, replacing earlier ones.
    pub fn set(&mut self, slice: &Slice, value: T) {
        self.clear(slice);
        let place = self.0.partition_point(|(marked, _)| marked < slice);
        self.0.insert(place, (slice.clone(), value));
    }

    /// Removes the values of all keys of the slice; the rest of a mark that reaches beyond it stays.
    pub fn clear(&mut self, slice: &Slice) {
        let left = self.0.iter().flat_map(|(marked, value)| {
            let rest = marked.without(slice).into_iter().flatten();
            rest.map(move |part| (part, value.clone()))
        });
        self.0 = left.collect();
    }

    /// The marks, in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Slice, &T)> {
        self.0.iter().map(|(slice, value)| (slice, value))
    }

    /// Whether all keys of the slice are marked.
    #[must_use]
    pub fn cover(&self, slice: &Slice) -> bool {
        let mut rest = vec![slice.clone()];
        for (marked, _) in &self.0 {
            let parts = rest.iter().flat_map(|part| part.without(marked));
            rest = parts.flatten().collect();
        }
        rest.is_empty()
    }

    /// The number of marks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no marks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::SliceKey;

    fn slice(start: u8, end: u8) -> Slice {
        let key = |byte| SliceKey::try_new(&[byte]).unwrap();
        Slice::new(key(start), Some(key(end))).unwrap()
    }

    fn printed(marks: &Marks<char>) -> String {
        marks.iter().map(|(slice, value)| format!("{slice}={value} ")).collect()
    }

    #[test]
    fn a_new_mark_replaces_the_overlapping_part_of_others() {
        let mut marks = Marks::default();
        marks.set(&slice(1, 9), 'a');
        marks.set(&slice(3, 5), 'b');
        assert_eq!(printed(&marks), "[01, 03)=a [03, 05)=b [05, 09)=a ");
        marks.set(&slice(4, 7), 'c');
        assert_eq!(printed(&marks), "[01, 03)=a [03, 04)=b [04, 07)=c [07, 09)=a ");
        assert!(marks.cover(&slice(2, 8)) && !marks.cover(&slice(2, 10)));
        marks.clear(&slice(2, 8));
        assert_eq!(printed(&marks), "[01, 02)=a [08, 09)=a ");
        marks.clear(&Slice::FULL);
        assert!(marks.is_empty());
    }
}
