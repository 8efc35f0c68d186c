//! One unusual stretch is told once, and what happens again and again is told less loudly each time.
//!
//! A point counts only where it is clearly worse than anything shortly before: the worst so far is remembered and fades. Of what
//! counts, the strength is lessened by how often as much has been told already; that fades too, more slowly.

use super::history::VALUES_MAX;
use crate::statistics::magnitude::f64_of;

/// Points after which the worst so far counts half: eight hours of one in five minutes.
const FADES_POINTS: f64 = 100.0;
/// How much worse than that a point must be to be told anew, in powers of ten.
const WORSE_BY: f64 = 0.3;
/// Strength that is lost for each tenfold number of like events.
const HABIT: f64 = 3.0;
/// Events count as alike if they were at most this much weaker.
const ALIKE: f64 = 1.0;
/// Points after which an event counts for 1/e as a like one: as long as values are kept.
const HABIT_FADES_POINTS: f64 = f64_of(VALUES_MAX as u64);
/// Events by strength, in steps of a tenth; what is beyond the last step is in it.
const STEPS: usize = 300;

/// What was told of one series.
#[derive(Debug, Clone)]
pub struct Episode {
    worst: f64,
    told: Vec<f64>,
    points: u64,
}

impl Default for Episode {
    fn default() -> Self {
        Self { worst: 0.0, told: vec![0.0; STEPS], points: 0 }
    }
}

impl Episode {
    /// The strength that a point of this surprise is told with, below 0 too; none for what belongs to an episode already told.
    pub fn strength(&mut self, surprise: f64) -> Option<f64> {
        self.points += 1;
        self.worst *= 0.5_f64.powf(1.0 / FADES_POINTS);
        let anew = surprise > self.worst + WORSE_BY;
        self.worst = self.worst.max(surprise);
        if !anew {
            return None;
        }
        self.fade();
        let alike: f64 = self.told.iter().skip(step(surprise - ALIKE)).sum();
        if let Some(told) = self.told.get_mut(step(surprise)) {
            *told += 1.0;
        }
        Some(surprise - HABIT * alike.ln_1p() / std::f64::consts::LN_10)
    }

    /// Lets what was told fade for the points since the last event.
    fn fade(&mut self) {
        let factor = (-f64_of(self.points) / HABIT_FADES_POINTS).exp();
        self.told.iter_mut().for_each(|told| *told *= factor);
        self.points = 0;
    }
}

fn step(strength: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the steps there are")]
    let step = (strength * 10.0).clamp(0.0, 299.0) as usize;
    step.min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_told_at_its_beginning_and_again_only_where_it_gets_worse() {
        let mut episode = Episode::default();
        let told: Vec<bool> =
            [0.5, 6.0, 6.1, 5.0, 6.0, 9.0, 8.0].map(|surprise| episode.strength(surprise).is_some()).into();
        assert_eq!(told, [true, true, false, false, false, true, false]);
    }

    #[test]
    fn the_same_again_is_weaker_each_time_and_news_again_after_long() {
        let mut episode = Episode::default();
        let mut told = Vec::new();
        for round in 0..4 {
            told.push(episode.strength(6.0).unwrap());
            let quiet = if round < 2 { 1_000 } else { 100_000 };
            (0..quiet).for_each(|_| assert!(episode.strength(0.2).is_none_or(|strength| strength < 0.2)));
        }
        assert!(told[0] > told[1] + 0.5 && told[1] > told[2] + 0.2 && told[2] < 5.0, "{told:?}");
        assert!((told[3] - told[0]).abs() < 0.01, "{told:?}");
    }
}
