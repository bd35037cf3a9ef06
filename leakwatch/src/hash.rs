//! Maps of what leakwatch numbers itself: identities, places, addresses of
//! lines. Nobody chooses these to make a map slow, so the hash may be a plain
//! one: a multiplication for each word, folded.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Folding>>;
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<Folding>>;

/// Into how many parts a map is divided that many threads share, each part with
/// a lock: whoever reads all of it holds one lock at a time, for some ten
/// microseconds if there are a hundred thousand entries.
pub(crate) const SHARDS: usize = 256;

/// See the head of this file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Folding(u64);

/// Odd, and without a pattern in its bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        // The high half has what all bits of the low one decide, and the maps
        // look at both ends.
        let product = u128::from(self.0.wrapping_add(FACTOR) ^ n) * u128::from(FACTOR);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn numbers_in_a_row_and_addresses_spread() {
        let hash = |key: (Option<u64>, u64)| BuildHasherDefault::<Folding>::default().hash_one(key);
        let rows: [&dyn Fn(u64) -> (Option<u64>, u64); 3] =
            [&|n| (Some(n), 1), &|n| (Some(7), n), &|n| {
                (None, 0x7f00_0000_0000 + 64 * n)
            }];
        for (row, key) in rows.iter().enumerate() {
            let hashes = (0..1_000).map(|n| hash(key(n)));
            // Maps take the place from the low bits and a tag from the high ones.
            let (mut places, mut tags) = ([0; 64], [0; 128]);
            for hash in hashes {
                places[(hash % 64) as usize] += 1;
                tags[(hash >> 57) as usize] += 1;
            }
            let (most, most_tags) = (places.iter().max(), tags.iter().max());
            assert!(most < Some(&40), "row {row}: {places:?}");
            assert!(most_tags < Some(&30), "row {row}: {tags:?}");
        }
    }
}
