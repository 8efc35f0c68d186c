//! What somebody else says, made fit to be shown beside our own words. Tests: below.

/// Characters of what somebody else says that are shown.
const SHOWN_CHARS: usize = 160;

/// What somebody else said, on one line and cut.
pub fn clean(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_and_not_long() {
        assert_eq!(clean(" a\r\n\u{1b}[31m b\t"), "a [31m b");
        assert_eq!(clean(&"é".repeat(500)).chars().count(), SHOWN_CHARS);
    }
}
