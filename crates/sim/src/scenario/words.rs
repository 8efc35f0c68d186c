//! The words of a line, one after the other. Never panics, whatever the text. Tests: `tests/scenarios.rs`.

use std::time::Duration;

/// One word. Several words in double quotes are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// A line, word by word.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Vec<Word>,
    at: usize,
}

impl Words {
    /// Cuts at blanks; a comma and a semicolon behind a word are words of their own.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quoted = false;
        for character in text.chars() {
            match character {
                '"' if quoted => {
                    words.push(Word { text: std::mem::take(&mut word), quoted: true });
                    quoted = false;
                }
                '"' if word.is_empty() => quoted = true,
                _ if quoted => word.push(character),
                ',' | ';' => {
                    finish(&mut words, &mut word);
                    words.push(Word { text: character.to_string(), quoted: false });
                }
                blank if blank.is_whitespace() => finish(&mut words, &mut word),
                other => word.push(other),
            }
        }
        if quoted {
            return Err(format!("expected a closing `\"` after `{word}`"));
        }
        finish(&mut words, &mut word);
        Ok(Self { words, at: 0 })
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The word that comes `ahead` words after the next, unless it is quoted.
    pub(super) fn peek(&self, ahead: usize) -> &str {
        let found = self.at.checked_add(ahead).and_then(|place| self.words.get(place));
        found.filter(|word| !word.quoted).map_or("", |word| word.text.as_str())
    }

    /// The next word, which must be there; `what` says what it should have been.
    pub(super) fn next(&mut self, what: &str) -> Result<String, String> {
        let word = self.words.get(self.at).ok_or_else(|| format!("expected {what}, found the end"))?;
        if !word.quoted && matches!(word.text.as_str(), "," | ";") {
            return Err(format!("expected {what}, found `{}`", word.text));
        }
        self.at += 1;
        Ok(word.text.clone())
    }

    /// Takes these words if they come next.
    pub(super) fn takes(&mut self, phrase: &str) -> bool {
        let wanted: Vec<&str> = phrase.split(' ').collect();
        let comes = (0..).zip(&wanted).all(|(ahead, word)| self.peek(ahead) == *word);
        if comes {
            self.at += wanted.len();
        }
        comes
    }

    /// These words must come next.
    pub(super) fn expect(&mut self, phrase: &str) -> Result<(), String> {
        if self.takes(phrase) { Ok(()) } else { Err(format!("expected `{phrase}`, found {}", self.found())) }
    }

    /// What comes next, for an error text.
    pub(super) fn found(&self) -> String {
        self.words.get(self.at).map_or_else(|| "the end".to_owned(), |word| format!("`{}`", word.text))
    }

    /// Nothing more may come.
    pub(super) fn end(&self) -> Result<(), String> {
        if self.is_over() { Ok(()) } else { Err(format!("expected the end, found {}", self.found())) }
    }

    /// A whole number; `_` may group its digits.
    pub(super) fn number(&mut self, what: &str) -> Result<u64, String> {
        let text = self.next(what)?;
        whole(&text).ok_or_else(|| format!("expected {what}, found `{text}`"))
    }

    /// A span: `30 s`, `5 min`, `1 h`, `6 d`.
    pub(super) fn span(&mut self) -> Result<Duration, String> {
        let count = self.number("a number and one of s, min, h, d")?;
        let unit = self.next("one of s, min, h, d")?;
        let seconds: u64 = match unit.as_str() {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(format!("expected one of s, min, h, d, found `{unit}`")),
        };
        let span = count.checked_mul(seconds).filter(|span| *span <= SPAN_SECONDS_MAX);
        span.map(Duration::from_secs).ok_or_else(|| format!("{count} {unit} is more than ten years"))
    }
}

/// Ten years: no story is longer, and every sum of instants stays in range.
const SPAN_SECONDS_MAX: u64 = 10 * 366 * 86_400;

/// `5_000_000` as a number.
pub(super) fn whole(text: &str) -> Option<u64> {
    let plain = text.chars().next().is_some_and(|first| first.is_ascii_digit());
    plain.then(|| text.replace('_', "").parse().ok()).flatten()
}

fn finish(words: &mut Vec<Word>, word: &mut String) {
    if !word.is_empty() {
        words.push(Word { text: std::mem::take(word), quoted: false });
    }
}
