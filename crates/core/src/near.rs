//! What was probably meant: the nearest of the names that there are. Tests: below.

/// Names that a remedy lists; a longer list hides what it says.
const LISTED_MAX: usize = 12;

/// The name that `text` is a slip of: every third letter may be wrong, swapped, missing or too much, of a short one a single one.
pub fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    let slips = |name: &&str| strsim::osa_distance(&text, &name.to_lowercase());
    let near = known.iter().copied().min_by_key(slips)?;
    let bound = (near.chars().count().min(text.chars().count()) / 3).max(1);
    // With every letter another it is no slip.
    (slips(&near) <= bound && slips(&near) < near.chars().count()).then_some(near)
}

/// What to do about a name that nothing has: write the nearest, or one of those that there are, or `otherwise`.
pub fn remedy(text: &str, known: &[&str], otherwise: &str) -> String {
    let instead = match nearest(text, known) {
        Some(near) => format!("write `{near}` if that is meant"),
        None if known.is_empty() => return otherwise.to_owned(),
        None => {
            let listed: Vec<String> = known.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
            let more = known.len().saturating_sub(LISTED_MAX);
            let more = if more > 0 { format!(" or one of {more} more") } else { String::new() };
            format!("write one of {}{more}", listed.join(", "))
        }
    };
    if otherwise.is_empty() { instead } else { format!("{instead}, or {otherwise}") }
}

/// The remedy for a word that serde refuses: its message names the word and then those that there are.
pub fn remedy_by(message: &str) -> Option<String> {
    let (refused, expected) = message.split_once(", expected ")?;
    let text = refused.split('`').nth(1)?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    (!known.is_empty()).then(|| remedy(text, &known, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_and_another_word_is_not() {
        let known = ["listen", "base_url", "data"];
        for slip in ["listn", "lisetn", "Listen", "listenn"] {
            assert_eq!(nearest(slip, &known), Some("listen"), "{slip}");
        }
        assert_eq!(nearest("baseurl", &known), Some("base_url"));
        for other in ["port", "", "x", "listening_address"] {
            assert_eq!(nearest(other, &known), None, "{other}");
        }
        assert_eq!(nearest("x", &["y"]), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn remedies_name_what_exists() {
        let add = "add a `[[person]]`";
        assert_eq!(remedy("alcie", &["alice", "bob"], add), "write `alice` if that is meant, or add a `[[person]]`");
        assert_eq!(remedy("zoe", &["alice", "bob"], add), "write one of `alice`, `bob`, or add a `[[person]]`");
        assert_eq!(remedy("zoe", &[], add), add);
        let many: Vec<String> = (0..20).map(|number| format!("service-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(remedy("zoe", &many, "").ends_with("`service-11` or one of 8 more"));
        let serde = "unknown variant `walet`, expected one of `wallet`, `pool`";
        assert_eq!(remedy_by(serde), Some("write `wallet` if that is meant".to_owned()));
        assert_eq!(remedy_by("unknown field `x`, expected `id`"), Some("write one of `id`".to_owned()));
        assert_eq!(remedy_by("invalid type: integer `1`, expected a string"), None);
    }
}
