//! Chance that can be had again: the same seed, the same moments.

use std::sync::Mutex;
use std::time::Duration;

/// `SplitMix64`.
pub struct Chance(Mutex<u64>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("no panic");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    /// A moment before `end`.
    pub fn moment(&self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).expect("a short time");
        Duration::from_micros(self.below(micros.max(1)))
    }
}
