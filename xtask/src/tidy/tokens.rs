//! Rust read as tokens: which modules a file lists, and which paths it names. What is compiled for unit tests only is left out.

use anyhow::{Context as _, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// How a path comes into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `use a::b`, for this file.
    Import,
    /// `pub use a::b`, for others.
    Export,
    /// In the midst of the code.
    Inline,
}

/// A path that a file names, each item of a group by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) path: Vec<String>,
    /// The name that it has in this file, for one that is imported or exported.
    pub(super) alias: Option<String>,
    pub(super) way: Way,
}

/// What a file says about modules.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The modules it lists that are files of their own, in order.
    pub(super) lists: Vec<String>,
    pub(super) named: Vec<Named>,
    /// Every identifier, in order.
    pub(super) identifiers: Vec<String>,
}

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
    identifier: bool,
}

/// Reads a source without its unit tests.
pub(super) fn read(text: &str) -> anyhow::Result<Read> {
    let tokens = without_tests(tokens(text)?);
    let identifiers = tokens.iter().filter(|token| token.identifier).map(|token| token.text.clone()).collect();
    let mut reader = Reader { tokens: &tokens, at: 0, read: Read { identifiers, ..Read::default() } };
    reader.items(0);
    Ok(reader.read)
}

/// Every identifier of a source, unit tests included.
pub(super) fn identifiers(text: &str) -> anyhow::Result<Vec<String>> {
    Ok(tokens(text)?.into_iter().filter(|token| token.identifier).map(|token| token.text).collect())
}

fn tokens(text: &str) -> anyhow::Result<Vec<Token>> {
    let stream: TokenStream = text.parse().map_err(|error| anyhow!("{error}")).context("not Rust")?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut after_colon = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: String, identifier| into.push(Token { text, line, identifier });
        let mut colon = false;
        match tree {
            TokenTree::Ident(ident) => push(ident.to_string(), true),
            TokenTree::Literal(literal) => push(literal.to_string(), false),
            TokenTree::Punct(punct) if punct.as_char() == ':' && after_colon => {
                if let Some(last) = into.last_mut() {
                    last.text.push(':');
                }
            }
            TokenTree::Punct(punct) => {
                colon = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                push(punct.to_string(), false);
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(open.to_owned(), false);
                flatten(group.stream(), into);
                into.push(Token { text: close.to_owned(), line: group.span_close().start().line, identifier: false });
            }
        }
        after_colon = colon;
    }
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut tokens) = (Vec::new(), tokens.into_iter().peekable());
    while let Some(token) = tokens.next() {
        kept.push(token);
        let from = kept.len().saturating_sub(MARK.len());
        let marked = kept.get(from..).is_some_and(|last| last.iter().map(|token| token.text.as_str()).eq(MARK));
        if !marked {
            continue;
        }
        kept.truncate(from);
        let mut depth = 0_u32;
        while let Some(next) = tokens.next_if(|next| depth > 0 || !["}", ")", "]"].contains(&next.text.as_str())) {
            match next.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" if depth == 1 => break,
                "}" | ")" | "]" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    read: Read,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.identifier)
    }

    /// Reads to the end of a group. `inside`: how many modules are opened within this file.
    fn items(&mut self, inside: usize) {
        let mut depth = 0_u32;
        while self.at < self.tokens.len() {
            match (self.text(self.at), self.text(self.at + 2)) {
                ("mod", ";") => {
                    self.read.lists.push(self.text(self.at + 1).to_owned());
                    self.at += 3;
                }
                ("mod", "{") => {
                    self.at += 3;
                    self.items(inside + 1);
                }
                // `impl Trait + use<'_>` says what is captured, and imports nothing.
                ("use", _) if self.text(self.at + 1) != "<" => self.import(inside),
                ("{", _) => {
                    depth += 1;
                    self.at += 1;
                }
                ("}", _) => {
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                }
                _ if self.is_name(self.at) => self.path(inside),
                _ => self.at += 1,
            }
        }
    }

    /// `a::b::c` in the midst of the code.
    fn path(&mut self, inside: usize) {
        let (begin, mut path) = (self.at, vec![self.text(self.at).to_owned()]);
        self.at += 1;
        while self.text(self.at) == "::" && self.is_name(self.at + 1) {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        let goes_on = begin.checked_sub(1).is_some_and(|before| self.text(before) == "::");
        if path.len() > 1 && !goes_on {
            self.name(begin, path, None, Way::Inline, inside);
        }
    }

    fn import(&mut self, inside: usize) {
        let before = self.at.checked_sub(1).map_or("", |before| self.text(before));
        // `pub use` and `pub(crate) use`.
        let way = if ["pub", ")"].contains(&before) { Way::Export } else { Way::Import };
        self.at += 1;
        self.tree(&[], way, inside);
    }

    /// One item of a use group, with the groups in it.
    fn tree(&mut self, before: &[String], way: Way, inside: usize) {
        let (begin, mut path) = (self.at, before.to_vec());
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "{" => {
                    self.at += 1;
                    while !["}", ""].contains(&self.text(self.at)) {
                        self.tree(&path, way, inside);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                ";" | "," | "}" => break,
                "as" => {
                    let alias = self.text(self.at + 1).to_owned();
                    self.at += 2;
                    return self.name(begin, path, Some(alias), way, inside);
                }
                "::" => self.at += 1,
                text => {
                    path.push(text.to_owned());
                    self.at += 1;
                }
            }
        }
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let alias = path.last().cloned();
        self.name(begin, path, alias, way, inside);
    }

    /// Notes a path as it would be written at the top of this file.
    fn name(&mut self, begin: usize, mut path: Vec<String>, alias: Option<String>, way: Way, inside: usize) {
        let up = path.iter().take_while(|word| *word == "super").count();
        path.drain(..up.min(inside));
        if inside > 0 && up > 0 && up <= inside {
            path.insert(0, "self".to_owned());
        }
        let line = self.tokens.get(begin).map_or(0, |token| token.line);
        self.read.named.push(Named { line, path, alias, way });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(usize, String, Way)> {
        read(text).unwrap().named.into_iter().map(|named| (named.line, named.path.join("::"), named.way)).collect()
    }

    #[test]
    fn what_a_type_captures_is_no_import() {
        let text = "fn f<'a>(x: &'a T) -> impl Iterator<Item = u8> + use<'a> { a::b(x) }\n";
        assert_eq!(named(text), [(1, "a::b".to_owned(), Way::Inline)]);
    }

    #[test]
    fn groups_are_taken_apart() {
        let text = "use crate::{\n    a::x,\n    b::{self, d as e},\n};\npub(crate) use f::G;\n";
        let expected = [
            (2, "crate::a::x".to_owned(), Way::Import),
            (3, "crate::b".to_owned(), Way::Import),
            (3, "crate::b::d".to_owned(), Way::Import),
            (5, "f::G".to_owned(), Way::Export),
        ];
        assert_eq!(named(text), expected);
        let aliases: Vec<Option<String>> = read(text).unwrap().named.into_iter().map(|named| named.alias).collect();
        assert_eq!(aliases, ["x", "b", "e", "G"].map(|alias| Some(alias.to_owned())));
    }

    #[test]
    fn paths_in_code_are_found_and_neither_texts_nor_comments() {
        let text = "fn f() {\n    // crate::a::no\n    let x = crate::a::yes(\"crate::a::no\");\n    x.into::<super::b::C>();\n}\n";
        let expected = [(3, "crate::a::yes".to_owned(), Way::Inline), (4, "super::b::C".to_owned(), Way::Inline)];
        assert_eq!(named(text), expected);
    }

    #[test]
    fn unit_tests_are_left_out() {
        let text = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"x\"]\nfn f() { crate::b::c(); }\nmod d;\n\
                    #[cfg(test)]\nmod more {\n    use super::e;\n}\n";
        let read = read(text).unwrap();
        assert_eq!(read.lists, ["a", "d"]);
        assert_eq!(read.named, []);
    }

    #[test]
    fn a_module_in_the_file_is_part_of_it() {
        let text = "mod inner {\n    use super::a::B;\n    use super::super::c::D;\n}\nuse super::e::F;\n";
        let paths: Vec<String> = named(text).into_iter().map(|(_, path, _)| path).collect();
        assert_eq!(paths, ["self::a::B", "super::c::D", "super::e::F"]);
    }
}
