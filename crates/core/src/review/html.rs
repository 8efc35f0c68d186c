//! The document as one HTML page: no scripts, nothing fetched, light or dark as the reader's system is, and fit to print.

use super::{
    document::{Block, Line, Piece, TableRow},
    plain::one_line,
};

/// Nothing may load or run, whatever a signal's title holds: the escaping is one wall, this is the second.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#16202a;--dim:#56646f;--line:#d5dce1;--paper:#fff;--band:#f3f6f8;--link:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ed;--dim:#9aa8b3;--line:#35414b;--paper:#11181e;--band:#192229;--link:#7ab8f5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:75rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
code{font:.875em ui-monospace,monospace}
a{color:var(--link)}
time{white-space:nowrap}
.cite{font-size:.8em;text-decoration:none;white-space:nowrap}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:break-word}
th{color:var(--dim);font-weight:600}
tr:target{background:var(--band);outline:2px solid var(--link)}
@media print{body{max-width:none;padding:0;font-size:9pt}.wide{overflow:visible}tr,li{break-inside:avoid}
thead{display:table-header-group}h2,h3{break-after:avoid}a{color:inherit}}
";

pub(super) fn write(title: &str, blocks: &[Block]) -> String {
    let mut body = String::new();
    for block in blocks {
        match block {
            Block::Heading(level, text) => body.push_str(&format_heading(*level, text)),
            Block::Paragraph(line) => body.push_str(&["<p>", &inline(line), "</p>\n"].concat()),
            Block::List(lines) => {
                let items: Vec<String> = lines.iter().map(|line| ["<li>", &inline(line), "</li>\n"].concat()).collect();
                body.push_str(&["<ul>\n", &items.concat(), "</ul>\n"].concat());
            }
            Block::Table { head, rows } => body.push_str(&table(head, rows)),
        }
    }
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>Review: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn format_heading(level: u8, text: &str) -> String {
    let level = level.clamp(1, 6);
    format!("<h{level}>{}</h{level}>\n", escape(text))
}

fn table(head: &[&str], rows: &[TableRow]) -> String {
    let heads: Vec<String> = head.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell))).collect();
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let anchor = row.anchor.map_or_else(String::new, |index| format!(" id=\"log-{index}\""));
            let cells: Vec<String> = row.cells.iter().map(|cell| ["<td>", &inline(cell), "</td>"].concat()).collect();
            format!("<tr{anchor}>{}</tr>\n", cells.concat())
        })
        .collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\">\n<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n",
        heads.concat(),
        rows.concat()
    )
}

fn inline(line: &Line) -> String {
    line.iter()
        .map(|piece| match piece {
            Piece::Text(text) => escape(text),
            Piece::Code(text) => format!("<code>{}</code>", escape(text)),
            Piece::Instant(at) => format!("<time datetime=\"{at}\">{at}</time>"),
            Piece::Cite(indexes) => {
                let links: Vec<String> =
                    indexes.iter().map(|i| format!("<a class=\"cite\" href=\"#log-{i}\">{i}</a>")).collect();
                format!("[{}]", links.join(", "))
            }
        })
        .collect()
}

fn escape(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(escape("<img src=x onerror='a'>&\"\n"), "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot; ");
    }
}
