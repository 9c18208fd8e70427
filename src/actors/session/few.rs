//! A map for few things, such as the rooms of a session.

/// Entries in a row, found by looking at each: as small as what is in it, and nothing when it is empty. Most sessions are in
/// one room and wait for nothing, and a hash table has places for at least three.
pub(super) struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Eq, V> Few<K, V> {
    fn place(&self, key: &K) -> Option<usize> {
        self.0.iter().position(|(other, _)| other == key)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.place(key).map(|place| &self.0[place].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).map(|place| &mut self.0[place].1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `value` in the place of what was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(old) = self.get_mut(&key) {
            *old = value;
            return;
        }
        // The first few one by one, because most sessions have no more.
        if self.0.len() < 4 {
            self.0.reserve_exact(1);
        }
        self.0.push((key, value));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key)?;
        let (_, value) = self.0.swap_remove(place);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(value)
    }

    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| is_kept(key, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Everything, and nothing is left.
    pub(super) fn take(&mut self) -> impl ExactSizeIterator<Item = (K, V)> + use<K, V> {
        std::mem::take(&mut self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0_u8..12, proptest::option::of(0_u8..9)), 0..60)) {
            let (mut few, mut map) = (Few::default(), HashMap::new());
            for (key, value) in steps {
                if let Some(value) = value {
                    few.insert(key, value);
                    map.insert(key, value);
                } else {
                    proptest::prop_assert_eq!(few.remove(&key), map.remove(&key));
                }
                proptest::prop_assert_eq!(few.get(&key), map.get(&key));
                proptest::prop_assert_eq!(few.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>(), map.clone());
            }
            few.retain(|key, _| key % 2 == 0);
            map.retain(|key, _| key % 2 == 0);
            proptest::prop_assert_eq!(few.take().collect::<HashMap<_, _>>(), map);
            proptest::prop_assert_eq!((few.keys().count(), few.0.capacity()), (0, 0));
        }
    }
}
