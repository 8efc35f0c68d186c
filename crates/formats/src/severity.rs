//! Words of severity as other tools write them, and what they mean here.
//!
//! Every tool has words of its own, and a misspelt one must not make a page a note: a word that is not known counts as critical, and the
//! claim says so. An operator can say what their words mean, `[severity_words]`; those come first. Case, blanks, `-` and `_` do not
//! matter.

use std::collections::BTreeMap;

use quarterdeck_core::signal::Loudness;

use crate::bounds::quote;

/// The words that are known, each list in its plain form.
const KNOWN: &[(Loudness, &[&str])] = &[
    (
        Loudness::Critical,
        &[
            "critical",
            "crit",
            "page",
            "emergency",
            "emerg",
            "fatal",
            "disaster",
            "panic",
            "alert",
            "blocker",
            "severe",
            "urgent",
            "highest",
            "p0",
            "p1",
            "sev0",
            "sev1",
            "s0",
            "s1",
        ],
    ),
    (Loudness::Error, &["error", "err", "high", "major", "p2", "sev2", "s2"]),
    (
        Loudness::Warning,
        &[
            "warning", "warn", "medium", "moderate", "average", "normal", "minor", "low", "ticket", "p3", "p4", "sev3",
            "sev4", "s3", "s4",
        ],
    ),
    (
        Loudness::Info,
        &[
            "info",
            "information",
            "informational",
            "notice",
            "none",
            "ok",
            "debug",
            "trivial",
            "lowest",
            "p5",
            "sev5",
            "s5",
        ],
    ),
];

/// What an operator's own words mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeverityWords(BTreeMap<String, Loudness>);

/// Those of nobody.
pub const NO_WORDS: &SeverityWords = &SeverityWords(BTreeMap::new());

impl SeverityWords {
    /// The words with their meanings.
    pub fn new(words: impl IntoIterator<Item = (String, Loudness)>) -> Self {
        Self(words.into_iter().map(|(word, loudness)| (plain(&word), loudness)).collect())
    }

    /// What a word means; none: it is not known.
    pub fn loudness(&self, word: &str) -> Option<Loudness> {
        let word = plain(word);
        let known = || KNOWN.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(loudness, _)| *loudness);
        self.0.get(&word).copied().or_else(known)
    }

    /// How loud a claim is by its source's word (none, or blank: a warning), and what is to be said of that word.
    pub(crate) fn hear(&self, word: Option<&str>) -> (Loudness, String) {
        let Some(word) = word.filter(|word| !plain(word).is_empty()) else {
            return (Loudness::default(), String::new());
        };
        if let Some(loudness) = self.loudness(word) {
            (loudness, String::new())
        } else {
            let note = format!(
                "\nIts severity is `{}`, which is no word that is known here: it counts as critical. `[severity_words]` in the \
                 configuration says what it means.",
                quote(word)
            );
            (Loudness::Critical, note)
        }
    }
}

/// A word without what does not matter.
fn plain(word: &str) -> String {
    let kept = word.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'));
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_other_tools_are_known_however_they_are_written() {
        let cases = [
            (Loudness::Critical, ["P1", "SEV_1", "fatal", "Disaster", "critical ", "sev-1"]),
            (Loudness::Error, ["high", "major", "ERROR", "P2", "Sev 2", " err"]),
            (Loudness::Warning, ["warn", "Average", "minor", "p3", "SEV4", "medium"]),
            (Loudness::Info, ["none", "informational", "Notice", "p5", "SEV 5", "debug"]),
        ];
        for (want, words) in cases {
            for word in words {
                assert_eq!(NO_WORDS.hear(Some(word)), (want, String::new()), "{word}");
            }
        }
        assert_eq!(NO_WORDS.hear(None), (Loudness::Warning, String::new()));
        assert_eq!(NO_WORDS.hear(Some("  ")), (Loudness::Warning, String::new()));
    }

    #[test]
    fn a_word_that_is_not_known_is_urgent_and_says_so() {
        let (loudness, note) = NO_WORDS.hear(Some("critcal"));
        assert_eq!(loudness, Loudness::Critical);
        assert!(note.contains("`critcal`") && note.contains("[severity_words]"), "{note}");
    }

    #[test]
    fn the_operators_words_come_first() {
        let words =
            SeverityWords::new([("Page".to_owned(), Loudness::Error), ("wake-me".to_owned(), Loudness::Critical)]);
        assert_eq!(words.loudness("page"), Some(Loudness::Error));
        assert_eq!(words.loudness("WAKE_ME"), Some(Loudness::Critical));
        assert_eq!(words.loudness("p1"), Some(Loudness::Critical));
    }
}
