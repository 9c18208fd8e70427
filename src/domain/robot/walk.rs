//! Figures that wander as figures of a shop do: a little each time, and back to what is usual.

use super::dice::Dice;

/// How one figure wanders. All numbers are in its smallest unit.
#[derive(Debug)]
pub(super) struct Walk {
    /// Its key in the room's state.
    pub(super) key: &'static str,
    /// So many smallest units are one: 10 for a figure with one decimal.
    pub(super) units: i64,
    usual: i64,
    /// It stays that close to what is usual.
    reach: i64,
    /// It moves by so much at the most, besides being drawn back.
    stride: i64,
}

pub(super) const WALKS: [Walk; 4] = [
    Walk { key: "revenue", units: 1, usual: 1_280_000, reach: 120_000, stride: 9_000 },
    Walk { key: "orders", units: 1, usual: 4_800, reach: 300, stride: 14 },
    Walk { key: "conversion", units: 10, usual: 34, reach: 9, stride: 2 },
    Walk { key: "approvals", units: 1, usual: 6, reach: 6, stride: 1 },
];

/// A fortieth of the way back to what is usual is taken with each step.
const DRAWN_BACK: i64 = 40;

impl Walk {
    /// A first value.
    pub(super) fn start(&self, dice: &mut Dice) -> i64 {
        self.usual + dice.between(-self.stride, self.stride)
    }

    /// Another value than this one.
    pub(super) fn step(&self, value: i64, dice: &mut Dice) -> i64 {
        let drift = (self.usual - value) / DRAWN_BACK;
        let (lowest, highest) = (self.usual - self.reach, self.usual + self.reach);
        let next = (value + drift + dice.between(-self.stride, self.stride)).clamp(lowest, highest);
        if next != value {
            return next;
        }
        if value < highest { value + 1 } else { value - 1 }
    }

    /// The value as JSON: `4812`, `3.4`.
    pub(super) fn json(&self, value: i64) -> String {
        if self.units == 1 {
            return value.to_string();
        }
        format!("{}.{}", value / self.units, (value % self.units).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_changes_with_each_step_and_never_leaves_its_range() {
        for walk in &WALKS {
            let mut dice = Dice::new(7);
            let mut value = walk.start(&mut dice);
            let (mut least, mut most) = (value, value);
            for _ in 0..20_000 {
                let next = walk.step(value, &mut dice);
                assert_ne!(next, value, "{}", walk.key);
                let leap = walk.stride + walk.reach / DRAWN_BACK + 1;
                assert!((next - value).abs() <= leap, "{} leapt from {value} to {next}", walk.key);
                value = next;
                (least, most) = (least.min(value), most.max(value));
            }
            assert!(least >= walk.usual - walk.reach && most <= walk.usual + walk.reach, "{}", walk.key);
            assert!(most - least > walk.stride, "{} hardly moved: {least} to {most}", walk.key);
        }
    }

    #[test]
    fn a_figure_that_somebody_set_far_off_is_brought_back() {
        for walk in &WALKS {
            for far in [-1_000_000_000_000_000, 0, 1_000_000_000_000_000] {
                let next = walk.step(far, &mut Dice::new(1));
                assert!((next - walk.usual).abs() <= walk.reach, "{}: {far} became {next}", walk.key);
            }
        }
    }

    #[test]
    fn figures_are_written_as_their_unit_wants_it() {
        assert_eq!(
            (WALKS[0].json(1_280_000), WALKS[2].json(34), WALKS[2].json(40)),
            ("1280000".into(), "3.4".into(), "4.0".into())
        );
    }
}
