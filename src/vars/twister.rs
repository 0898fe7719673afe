//! Python's `random.Random`, so that what is drawn with a seed is what Ansible draws: the Mersenne Twister
//! MT19937 (Matsumoto and Nishimura, 1998), seeded as Python's documentation of `random.seed` (version 2)
//! says. Not for secrets without a seed from the system.
use sha2::{Digest as _, Sha512};

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// A source of random numbers.
pub(super) struct Twister {
    state: [u32; SIZE],
    next: usize,
}

impl Twister {
    /// From words, the least significant first.
    pub(super) fn new(key: &[u32]) -> Self {
        let mut state = [0_u32; SIZE];
        state[0] = 19_650_218;
        for at in 1..SIZE {
            state[at] = Self::spread(state[at - 1], 1_812_433_253).wrapping_add(index(at));
        }
        let (mut at, mut used) = (1, 0);
        let mut step = |state: &mut [u32; SIZE], factor: u32, add: u32, add_index: bool| {
            let mixed = state[at] ^ Self::spread(state[at - 1], factor);
            let shift = if add_index { add } else { add.wrapping_sub(index(at)) };
            state[at] = mixed.wrapping_add(shift);
            at += 1;
            if at >= SIZE {
                state[0] = state[SIZE - 1];
                at = 1;
            }
        };
        for _ in 0..SIZE.max(key.len()) {
            step(&mut state, 1_664_525, key[used].wrapping_add(index(used)), true);
            used = (used + 1) % key.len();
        }
        for _ in 0..SIZE - 1 {
            step(&mut state, 1_566_083_941, 0, false);
        }
        state[0] = 0x8000_0000;
        Self { state, next: SIZE }
    }
    /// From a text, as Python's second version of seeding does it.
    pub(super) fn of_text(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(Sha512::digest(text.as_bytes()));
        bytes.reverse();
        let mut key: Vec<u32> = (bytes.chunks(4))
            .map(|part| part.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        Self::new(&key)
    }
    /// From a whole number; its sign does not count.
    pub(super) fn of_number(number: i64) -> Self {
        let number = number.unsigned_abs();
        let (low, high) = (number & 0xffff_ffff, number >> 32);
        let word = |part: u64| u32::try_from(part).unwrap_or(0);
        if high == 0 { Self::new(&[word(low)]) } else { Self::new(&[word(low), word(high)]) }
    }

    fn spread(word: u32, factor: u32) -> u32 {
        (word ^ word >> 30).wrapping_mul(factor)
    }
    fn turn(&mut self) {
        for at in 0..SIZE {
            let (high, low) =
                (self.state[at] & 0x8000_0000, self.state[(at + 1) % SIZE] & 0x7fff_ffff);
            let both = high | low;
            let odd = if both & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[at] = self.state[(at + SHIFT) % SIZE] ^ both >> 1 ^ odd;
        }
        self.next = 0;
    }
    fn word(&mut self) -> u32 {
        if self.next >= SIZE {
            self.turn();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }
    fn bits(&mut self, count: u32) -> u64 {
        match count {
            0 => 0,
            1..=32 => u64::from(self.word() >> (32 - count)),
            _ => {
                let low = u64::from(self.word());
                low | u64::from(self.word() >> (64 - count.min(64))) << 32
            }
        }
    }
    /// A number below another, which is not 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let count = u64::BITS - limit.leading_zeros();
        loop {
            let drawn = self.bits(count);
            if drawn < limit {
                return drawn;
            }
        }
    }
    /// One of some items.
    pub(super) fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            return None;
        }
        let at = self.below(items.len() as u64);
        usize::try_from(at).ok().and_then(|at| items.get(at))
    }
    /// Puts items in another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at as u64 + 1);
            items.swap(at, usize::try_from(other).unwrap_or(at));
        }
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
