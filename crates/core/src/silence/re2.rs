//! Regular expressions as Prometheus Alertmanager reads them: RE2, in Go's dialect.
//!
//! The grammar is that of Go's `regexp/syntax` with its Perl flags; it is read here and written anew for the library, every part
//! spelt out, so that nothing is left to a difference between the two: `\d`, `\w`, `\s` and `\b` are of ASCII, sets know no
//! intersection, the dot leaves out the line break unless `s` is set, case folds as Unicode says. What Go refuses is refused.
//! Where the two differ all the same is in docs/adr/0055-matchers-as-alertmanager-reads-them.md. Never panics. Tests: below, and
//! side by side with a real Alertmanager in the server's `clients` tests.

use regex::bytes::{Regex, RegexBuilder};

use crate::limits::{PATTERN_COMPILED_BYTES_MAX, PATTERN_DEPTH_MAX, PATTERN_REPEATS_MAX};

/// The expression, to be matched against a whole value.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let written = translate(pattern)?;
    let mut builder = RegexBuilder::new(&format!(r"\A(?:{written})\z"));
    builder
        .size_limit(PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
        .nest_limit(NEST_WRITTEN_MAX);
    builder.build().map_err(|error| {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            format!("compiled it is larger than {PATTERN_COMPILED_BYTES_MAX} bytes")
        } else {
            error.to_string().lines().last().unwrap_or_default().trim().to_owned()
        }
    })
}

/// Each level that is read is written as at most four.
const NEST_WRITTEN_MAX: u32 = 4 * PATTERN_DEPTH_MAX + 8;
/// Nothing at all: what Go reads as a character that no text has.
const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

/// General categories of Unicode that Go knows. Its `C` leaves out what is not assigned.
const CATEGORIES: [&str; 36] = [
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Sets of ASCII by name.
const POSIX: [(&str, &str); 14] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", r"\x{0}-\x{7F}"),
    ("blank", r"\x{9}\x{20}"),
    ("cntrl", r"\x{0}-\x{1F}\x{7F}"),
    ("digit", "0-9"),
    ("graph", r"\x{21}-\x{7E}"),
    ("lower", "a-z"),
    ("print", r"\x{20}-\x{7E}"),
    ("punct", r"\x{21}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}"),
    ("space", r"\x{9}-\x{D}\x{20}"),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_all: bool,
}

/// One thing that an operator of repetition can follow.
struct Item {
    written: String,
    /// The largest product of counted repetitions in it.
    repeats: u32,
}

/// A group, or the whole: alternatives that are done, and the items of the one being read.
#[derive(Default)]
struct Group {
    done: String,
    items: Vec<Item>,
    repeats: u32,
    /// Those outside, to come back to.
    flags: Flags,
}

impl Group {
    fn alternative(&mut self) {
        for item in self.items.drain(..) {
            self.done.push_str(&item.written);
            self.repeats = self.repeats.max(item.repeats);
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    flags: Flags,
    groups: Vec<Group>,
    names: Vec<&'a str>,
}

/// The same expression in the library's words.
fn translate(pattern: &str) -> Result<String, String> {
    let mut parser =
        Parser { rest: pattern, flags: Flags::default(), groups: vec![Group::default()], names: Vec::new() };
    let mut repeated = false;
    while let Some(c) = parser.rest.chars().next() {
        repeated = parser.one(c, repeated)?;
    }
    match (parser.groups.pop(), parser.groups.is_empty()) {
        (Some(mut whole), true) => {
            whole.alternative();
            Ok(whole.done)
        }
        _ => Err("missing closing )".to_owned()),
    }
}

impl<'a> Parser<'a> {
    /// Reads what begins with `c`. Says whether it was an operator of repetition; `repeated`: the one before was.
    fn one(&mut self, c: char, repeated: bool) -> Result<bool, String> {
        match c {
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => {
                self.take(1);
                self.group()?.alternative();
                self.group()?.done.push('|');
            }
            '*' | '+' | '?' => {
                let before = self.rest;
                self.take(1);
                return self.repeat(before, &c.to_string(), 1, repeated);
            }
            '{' => match self.counts() {
                Some((len, min, max)) => {
                    let before = self.rest;
                    self.take(len);
                    let bad =
                        min > PATTERN_REPEATS_MAX || max.is_some_and(|max| max > PATTERN_REPEATS_MAX || min > max);
                    if bad {
                        return Err(format!("invalid repeat count: `{}`", before.get(..len).unwrap_or_default()));
                    }
                    let most = max.map_or(String::new(), |max| max.to_string());
                    let operator = if max == Some(min) { format!("{{{min}}}") } else { format!("{{{min},{most}}}") };
                    return self.repeat(before, &operator, max.unwrap_or(min).max(1), repeated);
                }
                None => self.literal_next()?,
            },
            '^' | '$' => {
                self.take(1);
                let written = match (c, self.flags.lines) {
                    ('^', true) => "(?m:^)",
                    ('^', false) => r"\A",
                    (_, true) => "(?m:$)",
                    (_, false) => r"\z",
                };
                self.push(written.to_owned())?;
            }
            '.' => {
                self.take(1);
                let written = if self.flags.dot_all { r"[\x{0}-\x{10FFFF}]" } else { r"[^\n]" };
                self.push(written.to_owned())?;
            }
            '[' => self.class()?,
            '\\' => self.escaped()?,
            _ => self.literal_next()?,
        }
        Ok(false)
    }

    fn take(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn group(&mut self) -> Result<&mut Group, String> {
        self.groups.last_mut().ok_or_else(|| "unexpected )".to_owned())
    }

    fn push(&mut self, written: String) -> Result<(), String> {
        self.group()?.items.push(Item { written, repeats: 1 });
        Ok(())
    }

    fn literal(&mut self, c: u32) -> Result<(), String> {
        let folded = self.folded(character(c));
        self.push(folded)
    }

    fn literal_next(&mut self) -> Result<(), String> {
        match self.rest.chars().next() {
            Some(c) => {
                self.take(c.len_utf8());
                self.literal(u32::from(c))
            }
            None => Ok(()),
        }
    }

    fn folded(&self, written: String) -> String {
        if self.flags.fold { format!("(?i:{written})") } else { written }
    }

    fn repeat(&mut self, before: &str, operator: &str, times: u32, repeated: bool) -> Result<bool, String> {
        // How much is taken first makes no difference to whether the whole matches.
        if self.rest.starts_with('?') {
            self.take(1);
        }
        let shown: String = before.chars().take(12).collect();
        if repeated {
            return Err(format!("invalid nested repetition operator: at `{shown}`"));
        }
        let Some(item) = self.group()?.items.last_mut() else {
            return Err(format!("missing argument to repetition operator: at `{shown}`"));
        };
        item.repeats = item.repeats.saturating_mul(times);
        if item.repeats > PATTERN_REPEATS_MAX {
            return Err(format!("invalid repeat count: nested, more than {PATTERN_REPEATS_MAX}: at `{shown}`"));
        }
        item.written = format!("(?:{}){operator}", item.written);
        Ok(true)
    }

    /// `{n}`, `{n,}` or `{n,m}` that is next: its length, least and most; none if it is no such thing, and then it is text.
    fn counts(&self) -> Option<(usize, u32, Option<u32>)> {
        let (inside, _) = self.rest.strip_prefix('{')?.split_once('}')?;
        let number = |text: &str| {
            let plain =
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            plain.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
        };
        let (min, max) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Some((inside.len().checked_add(2)?, min, max))
    }

    fn open(&mut self) -> Result<(), String> {
        let outside = self.flags;
        if let Some(rest) = self.rest.strip_prefix("(?") {
            let named = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<'));
            if let Some(named) = named {
                let (name, rest) = named.split_once('>').ok_or("invalid named capture")?;
                let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if !plain || self.names.contains(&name) {
                    return Err("invalid named capture, or the same name twice".to_owned());
                }
                self.names.push(name);
                self.rest = rest;
            } else if !self.flags(rest)? {
                return Ok(());
            }
        } else {
            self.take(1);
        }
        if self.groups.len() > PATTERN_DEPTH_MAX as usize {
            return Err(format!("nests deeper than {PATTERN_DEPTH_MAX} levels"));
        }
        self.groups.push(Group { flags: outside, ..Group::default() });
        Ok(())
    }

    /// Reads `i-s:` or `i-s)`. Whether a group begins with it.
    fn flags(&mut self, rest: &'a str) -> Result<bool, String> {
        let bad = || "invalid or unsupported Perl syntax".to_owned();
        let (mut on, mut named, mut flags) = (true, false, self.flags);
        for (at, c) in rest.char_indices() {
            match c {
                'i' => (flags.fold, named) = (on, true),
                'm' => (flags.lines, named) = (on, true),
                's' => (flags.dot_all, named) = (on, true),
                'U' => named = true,
                '-' if on => (on, named) = (false, false),
                ':' | ')' if on || named => {
                    self.flags = flags;
                    self.rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
                    // The flags outside are kept by the group; those of `(?i)` last to the end of the one we are in.
                    return Ok(c == ':');
                }
                _ => return Err(bad()),
            }
        }
        Err(bad())
    }

    fn close(&mut self) -> Result<(), String> {
        self.take(1);
        let mut inner = match self.groups.pop() {
            Some(inner) if !self.groups.is_empty() => inner,
            _ => return Err("unexpected )".to_owned()),
        };
        inner.alternative();
        self.flags = inner.flags;
        let item = Item { written: format!("(?:{})", inner.done), repeats: inner.repeats.max(1) };
        self.group()?.items.push(item);
        Ok(())
    }

    /// What begins with a backslash, outside of sets.
    fn escaped(&mut self) -> Result<(), String> {
        if let Some(quoted) = self.rest.strip_prefix(r"\Q") {
            // Left open it would swallow the end of the group that Alertmanager puts around.
            let (text, rest) = quoted.split_once(r"\E").ok_or(r"\Q without \E")?;
            self.rest = rest;
            return text.chars().try_for_each(|c| self.literal(u32::from(c)));
        }
        let anchor = match self.rest.get(..2) {
            Some(r"\A") => Some(r"\A"),
            Some(r"\z") => Some(r"\z"),
            Some(r"\b") => Some(r"(?-u:\b)"),
            Some(r"\B") => Some(r"(?-u:\B)"),
            _ => None,
        };
        if let Some(anchor) = anchor {
            self.take(2);
            return self.push(anchor.to_owned());
        }
        let written = match self.set()? {
            Some(set) => format!("[{set}]"),
            None => character(self.escape()?),
        };
        let folded = self.folded(written);
        self.push(folded)
    }

    /// `\d`, `\pL` and their like, as parts of a set; none if something else is next.
    fn set(&mut self) -> Result<Option<String>, String> {
        let perl = match self.rest.get(..2) {
            Some(r"\d") => "[0-9]",
            Some(r"\D") => "[^0-9]",
            Some(r"\w") => "[0-9A-Za-z_]",
            Some(r"\W") => "[^0-9A-Za-z_]",
            Some(r"\s") => r"[\t\n\x{C}\r\x{20}]",
            Some(r"\S") => r"[^\t\n\x{C}\r\x{20}]",
            Some(r"\p" | r"\P") => return self.property().map(Some),
            _ => return Ok(None),
        };
        self.take(2);
        Ok(Some(perl.to_owned()))
    }

    fn property(&mut self) -> Result<String, String> {
        let mut positive = self.rest.starts_with(r"\p");
        let rest = self.rest.get(2..).unwrap_or_default();
        let (name, rest) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').ok_or("invalid character class range: } is missing")?,
            None => rest.split_at(rest.chars().next().map_or(0, char::len_utf8)),
        };
        self.rest = rest;
        let name = match name.strip_prefix('^') {
            Some(name) => {
                positive = !positive;
                name
            }
            None => name,
        };
        let bad = || format!("invalid character class range: `\\p{{{}}}`", name.chars().take(40).collect::<String>());
        let written = match name {
            "Any" => r"\x{0}-\x{10FFFF}".to_owned(),
            "C" => r"\p{Cc}\p{Cf}\p{Co}".to_owned(),
            "Cs" => NOTHING.to_owned(),
            name if CATEGORIES.contains(&name) => format!(r"\p{{{name}}}"),
            name if is_script(name) => format!(r"\p{{Script={name}}}"),
            _ => return Err(bad()),
        };
        Ok(if positive { format!("[{written}]") } else { format!("[^{written}]") })
    }

    fn class(&mut self) -> Result<(), String> {
        self.take(1);
        let mut written = String::from("[");
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            written.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some(posix) = self.posix()? {
                written.push_str(&posix);
                continue;
            }
            if let Some(set) = self.set()? {
                written.push_str(&set);
                continue;
            }
            let low = self.class_character()?;
            let mut high = low;
            if self.rest.len() > 1 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.take(1);
                high = self.class_character()?;
            }
            if high < low {
                return Err(format!("invalid character class range: {low:#x} to {high:#x}"));
            }
            range(&mut written, low, high);
        }
        self.take(1);
        written.push(']');
        let folded = self.folded(written);
        self.push(folded)
    }

    /// `[:alpha:]` inside a set; none if something else is next.
    fn posix(&mut self) -> Result<Option<String>, String> {
        let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|inside| inside.split_once(":]")) else {
            return Ok(None);
        };
        let (sign, plain) = name.strip_prefix('^').map_or(("", name), |plain| ("^", plain));
        let found = POSIX.iter().find(|(known, _)| *known == plain);
        let (_, set) = found.ok_or_else(|| {
            format!("invalid character class range: `[:{}:]`", name.chars().take(20).collect::<String>())
        })?;
        self.rest = rest;
        Ok(Some(format!("[{sign}{set}]")))
    }

    fn class_character(&mut self) -> Result<u32, String> {
        match self.rest.chars().next() {
            None => Err("missing closing ]".to_owned()),
            Some('\\') => self.escape(),
            Some(c) => {
                self.take(c.len_utf8());
                Ok(u32::from(c))
            }
        }
    }

    /// A backslash and what it stands for.
    fn escape(&mut self) -> Result<u32, String> {
        let shown: String = self.rest.chars().take(4).collect();
        let bad = || format!("invalid escape sequence: `{shown}`");
        let mut rest = self.rest.chars();
        rest.next();
        let c = rest.next().ok_or("trailing backslash at end of expression")?;
        let after = rest.as_str();
        let octal = |count: usize| after.bytes().take(count).take_while(|b| (b'0'..=b'7').contains(b)).count();
        let (value, used) = match c {
            '1'..='7' if octal(1) == 0 => return Err(bad()),
            '0'..='7' => {
                let digits = octal(2);
                let text = format!("{c}{}", after.get(..digits).unwrap_or_default());
                (u32::from_str_radix(&text, 8).map_err(|_| bad())?, digits)
            }
            'x' => hexadecimal(after).ok_or_else(bad)?,
            'a' => (7, 0),
            'f' => (12, 0),
            'n' => (10, 0),
            'r' => (13, 0),
            't' => (9, 0),
            'v' => (11, 0),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => (u32::from(c), 0),
            _ => return Err(bad()),
        };
        self.rest = after.get(used..).unwrap_or_default();
        Ok(value)
    }
}

/// `7F` or `{1F600}`: the number, and how long it is.
fn hexadecimal(text: &str) -> Option<(u32, usize)> {
    let (digits, used) = match text.strip_prefix('{') {
        Some(inside) => {
            let (digits, _) = inside.split_once('}')?;
            (digits, digits.len().checked_add(2)?)
        }
        None => (text.get(..2)?, 2),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let value = if significant.is_empty() { Some(0) } else { u32::from_str_radix(significant, 16).ok() };
    value.filter(|value| *value <= u32::from(char::MAX)).map(|value| (value, used))
}

/// One character. A surrogate is none that a text could have.
fn character(c: u32) -> String {
    match char::from_u32(c) {
        Some(c) if c.is_ascii_alphanumeric() => c.to_string(),
        Some(_) => format!(r"\x{{{c:X}}}"),
        None => NOTHING.to_owned(),
    }
}

/// A range inside a set, around the surrogates.
fn range(written: &mut String, low: u32, high: u32) {
    const SURROGATES: (u32, u32) = (0xD800, 0xDFFF);
    let parts = [(low, high.min(SURROGATES.0 - 1)), (low.max(SURROGATES.1 + 1), high)];
    for (low, high) in parts.into_iter().filter(|(low, high)| low <= high) {
        written.extend([format!(r"\x{{{low:X}}}-\x{{{high:X}}}")]);
    }
    if (SURROGATES.0..=SURROGATES.1).contains(&low) && high <= SURROGATES.1 {
        written.push_str(NOTHING);
    }
}

/// Whether it is a script's name as Go writes it: `Greek`, `Old_Italic`. The library takes short names too, and any case.
fn is_script(name: &str) -> bool {
    SCRIPTS.split_ascii_whitespace().any(|known| known == name)
}

/// The scripts of Unicode 15, by their long names.
const SCRIPTS: &str = "\
    Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform \
    Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic \
    Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew \
    Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi \
    Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian \
    Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive \
    Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu \
    Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian \
    Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician \
    Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo \
    Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan \
    Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, value: &str) -> bool {
        compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(value.as_bytes())
    }

    /// Each as Alertmanager 0.25.0 answers.
    #[test]
    fn expressions_mean_what_they_mean_in_alertmanager() {
        for (pattern, yes, no) in [
            ("a.b", "axb", "a\nb"),
            ("(?s)a.b", "a\nb", "ab"),
            (r"\Qa.b\E", "a.b", "axb"),
            (r"\Qa|b\E*", "a|bbb", "a"),
            (r"\d+", "12", "٣"),
            (r"\w+", "a_9", "é"),
            (r"\s", "\t", "\u{a0}"),
            (r"\s", " ", "\u{b}"),
            (r"\pL+", "éλ", "9"),
            (r"\p{Greek}", "λ", "l"),
            (r"\p{^Greek}", "l", "λ"),
            (r"\P{Lu}", "a", "A"),
            ("(?i)STRASSE", "strasse", "straße"),
            ("(?i)k", "\u{212a}", "x"),
            ("(?i:a)b", "Ab", "AB"),
            ("((?i)a)b", "Ab", "AB"),
            ("[a-z&&[^b]]", "b]", "b"),
            ("[]a]", "]", "b"),
            ("[^a]", "\n", "a"),
            ("[a~~b]", "~", "c"),
            ("[[:^alpha:]]", "9", "a"),
            (r"\x41\x{1F600}\101", "A😀A", "A"),
            (r"\bab\b", "ab", "ab "),
            (r"a\B.", "ab", "a-"),
            (r"é\Bé", "éé", "é"),
            ("a{,2}", "a{,2}", "a"),
            ("a{2,3}?", "aaa", "a"),
            ("a|b|", "", "c"),
            ("^a$", "a", "a\n"),
            ("(?m)a$(?s:.)^b", "a\nb", "ab"),
            ("(?U)a+", "aaa", ""),
            (r"\_\-\/", "_-/", "x"),
        ] {
            assert!(matches(pattern, yes) && !matches(pattern, no), "{pattern}");
        }
    }

    #[test]
    fn what_alertmanager_refuses_is_refused() {
        for bad in [
            "(",
            ")",
            "a)|(b",
            r"\Qa",
            "[a",
            "[z-a]",
            "[a--b]",
            "a++",
            "a**",
            "*a",
            "a|*",
            "(*)",
            "x{2}{3}",
            "a{1001}",
            "a{2,1}",
            "(a{100}){11}",
            "(?=a)",
            "(?x)a",
            "(?u)a",
            "(?-u)a",
            "(?#c)a",
            "(?P=x)",
            "(?P<x>a)(?P<x>b)",
            "(?i-)a",
            r"\C",
            r"\h",
            r"\u0041",
            r"\e",
            r"\ä",
            r"\x7",
            r"\x{110000}",
            r"\8",
            r"\1",
            r"\Z",
            r"[\b]",
            r"[a-\d]",
            r"[\Q]\E]",
            "[[:foo:]]",
            r"\p{Letter}",
            r"\p{greek}",
            r"\p{Script=Greek}",
            r"\p{Grek}",
            r"\pX",
            r"\",
            r"\p{L",
        ] {
            assert!(compile(bad).is_err(), "{bad}");
        }
        assert!(
            compile(&"(".repeat(20_000)).is_err()
                && compile(&format!("{}{}", "(".repeat(900), ")".repeat(900))).is_err()
        );
        assert!(compile(&format!("{}a{}", "(".repeat(200), ")".repeat(200))).is_ok());
    }

    #[test]
    fn a_long_alternation_is_taken() {
        let hosts: Vec<String> = (0..700).map(|host| format!("node-{host:04}\\.example")).collect();
        let pattern = hosts.join("|");
        assert!(matches(&pattern, "node-0699.example") && !matches(&pattern, "node-0700.example"));
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_an_error(pattern in r"[a-c\\()\[\]{}*+?|^$.\-:,0-9pPLiwdsQEbBxé]{0,24}", value in ".{0,8}") {
            // What we take, the library takes: nothing is written that it does not know.
            match translate(&pattern) {
                Ok(written) => {
                    let built = compile(&pattern);
                    let too_big = built.as_ref().is_err_and(|error| error.starts_with("compiled it is larger"));
                    prop_assert!(built.is_ok() || too_big, "{pattern} as {written}: {built:?}");
                    drop(built.map(|built| built.is_match(value.as_bytes())));
                }
                Err(error) => prop_assert!(!error.is_empty()),
            }
        }
    }
}
