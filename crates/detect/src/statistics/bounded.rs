//! A table with a fixed number of places, which gives up what was not used for longest, nearly.
//!
//! Eviction is the clock (second chance) scheme: a hand walks the places, clears the mark of those used since it last came by,
//! and takes the first without one. Amortised O(1), no links, and the order never depends on a hash, so that two machines with
//! the same events hold the same table.

use std::hash::Hash;

use alloy_primitives::map::HashMap;
use serde::{Deserialize, Serialize};

/// A map of at most `places` entries.
#[derive(Debug, Clone)]
pub struct Bounded<K, V> {
    places: usize,
    index: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slot<K, V> {
    key: K,
    value: V,
    used: bool,
}

/// A table at rest: its entries in their places, and where the hand stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved<K, V> {
    slots: Vec<Slot<K, V>>,
    hand: usize,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    /// An empty table of at most `places` entries (at least one).
    pub fn new(places: usize) -> Self {
        Self { places: places.max(1), index: HashMap::default(), slots: Vec::new(), hand: 0 }
    }
    /// The entry under `key`, made if it is not there, and what had to go to make room.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> (Option<&mut V>, Option<(K, V)>) {
        let (place, gone) = match self.index.get(&key) {
            Some(place) => (*place, None),
            None => self.place(key, make()),
        };
        let slot = self.slots.get_mut(place);
        (
            slot.map(|slot| {
                slot.used = true;
                &mut slot.value
            }),
            gone,
        )
    }
    /// The entry under `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.slots.get(*self.index.get(key)?).map(|slot| &slot.value)
    }
    /// The entry under `key`, to change it. Counts as use.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.slots.get_mut(*self.index.get(key)?)?;
        slot.used = true;
        Some(&mut slot.value)
    }
    /// All entries in the order of their places; walking does not count as use.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.slots.iter_mut().map(|slot| (slot.key, &mut slot.value))
    }
    /// Entries held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
    /// At rest.
    pub fn save(&self) -> Saved<K, V>
    where
        V: Clone,
    {
        Saved { slots: self.slots.clone(), hand: self.hand }
    }
    /// From rest. Entries past `places` are left out: the bound may have become smaller.
    pub fn load(places: usize, saved: Saved<K, V>) -> Self {
        let mut table = Self::new(places);
        for slot in saved.slots.into_iter().take(table.places) {
            if table.index.insert(slot.key, table.slots.len()).is_none() {
                table.slots.push(slot);
            }
        }
        table.hand = saved.hand.checked_rem(table.slots.len()).unwrap_or(0);
        table
    }

    fn place(&mut self, key: K, value: V) -> (usize, Option<(K, V)>) {
        let slot = Slot { key, value, used: true };
        if self.slots.len() < self.places {
            self.slots.push(slot);
            self.index.insert(key, self.slots.len() - 1);
            return (self.slots.len() - 1, None);
        }
        // Two rounds always find one: the first clears every mark.
        for _ in 0..self.slots.len() * 2 {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(held) = self.slots.get_mut(place) else { continue };
            if std::mem::replace(&mut held.used, false) {
                continue;
            }
            let gone = std::mem::replace(held, slot);
            self.index.remove(&gone.key);
            self.index.insert(key, place);
            return (place, Some((gone.key, gone.value)));
        }
        (usize::MAX, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays() {
        let mut table = Bounded::new(4);
        for key in 0..4_u32 {
            table.entry(key, || key);
        }
        // The first newcomer finds every mark set, clears them all and takes the first place.
        assert_eq!(table.entry(9, || 9).1, Some((0, 0)));
        *table.get_mut(&1).unwrap() = 11;
        assert_eq!(table.entry(10, || 10).1, Some((2, 2)));
        assert_eq!((table.get(&1), table.get(&2), table.len()), (Some(&11), None, 4));
    }

    proptest::proptest! {
        #[test]
        fn bounded_and_the_same_after_rest(keys in proptest::collection::vec(0_u8..40, 1..300), cut in 0_usize..300) {
            let mut table = Bounded::new(8);
            let mut twin = None;
            for (place, key) in keys.iter().enumerate() {
                if place == cut {
                    let text = serde_json::to_string(&table.save()).unwrap();
                    twin = Some(Bounded::load(8, serde_json::from_str(&text).unwrap()));
                }
                let (value, gone) = table.entry(*key, || 0_u32);
                *value.unwrap() += 1;
                proptest::prop_assert!(table.len() <= 8 && table.get(key).is_some());
                if let Some(twin) = &mut twin {
                    let (value, twin_gone) = twin.entry(*key, || 0_u32);
                    *value.unwrap() += 1;
                    proptest::prop_assert_eq!(gone, twin_gone);
                    proptest::prop_assert_eq!(table.get(key), twin.get(key));
                }
            }
        }
    }
}
