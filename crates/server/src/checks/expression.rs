//! A condition in the Common Expression Language, as an operator writes it: `status == 200 && json.paused == false`. It is read when the
//! configuration is, names only what its check knows, and its cost is bounded: in length, in nesting, in loops, and in the values that it
//! runs over. Why this language and this reader: `docs/adr/0103-conditions-in-cel.md`. Tests: below.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use cel::{
    Context, Env, Program, Value,
    common::ast::{EntryExpr, Expr, IdedExpr},
    objects::Key,
};
use quarterdeck_core::near;
use serde_json::Value as Json;

/// Bytes of one condition: a dozen lines; longer ones are a program, and belong into one.
const SOURCE_BYTES_MAX: usize = 2_000;
/// Loops (`all`, `exists`, `map`, `filter` …) of one condition: each runs over all that an answer holds, and within each other they multiply.
const LOOPS_MAX: usize = 2;
/// Values of an answer that a condition runs over: ten thousand steps.
const VALUES_MAX: usize = 10_000;
/// The same where a loop is within another: a million steps, a second's work.
const VALUES_SQUARED_MAX: usize = 1_000;
/// Nesting of an answer that a condition runs over.
const DEPTH_MAX: usize = 64;
/// How the reader calls what a loop collects in. Nobody can write it.
const COLLECTS: char = '@';

/// A condition that was read.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
    named: Arc<BTreeSet<String>>,
    /// Values that it may run over.
    values_max: usize,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
impl Eq for Expression {}

impl Expression {
    /// Reads a condition that may name these.
    pub fn read(source: &str, known: &[&str]) -> Result<Self, String> {
        let bytes = source.len();
        if bytes == 0 || bytes > SOURCE_BYTES_MAX {
            return Err(format!("{bytes} bytes: want 1 to {SOURCE_BYTES_MAX}"));
        }
        let program = Program::compile(source).map_err(|errors| one_line(&errors.to_string()))?;
        let mut walk = Walk { known, scope: Vec::new(), named: BTreeSet::new(), loops: 0, within: 0, deepest: 0 };
        walk.through(&program.expression().expr)?;
        if walk.loops > LOOPS_MAX {
            let loops = walk.loops;
            return Err(format!("{loops} loops: want at most {LOOPS_MAX} of all, exists, exists_one, map, filter"));
        }
        if walk.named.is_empty() {
            return Err(format!("it looks at nothing: want one of {}", known.join(", ")));
        }
        let values_max = if walk.deepest > 1 { VALUES_SQUARED_MAX } else { VALUES_MAX };
        let named = walk.named;
        Ok(Self { source: source.into(), program: Arc::new(program), named: Arc::new(named), values_max })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it looks at this.
    pub fn names(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    /// Whether it holds of these. An error is no answer. May take a while, and must not be asked where others wait for the thread.
    pub fn holds(&self, named: Vec<(&'static str, Json)>) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::new(Env::stdlib()));
        context.add_function("number", number).map_err(|error| error.to_string())?;
        let mut left = self.values_max;
        for (name, json) in named {
            context.add_variable_from_value(
                name,
                value(json, DEPTH_MAX, &mut left).map_err(|why| format!("`{name}`: {why}"))?,
            );
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("`{}` gives {}, neither true nor false", self.source, other.type_of())),
            Err(error) => Err(format!("`{}`: {}", self.source, one_line(&error.to_string()))),
        }
    }
}

/// A walk through a condition: what it names, and how often it loops.
struct Walk<'a> {
    known: &'a [&'a str],
    /// What loops call what they look at.
    scope: Vec<&'a str>,
    named: BTreeSet<String>,
    loops: usize,
    /// In how many loops it is now, and was at most.
    within: usize,
    deepest: usize,
}

impl<'a> Walk<'a> {
    fn through(&mut self, expr: &'a Expr) -> Result<(), String> {
        match expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.through(&select.operand.expr),
            Expr::List(list) => list.elements.iter().try_for_each(|one| self.through(&one.expr)),
            Expr::Call(call) => {
                // Only what a loop collects grows in it: a text that is joined at every step would fill the memory.
                let collects = |one: &IdedExpr| matches!(&one.expr, Expr::Ident(name) if name.starts_with(COLLECTS));
                if call.func_name == "_+_" && self.within > 0 && !call.args.first().is_some_and(collects) {
                    return Err("a sum within a loop: compare without it, or have the answer say the sum".to_owned());
                }
                let target = call.target.iter().map(|target| &target.expr);
                target.chain(call.args.iter().map(|one| &one.expr)).try_for_each(|one| self.through(one))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(made) => made.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(all) => {
                self.loops = self.loops.saturating_add(1);
                self.through(&all.iter_range.expr)?;
                self.within = self.within.saturating_add(1);
                self.deepest = self.deepest.max(self.within);
                let before = self.scope.len();
                self.scope.extend([all.iter_var.as_str(), all.accu_var.as_str()]);
                self.scope.extend(all.iter_var2.as_deref());
                let inner = [&all.accu_init, &all.loop_cond, &all.loop_step, &all.result];
                let walked = inner.into_iter().try_for_each(|one| self.through(&one.expr));
                self.scope.truncate(before);
                self.within = self.within.saturating_sub(1);
                walked
            }
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr) -> Result<(), String> {
        match entry {
            EntryExpr::StructField(field) => self.through(&field.value.expr),
            EntryExpr::MapEntry(entry) => {
                self.through(&entry.key.expr)?;
                self.through(&entry.value.expr)
            }
        }
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        if self.scope.contains(&name) {
            return Ok(());
        }
        if !self.known.contains(&name) {
            return Err(format!("nothing here is called `{name}`: {}", near::remedy(name, self.known, "")));
        }
        self.named.insert(name.to_owned());
        Ok(())
    }
}

/// `number("0x1f")`: what nodes write as a text, in the unit that they use. Beyond what fits it is rounded.
#[expect(clippy::needless_pass_by_value, reason = "the reader of conditions hands its texts over so")]
fn number(text: Arc<String>) -> Result<f64, cel::ExecutionError> {
    let hex = |digits: &str| {
        // `0x` alone is what a node answers for an address with nothing at it: no number, and not zero.
        let digits = Some(digits).filter(|digits| !digits.is_empty())?;
        alloy_primitives::U256::from_str_radix(digits, 16).ok().map(f64::from)
    };
    let read = text.strip_prefix("0x").map_or_else(|| text.parse::<f64>().ok(), hex);
    read.ok_or_else(|| cel::ExecutionError::function_error("number", format!("`{text}` is no number")))
}

fn value(json: Json, depth: usize, left: &mut usize) -> Result<Value, String> {
    *left = left.checked_sub(1).ok_or("more values than a condition runs over: have the answer say less")?;
    let deeper = depth.checked_sub(1).ok_or_else(|| format!("nested deeper than {DEPTH_MAX}"))?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(text)),
        Json::Array(all) => {
            let each = all.into_iter().map(|one| value(one, deeper, left));
            Value::List(Arc::new(each.collect::<Result<_, String>>()?))
        }
        Json::Object(all) => {
            let each = all
                .into_iter()
                .map(|(name, one)| value(one, deeper, left).map(|value| (Key::String(Arc::new(name)), value)));
            Value::Map(each.collect::<Result<HashMap<Key, Value>, String>>()?.into())
        }
    })
}

fn one_line(text: &str) -> String {
    const SHOWN_CHARS: usize = 200;
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: [&str; 3] = ["status", "json", "result"];

    fn holds(source: &str, json: Json) -> Result<bool, String> {
        Expression::read(source, &KNOWN)?.holds(vec![("status", json!(200)), ("json", json), ("result", json!("0x1f"))])
    }

    #[test]
    fn a_condition_is_true_false_or_no_answer() {
        let answer = json!({"paused": false, "heads": [7, 8], "big": u64::MAX, "share": 0.5});
        for (source, want) in [
            ("status == 200 && !json.paused", true),
            ("json.heads.all(head, head > 6)", true),
            ("json.heads.exists(head, head > 8)", false),
            ("number(result) == 31.0", true),
            ("json.share < 0.6 && json.big > 5u", true),
            ("has(json.nothing)", false),
            ("json.heads.map(head, head * 2).size() == 2", true),
            ("json.heads.filter(head, head > 7).size() == 1", true),
        ] {
            assert_eq!(holds(source, answer.clone()), Ok(want), "{source}");
        }
        for (source, why) in [
            ("json.nothing == 1", "No such key"),
            ("json.heads", "neither true nor false"),
            ("json.paused == 1 || json.paused > 2", ""),
            ("number(json.heads[0]) > 1.0", ""),
            ("json.heads[9] == 1", ""),
            ("number('0x') == json.share", "is no number"),
            ("number('0xzz') == json.share", "is no number"),
        ] {
            let error = holds(source, answer.clone()).unwrap_err();
            assert!(error.contains(why), "{source}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake() {
        for (source, why) in [
            ("", "0 bytes"),
            ("statsu == 200", "`status`"),
            ("true", "it looks at nothing"),
            ("json.all(x, (x + x) == x)", "a sum within a loop"),
            ("json.map(x, status + status).size() > 1", "a sum within a loop"),
            ("1 == 1", "it looks at nothing"),
            ("status ==", ""),
            ("json.a.all(x, json.a.all(y, json.a .exists (z, z == y)))", "3 loops"),
        ] {
            let error = Expression::read(source, &KNOWN).unwrap_err();
            assert!(error.contains(why), "{source}: {error}");
        }
        let deep = format!("{}status{} == 1", "(".repeat(500), ")".repeat(500));
        assert!(Expression::read(&deep, &KNOWN).is_err());
        assert!(Expression::read(&format!("status == 1 {}", " ".repeat(3_000)), &KNOWN).is_err());
    }

    #[test]
    fn an_answer_that_is_too_large_or_too_deep_is_no_answer() {
        let many = json!((0..20_000).collect::<Vec<u32>>());
        assert!(holds("json.all(one, one >= 0)", many).unwrap_err().contains("more values than a condition runs over"));
        let some = json!((0..2_000).collect::<Vec<u32>>());
        assert_eq!(holds("json.all(one, one >= 0)", some.clone()), Ok(true));
        assert!(holds("json.all(a, json.exists(b, a == b))", some).is_err(), "one within the other");
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert!(holds("json == 1", deep).unwrap_err().contains("nested deeper"));
    }

    /// Whatever is written: it is a condition or a mistake, and never the end of the program.
    #[test]
    fn nothing_that_is_written_breaks_the_reader() {
        const PARTS: [&str; 34] = [
            "status",
            "json",
            "result",
            ".",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "'",
            "\"",
            "\\",
            "==",
            "&&",
            "||",
            "!",
            "-",
            "+",
            "0",
            "0x",
            "1u",
            "9223372036854775808",
            "1e999",
            "null",
            ".all(x, ",
            ".map(",
            "?",
            ":",
            ",",
            "r'",
            "b\"",
            "é",
            "\u{0}",
        ];
        let mut seed = 7_u64;
        let mut roll = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        let (mut read, mut tried) = (0, 0);
        while tried < 20_000 {
            let length = 1 + roll(9);
            let source: String = (0..length).map(|_| PARTS[roll(PARTS.len())]).collect();
            tried += 1;
            if let Ok(expression) = Expression::read(&source, &KNOWN) {
                read += 1;
                let json = json!({"a": [1, 2], "b": "x"});
                drop(expression.holds(vec![("status", json!(200)), ("json", json), ("result", json!("0x1f"))]));
            }
        }
        assert!(read > 100, "{read} of {tried} are conditions");
    }
}
