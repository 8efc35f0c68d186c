//! A strict pull reader over JSON bytes: no recursion, no intermediate value, one pass.
//!
//! `serde_json` refuses nesting beyond 128, and a call tree of the EVM may nest 1,024 calls of two levels each; lifting its
//! limit would trade a clear error for the stack. This reader keeps the nesting in the caller's hands. It copies nothing:
//! strings are slices of the body unless they hold escapes. Never panics, whatever the bytes. Tests: below and `tests.rs`.

use std::borrow::Cow;

use quarterdeck_core::limits::JSON_DEPTH_MAX;
use serde::de::IgnoredAny;

use super::refused::{CALL_DEPTH_MAX, DecodeError, shorten};

/// Where we are in a body.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What the next value is, from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Object,
    Array,
    String,
    Number,
    Null,
    Bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What comes next, white space skipped.
    pub(super) fn peek(&mut self) -> Result<Next, DecodeError> {
        match self.first()? {
            b'{' => Ok(Next::Object),
            b'[' => Ok(Next::Array),
            b'"' => Ok(Next::String),
            b'-' | b'0'..=b'9' => Ok(Next::Number),
            b'n' => Ok(Next::Null),
            b't' | b'f' => Ok(Next::Bool),
            _ => Err(self.bad("a value")),
        }
    }

    /// Reads `null` if it is next.
    pub(super) fn null(&mut self) -> Result<bool, DecodeError> {
        if self.peek()? == Next::Null { self.word(b"null").map(|()| true) } else { Ok(false) }
    }

    /// Goes into an object. Follow with [`Reader::key`] until it gives none.
    pub(super) fn enter_object(&mut self) -> Result<(), DecodeError> {
        self.byte(b'{', "an object")
    }

    /// The next key of the object we are in; none at its end, which is then consumed. `first`: no key was read yet.
    pub(super) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        if !self.more(first, b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.byte(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Goes into an array. Follow with [`Reader::element`] until it says no.
    pub(super) fn enter_array(&mut self) -> Result<(), DecodeError> {
        self.byte(b'[', "an array")
    }

    /// Whether the array we are in has another element; at its end that is consumed. `first`: none was read yet.
    pub(super) fn element(&mut self, first: &mut bool) -> Result<bool, DecodeError> {
        self.more(first, b']')
    }

    /// Reads an object, handing each key to `each`, which must read the value.
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.enter_object()?;
        let mut first = true;
        while let Some(key) = self.key(&mut first)? {
            each(self, &key)?;
        }
        Ok(())
    }

    /// Reads an array of at most `max` elements, `each` of which must be read by the function.
    pub(super) fn array(
        &mut self,
        what: &'static str,
        max: usize,
        mut each: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.enter_array()?;
        let (mut first, mut count) = (true, 0_usize);
        while self.element(&mut first)? {
            count += 1;
            if count > max {
                return Err(DecodeError::TooMany { what, max });
            }
            each(self)?;
        }
        Ok(())
    }

    /// A string, without its quotes, escapes resolved.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, DecodeError> {
        let (raw, escaped) = self.raw_string()?;
        if !escaped {
            return Ok(Cow::Borrowed(raw));
        }
        let mut quoted = Vec::with_capacity(raw.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(raw);
        quoted.push(b'"');
        match serde_json::from_slice::<String>(&quoted) {
            Ok(text) => Ok(Cow::Owned(text.into_bytes())),
            Err(_) => Err(self.bad("a string with known escapes")),
        }
    }

    /// The digits of a whole number that is not negative.
    pub(super) fn digits(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        self.first()?;
        let start = self.at;
        self.skip_number()?;
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(digits)
        } else {
            Err(DecodeError::bad_value(field, digits, "a whole number, not negative"))
        }
    }

    /// A whole number of at most 64 bits.
    pub(super) fn signed(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.first()?;
        let start = self.at;
        self.skip_number()?;
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| DecodeError::bad_value(field, text, "a whole number of at most 64 bits"))
    }

    /// A boolean.
    pub(super) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.first()? {
            b't' => self.word(b"true").map(|()| true),
            _ => self.word(b"false").map(|()| false),
        }
    }

    /// Passes over one value of any kind, nested at most [`JSON_DEPTH_MAX`] levels.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        self.skip_to(JSON_DEPTH_MAX)
    }

    /// Passes over one value that may hold call trees, each call being an object in an array.
    pub(super) fn skip_deep(&mut self) -> Result<(), DecodeError> {
        self.skip_to(2 * CALL_DEPTH_MAX + JSON_DEPTH_MAX)
    }

    fn skip_to(&mut self, depth_max: usize) -> Result<(), DecodeError> {
        // Whether each level that we are in is an object.
        let mut levels: Vec<bool> = Vec::new();
        let mut first = true;
        loop {
            match self.peek()? {
                next @ (Next::Object | Next::Array) => {
                    if levels.len() >= depth_max {
                        return Err(DecodeError::TooDeep { what: "a value", max: depth_max });
                    }
                    levels.push(next == Next::Object);
                    self.at += 1;
                    first = true;
                }
                Next::String => drop(self.raw_string()?),
                Next::Number => self.skip_number()?,
                Next::Null => self.word(b"null")?,
                Next::Bool => drop(self.bool()?),
            }
            loop {
                let Some(object) = levels.last().copied() else { return Ok(()) };
                let more = if object { self.key(&mut first)?.is_some() } else { self.element(&mut first)? };
                if more {
                    break;
                }
                levels.pop();
                first = false;
            }
        }
    }

    /// Reads one value with `read`, and passes over one that it refuses: what cannot be read costs itself alone. The outer error is
    /// one of the body: behind bytes that are no JSON nothing can be found.
    pub(super) fn attempt<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Result<T, DecodeError>, DecodeError> {
        let before = self.at;
        match read(self) {
            Ok(value) => Ok(Ok(value)),
            Err(why) => {
                self.at = before;
                self.skip_deep()?;
                Ok(Err(why))
            }
        }
    }

    /// Checks that only white space is left.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.bad("the end of the body")) }
    }

    fn more(&mut self, first: &mut bool, close: u8) -> Result<bool, DecodeError> {
        let next = self.first()?;
        if next == close {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::replace(first, false) {
            self.byte(b',', "a comma")?;
        }
        Ok(true)
    }

    fn raw_string(&mut self) -> Result<(&'a [u8], bool), DecodeError> {
        self.byte(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let stop = rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20);
            let Some(stop) = stop else { return Err(DecodeError::Truncated { at: self.bytes.len() }) };
            self.at += stop;
            match rest.get(stop) {
                Some(b'"') => {
                    let raw = self.bytes.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok((raw, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                _ => return Err(self.bad("a string without control characters")),
            }
        }
    }

    fn skip_number(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let plain = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let all = rest.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let leading_zero = plain > 1 && rest.first() == Some(&b'0');
        let text = rest.get(..all).unwrap_or_default();
        let whole = all > 0 && plain == all && !leading_zero;
        // Anything but plain digits is rare: leave the grammar to the library, which looks at no size here.
        if !whole && serde_json::from_slice::<IgnoredAny>(text).is_err() {
            return Err(self.bad("a number"));
        }
        self.at += all;
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), DecodeError> {
        self.first()?;
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.bad("true, false or null"))
    }

    fn byte(&mut self, wanted: u8, what: &'static str) -> Result<(), DecodeError> {
        if self.first()? == wanted {
            self.at += 1;
            return Ok(());
        }
        Err(self.bad(what))
    }

    fn first(&mut self) -> Result<u8, DecodeError> {
        self.space();
        self.bytes.get(self.at).copied().ok_or(DecodeError::Truncated { at: self.bytes.len() })
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn bad(&self, want: &'static str) -> DecodeError {
        let end = self.at.saturating_add(24).min(self.bytes.len());
        let found = self.bytes.get(self.at..end).unwrap_or_default();
        DecodeError::Syntax { at: self.at, found: shorten(found), want }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skip_all(bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.skip()?;
        reader.end()
    }

    #[test]
    fn skips_what_is_json_and_nothing_else() {
        for good in ["{}", "[ ]", " {\"a\" : [1, -2.5e3, true, null, \"\\u00e9\\\"\"]} ", "0", "1e400", "\"é\""] {
            assert_eq!(skip_all(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["", "{", "[1 2]", "[,1]", "{\"a\"}", "tru", "01", "-", "\"\n\"", "{}x", "[1,]", "\"a", "\"\\", "+1"]
        {
            assert!(skip_all(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_recursion() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(skip_all(deep(JSON_DEPTH_MAX).as_bytes()), Ok(()));
        assert!(matches!(skip_all(deep(JSON_DEPTH_MAX + 1).as_bytes()), Err(DecodeError::TooDeep { .. })));
        assert!(matches!(skip_all("[".repeat(100_000).as_bytes()), Err(DecodeError::TooDeep { .. })));
    }

    fn json_text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|b| b.to_string()),
            any::<i64>().prop_map(|n| n.to_string()),
            any::<f64>().prop_map(|n| serde_json::json!(n).to_string()),
            ".{0,12}".prop_map(|s| serde_json::json!(s).to_string())
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(" ,"))),
                proptest::collection::vec((".{0,5}", inner), 0..4).prop_map(|v| {
                    let pairs: Vec<String> =
                        v.into_iter().map(|(k, v)| format!("{}: {v}", serde_json::json!(k))).collect();
                    format!("{{{}}}", pairs.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn skips_every_document(text in json_text()) {
            prop_assert_eq!(skip_all(text.as_bytes()), Ok(()));
        }

        #[test]
        fn refuses_what_the_library_refuses(mut bytes in json_text().prop_map(String::into_bytes), at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let library = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            // Numbers of any size are JSON; the library's own value has no room for all of them.
            let grammar = serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
            // Escapes and UTF-8 of strings that nobody reads are not looked at.
            let plain = bytes.is_ascii() && !bytes.contains(&b'\\');
            match skip_all(&bytes) {
                Ok(()) => prop_assert!(grammar || !plain, "accepted {}", String::from_utf8_lossy(&bytes)),
                Err(_) => prop_assert!(!library, "refused {}", String::from_utf8_lossy(&bytes)),
            }
        }
    }
}
