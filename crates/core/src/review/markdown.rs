//! The document as Markdown. Whatever a monitor or a person wrote stays text: it makes no table cell, no heading, no link, no
//! element, and it cannot turn the reading direction round.

use super::{
    document::{Block, Line, Piece, TableRow},
    plain::one_line,
};

pub(super) fn write(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        match block {
            Block::Heading(level, title) => {
                out.extend(std::iter::repeat_n('#', usize::from(*level)));
                out.push(' ');
                out.push_str(&escape(title));
                out.push('\n');
            }
            Block::Paragraph(line) => {
                out.push_str(&inline(line));
                out.push('\n');
            }
            Block::List(lines) => {
                for line in lines {
                    out.push_str("- ");
                    out.push_str(&inline(line));
                    out.push('\n');
                }
            }
            Block::Table { head, rows } => table(&mut out, head, rows),
        }
    }
    out
}

fn table(out: &mut String, head: &[&str], rows: &[TableRow]) {
    let heads: Vec<String> = head.iter().map(|cell| escape(cell)).collect();
    out.push_str(&cells(&heads));
    out.push_str(&cells(&vec!["---".to_owned(); head.len()]));
    for row in rows {
        out.push_str(&cells(&row.cells.iter().map(inline).collect::<Vec<_>>()));
    }
}

fn cells(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn inline(line: &Line) -> String {
    line.iter()
        .map(|piece| match piece {
            Piece::Text(text) => escape(text),
            Piece::Code(text) => code(text),
            Piece::Instant(at) => at.to_string(),
            Piece::Cite(indexes) => {
                format!("[{}]", indexes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        })
        .collect()
}

/// A code span that ends where it should: fenced by more backticks than the text has in a row, pipes escaped for tables.
fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest == 0 { format!("{fence}{text}{fence}") } else { format!("{fence} {text} {fence}") }
}

/// Text that stays text. Backslashes stand before what could begin markup, an element, an entity or an automatic link.
fn escape(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let at_end_of_word = characters.peek().is_none_or(|next| next.is_whitespace());
        let special = match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '@' | '$' => true,
            // Between letters an underscore is only a letter; elsewhere it can begin emphasis.
            '_' => !before.is_alphanumeric(),
            // `http://…`, `www.…` and `mailto:` become links by themselves.
            ':' => before.is_alphabetic() && ["http", "https", "ftp", "mailto", "xmpp"].iter().any(|s| ends(&out, s)),
            '.' => ends(&out, "www") || (at_end_of_word && numbered(&out)),
            // At the start of a line these make lists and underlines, and so do a number's full stop and bracket.
            '-' | '+' | '=' => out.is_empty(),
            ')' => at_end_of_word && numbered(&out),
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(character);
        before = character;
    }
    out
}

fn numbered(out: &str) -> bool {
    !out.is_empty() && out.bytes().all(|byte| byte.is_ascii_digit())
}

fn ends(out: &str, word: &str) -> bool {
    let start = out.len().checked_sub(word.len());
    start.and_then(|start| out.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let cases = [
            ("a | b", r"a \| b"),
            ("`x`\n# title\r\n- item", r"\`x\` \# title - item"),
            ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
            ("[click](https://evil.example)", r"\[click\](https\://evil.example)"),
            ("see www.evil.example or mail a@b.c", r"see www\.evil.example or mail a\@b.c"),
            ("- no list", r"\- no list"),
            ("1. no list, 2. of 3.5", r"1\. no list, 2. of 3.5"),
            ("3.1 s", "3.1 s"),
            ("snake_case and _stress_", r"snake_case and \_stress_"),
            ("&lt; \u{202e}txt.exe\u{7}", "\\&lt; \u{fffd}txt.exe\u{fffd}"),
        ];
        for (foreign, safe) in cases {
            assert_eq!(escape(foreign), safe);
        }
    }

    #[test]
    fn code_ends_where_it_should() {
        assert_eq!(code("QD:1/M:5"), "`QD:1/M:5`");
        assert_eq!(code("a `` b | c"), r"``` a `` b \| c ```");
    }
}
