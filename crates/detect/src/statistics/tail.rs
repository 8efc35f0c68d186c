//! How likely is a count this high or higher: Poisson and negative binomial, in logarithms.
//!
//! The tail is the probability of the count itself times a series of ratios, summed where it converges (above the mean; below
//! it, the complement is summed). In logarithms a tail of 1e-400 is as exact as one of 0.1.

use std::f64::consts::TAU;

use super::magnitude::f64_of;

/// Terms of a series before the rest is bounded by a geometric one: the worst case costs about 20 µs.
const TERMS_MAX: u32 = 10_000;
/// A term this small beside the sum no longer changes a double.
const NEGLIGIBLE: f64 = 1e-17;

/// ln P(N ≥ `count`) for a Poisson count with this mean. A mean that is not positive gives "impossible" (`-inf`) for any count
/// above zero.
pub fn poisson_ln(count: u64, mean: f64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    if !(mean.is_finite() && mean > 0.0) {
        return f64::NEG_INFINITY;
    }
    let n = f64_of(count);
    if n > mean {
        let first = n * mean.ln() - mean - ln_gamma(n + 1.0);
        return (first + series(|k| mean / (n + k), 0.0)).min(0.0);
    }
    let last = (n - 1.0) * mean.ln() - mean - ln_gamma(n);
    let below = last + series(|k| (n - k) / mean, 0.0);
    ln_complement(below)
}

/// ln P(N ≥ `count`) for a negative binomial count with this mean and this variance, which must exceed the mean; where it does
/// not, the count is taken as Poisson.
pub fn negative_binomial_ln(count: u64, mean: f64, variance: f64) -> f64 {
    if !(variance.is_finite() && mean.is_finite() && mean > 0.0 && variance > mean * (1.0 + 1e-6)) {
        return poisson_ln(count, mean);
    }
    if count == 0 {
        return 0.0;
    }
    let size = mean * mean / (variance - mean);
    let (ln_stop, go) = (-(mean / size).ln_1p(), mean / (mean + size));
    let n = f64_of(count);
    let ln_mass = |k: f64| ln_gamma(k + size) - ln_gamma(size) - ln_gamma(k + 1.0) + size * ln_stop + k * go.ln();
    if n > mean {
        return (ln_mass(n) + series(|k| (n + k - 1.0 + size) / (n + k) * go, go)).min(0.0);
    }
    let below = ln_mass(n - 1.0) + series(|k| if n > k { (n - k) / ((n - k - 1.0 + size) * go) } else { 0.0 }, 0.0);
    ln_complement(below)
}

/// ln(1 + r₁ + r₁r₂ + …), the ratios by their number from 1. Stops at a ratio of zero or below. `limit` is what the ratios tend
/// to, for the bound on what is left out.
fn series(ratio: impl Fn(f64) -> f64, limit: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..=TERMS_MAX {
        let next = ratio(f64::from(k));
        if next <= 0.0 {
            return f64::ln(sum);
        }
        term *= next;
        sum += term;
        if term < sum * NEGLIGIBLE {
            return sum.ln();
        }
    }
    let last = ratio(f64::from(TERMS_MAX)).max(limit);
    let rest = if last < 1.0 { term * last / (1.0 - last) } else { 0.0 };
    (sum + rest).ln()
}

/// ln(1 − eˣ), for x ≤ 0.
fn ln_complement(below: f64) -> f64 {
    let below = below.min(0.0);
    if below > -std::f64::consts::LN_2 { (-below.exp_m1()).ln() } else { (-below.exp()).ln_1p() }
}

/// ln Γ(x) for x > 0: Stirling's series (Abramowitz and Stegun 6.1.41), after the recurrence has moved x above 10, where eight
/// terms leave less than 1e-15.
pub fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut moved) = (x, 1.0_f64);
    if x <= 0.0 || !x.is_finite() {
        return f64::INFINITY;
    }
    while x < 10.0 {
        moved *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let coefficients = [
        -3_617.0 / 122_400.0,
        1.0 / 156.0,
        -691.0 / 360_360.0,
        1.0 / 1_188.0,
        -1.0 / 1_680.0,
        1.0 / 1_260.0,
        -1.0 / 360.0,
    ];
    let rest = coefficients.iter().fold(0.0, |sum, c| (sum + c) * inverse) + 1.0 / 12.0;
    (x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + rest / x - moved.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities 0.. by multiplication from the first, in doubles of plain size: no logarithm, no gamma function.
    fn masses(first: f64, ratio: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut all = vec![first];
        for k in 1..2_000 {
            let next = all[all.len() - 1] * ratio(f64::from(k));
            all.push(next);
        }
        all
    }

    fn assert_tails(masses: &[f64], tail: impl Fn(u64) -> f64, upto: usize) {
        for n in 0..upto {
            // Small terms first, so that the sum loses nothing.
            let wanted: f64 = masses[n..].iter().rev().sum();
            let found = tail(n as u64).exp();
            assert!((found - wanted).abs() <= 1e-11 * wanted, "n={n}: {found:e}, summed {wanted:e}");
        }
    }

    #[test]
    fn poisson_agrees_with_direct_summation() {
        for (mean, upto) in [(0.01_f64, 60), (0.5, 60), (1.0, 60), (4.25, 60), (30.0, 90), (200.0, 320)] {
            let masses = masses((-mean).exp(), |k| mean / k);
            assert_tails(&masses, |n| poisson_ln(n, mean), upto);
        }
    }

    #[test]
    fn negative_binomial_agrees_with_direct_summation() {
        for (mean, size) in [(0.5_f64, 0.2_f64), (3.0, 1.0), (20.0, 5.0), (50.0, 400.0), (8.0, 0.5)] {
            let (stop, go) = (size / (mean + size), mean / (mean + size));
            let masses = masses(stop.powf(size), |k| (k - 1.0 + size) / k * go);
            let variance = mean + mean * mean / size;
            assert_tails(&masses, |n| negative_binomial_ln(n, mean, variance), 120);
        }
    }

    #[test]
    fn geometric_and_exponential_cases_are_exact() {
        // With size 1 the count is geometric: P(N ≥ n) = q^n.
        for n in [1_u64, 10, 500] {
            let found = negative_binomial_ln(n, 3.0, 12.0);
            assert!((found - f64_of(n) * 0.75_f64.ln()).abs() < 1e-10, "{n}: {found}");
        }
        // P(N ≥ 1) = 1 − e^{−λ}, far below what a difference of doubles can show.
        assert!((poisson_ln(1, 1e-12) - 1e-12_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn edges_are_not_numbers_to_fear() {
        assert!(poisson_ln(0, 5.0).abs() <= 0.0);
        for mean in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(poisson_ln(3, mean) <= f64::MIN);
            assert!(!negative_binomial_ln(3, mean, f64::NAN).is_nan());
        }
        let far = poisson_ln(1_000_000, 1.0);
        assert!(far.is_finite() && far < -1e6);
        assert!(!negative_binomial_ln(1 << 40, 1e6, 1e12).is_nan());
    }

    proptest::proptest! {
        #[test]
        fn a_higher_count_is_never_likelier(n in 0_u64..5_000, mean in 0.001_f64..2_000.0, extra in 0.0_f64..50.0) {
            let variance = mean * (1.0 + extra);
            let (here, next) = (negative_binomial_ln(n, mean, variance), negative_binomial_ln(n + 1, mean, variance));
            proptest::prop_assert!(next <= here + 1e-9 && here <= 0.0, "{here} {next}");
        }
    }
}
