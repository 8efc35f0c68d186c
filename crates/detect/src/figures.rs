//! Figures as people read them at three in the morning: separators, few digits, a unit.
//!
//! Only for titles and explanations: the numbers beside them ([`exact`] among these) stay exact, so that they can be checked.

use quarterdeck_core::chain::U256;

/// `raw` over 10^`decimals`, rounded down: four digits behind the point below ten, two below a thousand, then none; from a million
/// on `1.2 M`, `B` and `T`. `<0.0001` for less.
pub fn amount(raw: U256, decimals: u8) -> String {
    let scale = U256::from(10).pow(U256::from(decimals.min(36)));
    let (whole, rest) = (raw / scale, raw % scale);
    let Ok(whole) = u64::try_from(whole) else { return "over 1,000 T".to_owned() };
    let digits = match whole {
        0..10 => 4,
        10..1_000 => 2,
        1_000..1_000_000 => 0,
        1_000_000..1_000_000_000 => return short(whole, 1_000_000, "M"),
        1_000_000_000..1_000_000_000_000 => return short(whole, 1_000_000_000, "B"),
        1_000_000_000_000..1_000_000_000_000_000 => return short(whole, 1_000_000_000_000, "T"),
        _ => return "over 1,000 T".to_owned(),
    };
    let rest = rest.saturating_mul(U256::from(10).pow(U256::from(digits))) / scale;
    match (whole, rest.is_zero()) {
        (0, true) if !raw.is_zero() => "<0.0001".to_owned(),
        (_, true) => grouped(whole),
        _ => format!("{whole}.{:0>digits$}", rest.to_string()).trim_end_matches('0').to_owned(),
    }
}

/// `raw` over 10^`decimals` with every digit, for the numbers behind an explanation.
pub fn exact(raw: U256, decimals: u8) -> String {
    let decimals = usize::from(decimals.min(36));
    let scale = U256::from(10).pow(U256::from(decimals));
    let (whole, rest) = (raw / scale, raw % scale);
    if rest.is_zero() {
        return whole.to_string();
    }
    format!("{whole}.{:0>decimals$}", rest.to_string()).trim_end_matches('0').to_owned()
}

/// A whole number with commas.
pub fn grouped(whole: u64) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How rare something of this probability is, given by its base-ten logarithm: `once in about 3,500`, `once in more than a million`.
pub fn once_in(log10: f64) -> String {
    match -log10 {
        decades if decades >= 12.0 => "once in more than a trillion".to_owned(),
        decades if decades >= 9.0 => "once in more than a billion".to_owned(),
        decades if decades >= 6.0 => "once in more than a million".to_owned(),
        decades => {
            // Two digits: the rest would pretend to a precision that no tail has.
            let step = 10_f64.powf((decades.max(0.0) - 1.0).floor());
            let rounded = (10_f64.powf(decades.max(0.0)) / step).round() * step;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and a million")]
            let rounded = rounded as u64;
            format!("once in about {}", grouped(rounded.max(1)))
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(mut parts: Vec<String>) -> String {
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) }
}

fn short(whole: u64, unit: u64, name: &str) -> String {
    format!("{}.{} {name}", whole / unit, whole % unit / (unit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        let usdc = |raw: u64| amount(U256::from(raw), 6);
        let texts = [0, 1, 500_000, 1_000_000, 1_000_100, 412_509_000, 236_950_123_456].map(usdc);
        assert_eq!(texts, ["0", "<0.0001", "0.5", "1", "1.0001", "412.5", "236,950"]);
        let texts = [1_230_747_000_000, 40_000_000_000_000, 1_500_000_000_000_000].map(usdc);
        assert_eq!(texts, ["1.2 M", "40.0 M", "1.5 B"]);
        assert_eq!([amount(U256::MAX, 18), amount(U256::MAX, 0)], ["over 1,000 T", "over 1,000 T"]);
        assert_eq!(amount(U256::from(10).pow(U256::from(32)), 18), "100.0 T");
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn exact_figures_keep_every_digit() {
        let texts = [0_u64, 1, 60_000_000_000, 60_000_000_001].map(|gwei| exact(U256::from(gwei), 9));
        assert_eq!(texts, ["0", "0.000000001", "60", "60.000000001"]);
        assert_eq!(exact(U256::from(7), 0), "7");
    }

    #[test]
    fn rarity_is_said_in_words() {
        let texts = [0.0, -1.0, -3.547, -5.9, -6.0, -9.5, -15.0, f64::NEG_INFINITY].map(once_in);
        let wanted =
            ["about 1", "about 10", "about 3,500", "about 790,000", "more than a million", "more than a billion"];
        assert_eq!(texts[..6], wanted.map(|text| format!("once in {text}")));
        assert_eq!(texts[6..], ["once in more than a trillion", "once in more than a trillion"]);
    }

    #[test]
    fn lists_read_well() {
        let of = |parts: &[&str]| listed(parts.iter().map(ToString::to_string).collect());
        assert_eq!([of(&[]), of(&["a"]), of(&["a", "b"]), of(&["a", "b", "c"])], ["", "a", "a and b", "a, b and c"]);
    }

    proptest::proptest! {
        #[test]
        fn no_figure_is_long(raw: [u64; 4], decimals: u8) {
            let text = amount(U256::from_limbs(raw), decimals);
            proptest::prop_assert!(text.len() <= 12 && !text.split(['.', ',', ' ']).any(|run| run.len() > 4), "{text}");
        }
    }
}
