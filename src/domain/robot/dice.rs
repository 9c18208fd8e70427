//! What looks like chance and can be repeated.

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): good enough for a pointer
/// and a few figures, and for nothing that must not be guessed.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `count - 1`; 0 of nothing. That low numbers are a trifle more frequent is nobody's loss here.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.roll() % (count.max(1) as u64)).unwrap_or(0)
    }

    /// Both ends are possible.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = to.abs_diff(from) + 1;
        from.saturating_add_unsigned(self.roll() % span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rolls_are_those_of_the_paper() {
        let mut dice = Dice::new(1_234_567);
        let rolls: Vec<_> = (0..3).map(|_| dice.roll()).collect();
        assert_eq!(rolls, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn both_ends_come_up_and_nothing_beyond() {
        let mut dice = Dice::new(1);
        let rolls: Vec<_> = (0..1_000).map(|_| dice.between(-2, 2)).collect();
        assert_eq!((rolls.iter().min(), rolls.iter().max()), (Some(&-2), Some(&2)));
        assert_eq!((dice.below(0), dice.below(1)), (0, 0));
    }
}
