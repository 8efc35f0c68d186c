#!/usr/bin/env bash
# serde 1.0.229, serde_json 1.0.154: an enum with its tag inside writes what it cannot read.
#
# Expected: what `#[derive(Serialize, Deserialize)]` writes, the same derive reads.
# Seen: under `#[serde(tag = "…")]`, `flatten` and `untagged` a `u128` is written and never read again, however small it is, and a
# map with numbers as keys neither. With the tag beside the content (`tag`, `content`) it depends on the order of two keys in the
# text: with the tag first it is read, with the content first it is not. And `serde_json::Value` reads an integer of 65 bits as a
# floating-point number, without an error.
# For us: stored events carry their tag inside. Amounts in them are at most 64 bits, or text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "tagged"
version = "0.0.0"
edition = "2024"
[dependencies]
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = "=1.0.154"
[workspace]
TOML
cat >src/main.rs <<'RUST'
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(tag = "type")]
enum Inside { Amount { wei: u128 }, Counts { by_tier: BTreeMap<u64, u64> } }

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(tag = "type", content = "content")]
enum Beside { Counts { by_tier: BTreeMap<u64, u64> } }

fn again<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    let read = serde_json::from_str::<T>(&text).map(|read| read == *value).map_err(|error| error.to_string());
    format!("{text} {read:?}")
}

fn main() {
    let by_tier = BTreeMap::from([(1, 2)]);
    println!("{}", again(&Inside::Amount { wei: 5 }));
    println!("{}", again(&Inside::Counts { by_tier: by_tier.clone() }));
    println!("{}", again(&Beside::Counts { by_tier }));
    println!("{}", serde_json::from_str::<Beside>(r#"{"content":{"by_tier":{"1":2}},"type":"Counts"}"#).is_ok());
    println!("{}", serde_json::from_str::<serde_json::Value>("18446744073709551617").unwrap());
}
RUST
seen=$(cargo run --quiet)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
{"type":"Amount","wei":5} Err("u128 is not supported")
{"type":"Counts","by_tier":{"1":2}} Err("invalid type: string \"1\", expected u64")
{"type":"Counts","content":{"by_tier":{"1":2}}} Ok(true)
false
1.8446744073709552e+19
SEEN
