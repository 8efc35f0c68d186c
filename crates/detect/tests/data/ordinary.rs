//! Seeded series in which nothing happens, for what a promise about false alarms is worth; used by a test and an example.

/// What ordinary series there are.
pub(crate) const KINDS: [&str; 3] = ["seasonal", "heavy-tailed", "drifting"];
/// Points of one: ten weeks of one in five minutes.
pub(crate) const POINTS: u32 = 20_000;

/// An ordinary series of one value in five minutes, in which nothing happens.
pub(crate) fn ordinary(kind: &str, seed: u64) -> Vec<f64> {
    let (mut dice, mut noise, mut level) = (Dice(seed), 0.0, 0.0);
    let value = |point: u32| {
        let day = f64::from(point) / 288.0 * std::f64::consts::TAU;
        noise = 0.7 * noise + dice.normal();
        match kind {
            "seasonal" => 100.0 + 30.0 * day.sin() + 10.0 * (2.0 * day).cos() + 3.0 * noise,
            // Student's t of about one degree of freedom, cut off; or that and a logarithmic normal.
            "heavy-tailed" if seed.is_multiple_of(2) => 2.0 * dice.normal() / dice.normal().abs().max(0.1),
            "heavy-tailed" => 2.0 * dice.normal() / dice.normal().abs().max(0.1) + (1.5 * dice.normal()).exp(),
            _ => {
                level += 0.05 * dice.normal();
                50.0 + level + 0.001 * f64::from(point) + noise
            }
        }
    };
    (0..POINTS).map(value).collect()
}

/// Numbers that look random, from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    /// Between 0 and 1, neither included.
    fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default()) + 0.5) / 4_294_967_296.0
    }
    /// Normal, with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.even().ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }
}
