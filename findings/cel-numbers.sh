#!/usr/bin/env bash
# cel 0.15.0 (Rust), cel-python 0.5.0, @bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0, cel-js 0.8.2: what a condition in the Common Expression
# Language says of amounts.
#
# Expected, by the language's definition: whole numbers have 64 bits and an overflow is an error; division of whole numbers drops the rest;
# 1 and 1.0 are equal, on one line of numbers; `int` reads decimal digits; `has` of a field that is there and null is true.
# Seen: no two of them agree on the nine lines below.
# - cel-js counts in doubles: two amounts that differ by one unit beyond 2^53 are equal, 5 / 2 is 2.5 and nothing overflows.
# - cel compares a whole number and a double by rounding, @bufbuild/cel exactly; cel-python and @marcbachmann/cel-js refuse to.
# - what `1.0` of a JSON document is depends on the reader: a whole number in JavaScript's, so that `j.f == 1` holds there, in Rust
#   because the types compare, and is an error in Python.
# - `int('0x1f')` is 31 for cel-python and @bufbuild/cel, and an error for the others.
# - a literal of 10^20 is an error for cel and cel-python, and a number for the others.
# - `has` of a field that is null is false for @bufbuild/cel, and true for the others.
# For us: amounts are compared by `wallet_balance`, in whole units of any size; `number("0x…")` is a function of ours and says that it rounds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0
npm install --silent --no-audit --no-fund --ignore-scripts @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0 cel-js@0.8.2 >/dev/null

cat >lines.json <<'LINES'
["9007199254740993 == 9007199254740992", "9007199254740993 == 9007199254740992.0", "1 == 1.0", "j.f == 1", "5 / 2 == 2",
 "9223372036854775807 + 1 > 0", "100000000000000000000 > 1", "int('0x1f') == 31", "has(j.n)"]
LINES
cat >judge.py <<'PY'
import json, logging
import celpy
logging.disable(logging.CRITICAL)
environment = celpy.Environment()
names = {"j": celpy.json_to_cel(json.loads('{"f": 1.0, "n": null}'))}
for line in json.load(open("lines.json")):
    try:
        said = str(bool(environment.program(environment.compile(line)).evaluate(names))).lower()
    except Exception:
        said = "error"
    print("cel-python |", line, "|", said)
PY
cat >judge.mjs <<'JS'
import { readFileSync } from "node:fs";
import { run } from "@bufbuild/cel";
import * as marc from "@marcbachmann/cel-js";
import * as plain from "cel-js";
const names = { j: JSON.parse('{"f": 1.0, "n": null}') };
const readers = { "@bufbuild/cel": run, "@marcbachmann/cel-js": marc.evaluate, "cel-js": plain.evaluate };
for (const [name, read] of Object.entries(readers))
  for (const line of JSON.parse(readFileSync("lines.json"))) {
    let said = "error";
    try { const value = read(line, names); if (typeof value === "boolean") said = String(value); } catch {}
    console.log(name, "|", line, "|", said);
  }
JS
mkdir -p rust/src
cat >rust/Cargo.toml <<'TOML'
[package]
name = "judge"
version = "0.0.0"
edition = "2021"
[dependencies]
cel = { version = "=0.15.0", default-features = false, features = ["json"] }
serde_json = "1"
TOML
cat >rust/src/main.rs <<'RUST'
use cel::{to_value, Context, Program, Value};
fn main() {
    let lines: Vec<String> = serde_json::from_str(include_str!("../../lines.json")).unwrap();
    for line in lines {
        let mut names = Context::default();
        let json: serde_json::Value = serde_json::from_str(r#"{"f": 1.0, "n": null}"#).unwrap();
        names.add_variable_from_value("j", to_value(json).unwrap());
        let said = match Program::compile(&line).ok().and_then(|program| program.execute(&names).ok()) {
            Some(Value::Bool(holds)) => holds.to_string(),
            _ => "error".to_owned(),
        };
        println!("cel | {line} | {said}");
    }
}
RUST
seen=$(cd rust && cargo run --quiet; cd ..; python/bin/python judge.py; node judge.mjs)
# One row for each line: cel, cel-python, @bufbuild/cel, @marcbachmann/cel-js, cel-js.
seen=$(awk -F ' [|] ' '{ if (!($2 in row)) order[++count] = $2; row[$2] = row[$2] " " $3 }
  END { for (i = 1; i <= count; i++) print order[i] " |" row[order[i]] }' <<<"$seen")
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
9007199254740993 == 9007199254740992 | false false false false true
9007199254740993 == 9007199254740992.0 | true error false error true
1 == 1.0 | true error true error true
j.f == 1 | true error true true true
5 / 2 == 2 | true true true true false
9223372036854775807 + 1 > 0 | error error error error true
100000000000000000000 > 1 | error error true true true
int('0x1f') == 31 | error true true error error
has(j.n) | true true false true true
SEEN
