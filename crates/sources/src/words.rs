//! What a node wrote, made fit to be shown: one line, without escapes, of bounded length. A node must not be able to write lines of
//! our log, colours of a terminal or a text that reads backwards; nor repeat the key that stands in its address. Tests: below.

use url::Url;

/// Characters of a foreign text that are repeated: enough for a reason, too few to bury one.
const WORDS_MAX: usize = 300;

/// Secrets shorter than this are not looked for: they would be found everywhere.
const SECRET_CHARS_MIN: usize = 4;
/// The same for one part of a path: shorter ones are words, such as `health` and `mainnet`.
const PART_CHARS_MIN: usize = 8;

/// What somebody said, without what only we and they know of their address: some repeat the whole request, some only the key that they
/// refuse. `more`: what was sent besides.
pub fn unsaid(text: &str, url: &Url, more: &[&str]) -> String {
    let path = Some(url.path()).filter(|path| *path != "/");
    let parts = url.path_segments().into_iter().flatten().filter(|part| part.len() >= PART_CHARS_MIN);
    let raw = url.query().into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    let raw = raw.map(|(_, value)| value).chain(url.query());
    let known = path.into_iter().chain(parts).chain(raw).chain(url.password()).chain(more.iter().copied());
    let read = url.query_pairs().map(|(_, value)| value.into_owned());
    let mut secrets: Vec<String> = known.map(str::to_owned).chain(read).collect();
    secrets.retain(|secret| secret.len() >= SECRET_CHARS_MIN);
    // The longest first: what is a part of another would leave the rest of it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
}

/// One line of a foreign text. What cannot be shown is a space, and several of them are one.
pub fn clean(text: &str) -> String {
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
    fn what_an_address_keeps_secret_is_not_repeated() {
        let url = |text: &str| Url::parse(text).unwrap();
        let keyed = url("https://node.example/v3/mainnet/0f3ac9d17be2?token=s3cr%2Ft&net=eth");
        for (said, shown) in [
            ("GET /v3/mainnet/0f3ac9d17be2?token=s3cr%2Ft&net=eth", "GET …?…"),
            ("project 0f3ac9d17be2 is over its limit", "project … is over its limit"),
            ("no such token: s3cr/t (s3cr%2Ft)", "no such token: … (…)"),
            ("mainnet is healthy", "mainnet is healthy"),
        ] {
            assert_eq!(unsaid(said, &keyed, &[]), shown);
        }
        let bare = url("https://host/");
        assert_eq!(unsaid("a / b", &bare, &["Bearer abcdef", "abcdef"]), "a / b");
        assert_eq!(unsaid("`abcdef` was revoked", &bare, &["Bearer abcdef", "abcdef"]), "`…` was revoked");
    }

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
