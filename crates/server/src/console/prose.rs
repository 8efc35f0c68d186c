//! The small part of Markdown that detectors document themselves in, as HTML.
//!
//! Headings, paragraphs, lists, fenced code, tables, `code`, **bold**. Everything else is text. All text is escaped: a document cannot
//! bring markup of its own. Tests: below.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// Rendered prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prose(String);

impl HtmlSafe for Prose {}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the lines before belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Paragraph,
    Bullets,
    Numbers,
    Code,
    Table,
}

impl Open {
    const fn begin(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Paragraph => "<p>",
            Self::Bullets => "<ul>",
            Self::Numbers => "<ol>",
            Self::Code => "<pre><code>",
            Self::Table => "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>",
        }
    }
    const fn end(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Paragraph => "</p>",
            Self::Bullets => "</li></ul>",
            Self::Numbers => "</li></ol>",
            Self::Code => "</code></pre>",
            Self::Table => "</table></div>",
        }
    }
}

/// Renders a document; its own highest rank of headings becomes `rank` of the page (2 to 6).
pub(super) fn render(markdown: &str, rank: usize) -> Prose {
    let highest = markdown.lines().filter_map(|line| heading(line.trim())).map(|(depth, _)| depth).min().unwrap_or(1);
    let mut page = Page { html: String::new(), open: Open::Nothing };
    for line in markdown.lines() {
        page.line(line, |depth| (rank + depth - highest).min(6));
    }
    page.turn_to(Open::Nothing);
    Prose(page.html)
}

/// Renders one sentence: only `code` and **bold**.
pub(super) fn sentence(text: &str) -> Prose {
    let mut page = Page { html: String::new(), open: Open::Nothing };
    page.inline(text);
    Prose(page.html)
}

struct Page {
    html: String,
    open: Open,
}

impl Page {
    /// Ends what is open and begins the next block, unless it is the same one.
    fn turn_to(&mut self, next: Open) -> bool {
        if self.open == next {
            return false;
        }
        self.html.push_str(self.open.end());
        self.html.push_str(next.begin());
        self.open = next;
        true
    }

    fn line(&mut self, line: &str, rank: impl Fn(usize) -> usize) {
        let text = line.trim();
        if text.starts_with("```") {
            self.turn_to(if self.open == Open::Code { Open::Nothing } else { Open::Code });
        } else if self.open == Open::Code {
            self.text(line);
            self.html.push('\n');
        } else if text.is_empty() {
            self.turn_to(Open::Nothing);
        } else if let Some((depth, heading)) = heading(text) {
            self.turn_to(Open::Nothing);
            self.tagged(&format!("h{}", rank(depth)), heading);
        } else if let Some(item) = text.strip_prefix("- ").or_else(|| text.strip_prefix("* ")) {
            self.item(Open::Bullets, item);
        } else if let Some(item) = numbered(text) {
            self.item(Open::Numbers, item);
        } else if text.starts_with('|') {
            self.row(text);
        } else {
            if !matches!(self.open, Open::Bullets | Open::Numbers) {
                self.turn_to(Open::Paragraph);
            }
            self.html.push('\n');
            self.inline(text);
        }
    }

    fn item(&mut self, list: Open, text: &str) {
        if !self.turn_to(list) {
            self.html.push_str("</li>");
        }
        self.html.push_str("<li>");
        self.inline(text);
    }

    fn row(&mut self, text: &str) {
        if text.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')) {
            return;
        }
        let tag = if self.turn_to(Open::Table) { "th" } else { "td" };
        self.html.push_str("<tr>");
        for cell in text.trim_matches('|').split('|') {
            self.tagged(tag, cell.trim());
        }
        self.html.push_str("</tr>");
    }

    fn tagged(&mut self, tag: &str, text: &str) {
        self.html.push('<');
        self.html.push_str(tag);
        self.html.push('>');
        self.inline(text);
        self.html.push_str("</");
        self.html.push_str(tag);
        self.html.push('>');
    }

    /// Text with `code` and **bold**; a mark without its partner is text.
    fn inline(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let code = between(rest, "`");
            let bold = between(rest, "**");
            let code_first = match (&code, &bold) {
                (Some(code), Some(bold)) => code.0.len() < bold.0.len(),
                (Some(_), None) => true,
                (None, _) => false,
            };
            let (tag, found) = if code_first { ("code", code) } else { ("strong", bold) };
            let Some((before, marked, after)) = found else { break };
            self.text(before);
            self.html.push('<');
            self.html.push_str(tag);
            self.html.push('>');
            self.text(marked);
            self.html.push_str("</");
            self.html.push_str(tag);
            self.html.push('>');
            rest = after;
        }
        self.text(rest);
    }

    fn text(&mut self, text: &str) {
        let Ok(escaped) = escape(text, Html);
        self.html.push_str(&escaped.to_string());
    }
}

fn between<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(mark)?;
    let (marked, after) = rest.split_once(mark)?;
    (!marked.is_empty()).then_some((before, marked, after))
}

fn heading(text: &str) -> Option<(usize, &str)> {
    let rest = text.trim_start_matches('#');
    let depth = text.len() - rest.len();
    (1..=6).contains(&depth).then_some(())?;
    rest.strip_prefix(' ').map(|heading| (depth, heading.trim()))
}

fn numbered(text: &str) -> Option<&str> {
    let (number, item) = text.split_once(". ")?;
    (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then_some(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_detectors_write_is_rendered() {
        let text = "## What\nFinds `x < y` and **more**\nof it.\n\n- one\n- two\n  goes on\n\n1. first\n\n```\na < b\n```\n\n| a | b |\n|---|---|\n| 1 | `2` |\n";
        insta::assert_snapshot!(render(text, 4), @r#"
        <h4>What</h4><p>
        Finds <code>x &#60; y</code> and <strong>more</strong>
        of it.</p><ul><li>one</li><li>two
        goes on</li></ul><ol><li>first</li></ol><pre><code>a &#60; b
        </code></pre><div class="scroll" tabindex="0" role="group" aria-label="Table"><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><code>2</code></td></tr></table></div>
        "#);
    }

    #[test]
    fn no_document_brings_markup_of_its_own() {
        for hostile in [
            "<script>",
            "# <script>",
            "- <script>",
            "`<script>`",
            "**<script>**",
            "```\n<script>",
            "| <script> |",
            "1. <script>",
        ] {
            let html = render(hostile, 4).to_string();
            assert!(!html.contains("<script>") && html.contains("script"), "{html}");
        }
    }

    #[test]
    fn marks_without_partners_are_text() {
        assert_eq!(render("a ` b ** c", 4).to_string(), "<p>\na ` b ** c</p>");
        assert_eq!(render("#no heading", 4).to_string(), "<p>\n#no heading</p>");
    }
}
