//! What a node wrote, made fit to be shown: one line, without escapes, of bounded length. A node must not be able to write lines of
//! our log, colours of a terminal or a text that reads backwards.

/// Characters of a foreign text that are repeated: enough for a reason, too few to bury one.
const WORDS_MAX: usize = 300;

/// One line of a foreign text. What cannot be shown is a space, and several of them are one.
pub(crate) fn clean(text: &str) -> String {
    let mut line = String::new();
    let mut kept = 0;
    for found in text.chars() {
        let shown = if is_hidden(found) { ' ' } else { found };
        if shown == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if kept == WORDS_MAX {
            line.truncate(line.trim_end().len());
            line.push('…');
            return line;
        }
        line.push(shown);
        kept += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// Control characters, other kinds of line break and space, and what changes the direction of the text around it.
fn is_hidden(found: char) -> bool {
    found.is_control()
        || found.is_whitespace()
        || matches!(found, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_writes_no_lines_of_ours() {
        let forged = "header not found\r\n2026-11-27T10:00:00Z  INFO all is well\u{1b}[2K\u{202e}";
        assert_eq!(clean(forged), "header not found 2026-11-27T10:00:00Z INFO all is well [2K");
        assert_eq!(clean(" a\u{2028}b\tc\0 "), "a b c");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = clean(&"é".repeat(1_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (WORDS_MAX + 1, true));
        assert_eq!(clean(&"x".repeat(WORDS_MAX)), "x".repeat(WORDS_MAX));
    }
}
