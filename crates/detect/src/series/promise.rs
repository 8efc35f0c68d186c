//! A budget of false alarms, and the threshold that keeps it: "at most one in so many points".
//!
//! The p-value of a point is its rank among the strengths of the points before (conformal: on ordinary, exchangeable points one in N
//! has a p-value of 1/N or less, whatever their distribution), and below what ranks can tell it goes on with the strength itself, which is in
//! powers of ten. Metrics drift, so that alone is not kept; the level that a p-value must reach is therefore led by what was told: every
//! alarm beyond the budget lowers it, every stretch without one raises it (adaptive conformal inference, Gibbs and Candès 2021; with an
//! integrator, Angelopoulos and others 2023). That holds the rate over time whatever comes: what rises for ever is told
//! until the budget is spent, and then no more.

use super::history::History;
use crate::statistics::magnitude::f64_of;

/// How fast the level is led: each alarm too many lowers it to 0.6 of what it was.
const LEAD: f64 = 0.5;
/// Alarms too few that count at most: after a long calm the level is no more than 12 times the budget, so that calm does not make
/// nervous.
const SAVED_MAX: f64 = 5.0;
/// Alarms too many that count at most: beyond these the level could not become much lower.
const OVERDRAWN_MAX: f64 = 30.0;
/// The strength of a point that is not told at all.
const NOTHING: f64 = -100.0;
/// Five looks that agree add up to this many times the surprise of one (their sum is over √5).
const SURPRISE_PER_STRENGTH: f64 = 0.447_213_595_499_958;

/// A budget, and what was done with it.
#[derive(Debug, Clone)]
pub struct Promise {
    rate: f64,
    strengths: History,
    /// Alarms beyond the budget, or below it.
    beyond: f64,
    told: u64,
    points: u64,
}

/// A point in the light of the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// How rare a point as strong is among those before, 0 to 1.
    pub p: f64,
    /// Whether the budget allows to tell it.
    pub told: bool,
}

impl Promise {
    /// At most one false alarm in so many points.
    pub fn one_in(points: u32) -> Self {
        let rate = 1.0 / f64::from(points.max(1));
        Self { rate, strengths: History::default(), beyond: 0.0, told: 0, points: 0 }
    }

    /// Weighs the next point by those before it, and learns it.
    pub fn weigh(&mut self, strength: f64) -> Weighed {
        let p = self.p(strength);
        let told = p <= self.level();
        self.strengths.push(strength.max(NOTHING));
        self.points += 1;
        self.told += u64::from(told);
        let spent = f64::from(u8::from(told));
        self.beyond = (self.beyond + spent - self.rate).clamp(-SAVED_MAX, OVERDRAWN_MAX);
        Weighed { p, told }
    }

    /// Alarms per point, as promised.
    pub fn promised(&self) -> f64 {
        self.rate
    }

    /// Alarms told, and points they were told of.
    pub fn realized(&self) -> (u64, u64) {
        (self.told, self.points)
    }

    /// The p-value that is told now.
    fn level(&self) -> f64 {
        self.rate * (-LEAD * self.beyond).exp()
    }

    fn p(&self, strength: f64) -> f64 {
        if strength <= NOTHING {
            return 1.0;
        }
        let (as_strong, strongest) = self.strengths.as_high(strength);
        let rank = f64_of(as_strong as u64 + 1) / f64_of(self.strengths.len() as u64 + 1);
        let beyond = if as_strong == 0 { (strength - strongest.max(0.0)).max(0.0) } else { 0.0 };
        rank * 10.0_f64.powf(-beyond * SURPRISE_PER_STRENGTH)
    }
}

/// What so many alarms may come from, with 90 % confidence, if they come by chance (Byar's approximation to Poisson's).
pub fn interval(alarms: u64) -> (f64, f64) {
    const Z: f64 = 1.644_853_626_951_473;
    let bound = |count: f64, sign: f64| count * (1.0 - 1.0 / (9.0 * count) + sign * Z / (3.0 * count.sqrt())).powi(3);
    let low = if alarms == 0 { 0.0 } else { bound(f64_of(alarms), -1.0) };
    (low, bound(f64_of(alarms + 1), 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strengths that say nothing of themselves: a permutation of 0 to 1 in every thousand points, and mostly nothing.
    fn ordinary(point: u64) -> f64 {
        f64_of((point * 617) % 1_009) / 1_009.0
    }

    #[test]
    fn the_highest_of_all_so_far_has_the_p_of_its_rank() {
        let mut promise = Promise::one_in(1_000_000);
        for point in 0..999 {
            promise.weigh(ordinary(point));
        }
        assert!((promise.p(0.999_999) - 1e-3).abs() < 1e-5, "{}", promise.p(0.999_999));
        assert!(promise.p(9.0) < 1e-6 && promise.p(f64::NEG_INFINITY) >= 1.0);
        assert!((promise.p(0.5) - 0.5).abs() < 0.01);
    }

    #[test]
    fn the_budget_is_kept_whatever_comes() {
        let forever_rising = |point: u64| f64_of(point) / 100.0;
        let worse_each_week = |point: u64| ordinary(point) + f64_of(point / 2_016);
        for (name, series) in
            [("ordinary", &ordinary as &dyn Fn(u64) -> f64), ("rising", &forever_rising), ("weekly", &worse_each_week)]
        {
            let mut promise = Promise::one_in(500);
            let told = (0..50_000).filter(|point| promise.weigh(series(*point)).told).count();
            assert_eq!(promise.realized(), (told as u64, 50_000));
            assert!((80..=112).contains(&told), "{name}: {told} told, 100 promised");
        }
    }

    #[test]
    fn an_interval_holds_what_it_is_about() {
        let (low, high) = interval(100);
        assert!((low - 84.1).abs() < 0.3 && (high - 118.1).abs() < 0.3, "{low} {high}");
        assert!(interval(0).0 <= 0.0 && (interval(0).1 - 3.0).abs() < 0.1, "{:?}", interval(0));
    }
}
