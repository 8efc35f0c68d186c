//! Learned models from end to end: one form whatever told us, nobody's name in the numbers, what is kept is what was learnt.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice, reason = "tests")]

use quarterdeck_core::chain::{Block, Transaction};
use quarterdeck_detect::models::{
    examples::{self, Example},
    features,
    model::{Model, ModelError},
    normal::Normal,
};
use quarterdeck_formats::evm::{Recorded, decode_call_trace, sniff};

/// A vault that pays twice because it is asked again while it waits, with all that a tree may hold.
const TREE: &str = r#"{"type":"CALL","from":"0xSENDER","to":"0xMACHINE","value":"0x0","gas":"0x5208","gasUsed":"0x1","input":"0x01020304","output":"0x01","calls":[
  {"type":"STATICCALL","from":"0xMACHINE","to":"0xTOKEN","input":"0x70a08231000000000000000000000000VAULT","output":"0x64","calls":[
    {"type":"DELEGATECALL","from":"0xTOKEN","to":"0xVAULT","input":"0x70a08231"}]},
  {"type":"CALL","from":"0xMACHINE","to":"0x0000000000000000000000000000000000000001","value":"0x0","input":"0x00"},
  {"type":"CALL","from":"0xMACHINE","to":"0xVAULT","value":"0x0","input":"0x2e1a7d4d0000000000000000000000000000000000000000000000000000000000000005","calls":[
    {"type":"CALL","from":"0xVAULT","to":"0xMACHINE","value":"0x5","input":"0x","calls":[
      {"type":"CALL","from":"0xMACHINE","to":"0xVAULT","value":"0x0","input":"0x3ccfd60b","calls":[
        {"type":"CALL","from":"0xVAULT","to":"0xTOKEN","value":"0x0","input":"0xa9059cbb000000000000000000000000MACHINE0000000000000000000000000000000000000000000000000000000000000007"}]}]}]},
  {"type":"CALL","from":"0xMACHINE","to":"0xTOKEN","value":"0x0","input":"0xdeadbeef","error":"execution reverted"}]}"#;

/// The same as a node that gives flat traces tells it.
const FLAT: &str = r#"{"block_number":7,"miner":"0xSENDER","base_fee_per_gas":0,"receipts":[],"traces":[
 {"action":{"callType":"call","from":"0xSENDER","to":"0xMACHINE","gas":"0x1","input":"0x01020304","value":"0x0"},"result":{"gas_used":"0x1","output":"0x"},"subtraces":3,"trace_address":[],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"},
 {"action":{"callType":"staticcall","from":"0xMACHINE","to":"0xTOKEN","gas":"0x1","input":"0x70a08231000000000000000000000000VAULT","value":"0x0"},"result":{"gasUsed":"0x1","output":"0x64"},"subtraces":0,"trace_address":[0],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"},
 {"action":{"callType":"call","from":"0xMACHINE","to":"0xVAULT","gas":"0x1","input":"0x2e1a7d4d0000000000000000000000000000000000000000000000000000000000000005","value":"0x0"},"result":{"gas_used":"0x1","output":"0x"},"subtraces":1,"trace_address":[1],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"},
 {"action":{"callType":"call","from":"0xVAULT","to":"0xMACHINE","gas":"0x1","input":"0x","value":"0x5"},"result":{"gas_used":"0x1","output":"0x"},"subtraces":1,"trace_address":[1,0],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"},
 {"action":{"callType":"call","from":"0xMACHINE","to":"0xVAULT","gas":"0x1","input":"0x3ccfd60b","value":"0x0"},"result":{"gas_used":"0x1","output":"0x"},"subtraces":1,"trace_address":[1,0,0],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"},
 {"action":{"callType":"call","from":"0xVAULT","to":"0xTOKEN","gas":"0x1","input":"0xa9059cbb000000000000000000000000MACHINE0000000000000000000000000000000000000000000000000000000000000007","value":"0x0"},"result":{"gas_used":"0x1","output":"0x"},"subtraces":0,"trace_address":[1,0,0,0],"transaction_hash":"0xHASH","transaction_position":0,"block_number":7,"block_hash":"0xHASH","type":"call"}]}"#;

/// A text with these bytes for the parties, each twenty times.
fn cast(text: &str, [sender, machine, vault, token]: [&str; 4]) -> String {
    let text = [("SENDER", sender), ("MACHINE", machine), ("VAULT", vault), ("TOKEN", token)]
        .iter()
        .fold(text.to_owned(), |text, (name, byte)| text.replace(name, &byte.repeat(20)));
    text.replace("HASH", &"ab".repeat(32))
}

fn of_tree(text: &str) -> Normal {
    let calls = decode_call_trace(text.as_bytes()).unwrap().calls;
    let transaction = Transaction { from: calls[0].from, to: calls[0].to, calls, ..Transaction::default() };
    Normal::of(&Block::default(), &transaction)
}

fn of_flat(text: &str) -> Normal {
    let Recorded::Block(block) = sniff("7.json", text.as_bytes(), Some(1)).unwrap() else { panic!("no block") };
    Normal::of(&block, &block.transactions[0])
}

const PARTIES: [&str; 4] = ["a1", "b2", "c3", "d4"];

#[test]
fn a_tree_and_flat_traces_of_one_transaction_have_one_normal_form() {
    let (tree, flat) = (of_tree(&cast(TREE, PARTIES)), of_flat(&cast(FLAT, PARTIES)));
    assert_eq!(tree, flat);
    // The machine is called, asks the vault, is paid, asks again, and the vault pays a token.
    assert_eq!((tree.steps.len(), tree.moves.len()), (5, 2));
}

#[test]
fn nobodys_name_is_in_the_numbers() {
    let known = features::of(&of_tree(&cast(TREE, PARTIES)));
    let others = features::of(&of_tree(&cast(TREE, ["9f", "81", "7e", "63"])));
    assert_eq!(known, others);
    assert_eq!(known.len(), features::COUNT);
    assert!(known.iter().all(|value| value.is_finite()));
}

#[test]
fn a_number_that_comes_to_mean_something_else_makes_old_models_useless() {
    let names: Vec<&str> = features::all().map(|feature| feature.name).collect();
    let values = features::of(&of_tree(&cast(TREE, PARTIES)));
    let told: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("{name} {value:.9}")).collect();
    // Whoever has to change this raises `features::VERSION`.
    insta::assert_snapshot!(format!("version {}\n{}", features::VERSION, told.join("\n")));
}

#[test]
fn every_number_has_words_of_its_own_for_high_and_low() {
    let mut words = std::collections::BTreeSet::new();
    for feature in features::all() {
        assert!(words.insert(feature.name) && words.insert(feature.high) && words.insert(feature.low), "{feature:?}");
        assert!(!feature.high.contains('_') && !feature.high.ends_with('.') && feature.high.len() > 8, "{feature:?}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads what the scenarios use")]
fn the_model_of_the_scenarios_is_the_one_made_by_hand() {
    let made = Model::by_hand().written().unwrap();
    let here = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("theft.model.json");
    std::fs::write(&here, &made).unwrap();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/detectors/theft.model.json");
    assert!(std::fs::read(kept).is_ok_and(|kept| kept == made), "copy {} to {kept}", here.display());
}

/// Ordinary examples of little, thefts of much; some of each in the middle.
fn made_up() -> Vec<Example> {
    let example = |number: u32| {
        let theft = number.is_multiple_of(10);
        let mut features = vec![0.0; features::COUNT];
        for (place, value) in features.iter_mut().enumerate() {
            let noise = f64::from(number.wrapping_mul(2_654_435_761).rotate_left(u32::try_from(place).unwrap()) % 97);
            *value = noise / 97.0 + if theft && place < 3 && !number.is_multiple_of(50) { 1.5 } else { 0.0 };
        }
        Example {
            name: number.to_string(),
            theft,
            day: i64::from(number),
            group: u64::from(number.wrapping_mul(2_654_435_761) >> 7),
            features,
            ..Example::default()
        }
    };
    (0..300).map(example).collect()
}

#[test]
fn what_is_kept_is_what_was_learnt_and_the_same_examples_give_the_same_model() {
    let all = made_up();
    let model = Model::learn(&all, 1).unwrap();
    let mut turned = all.clone();
    turned.reverse();
    assert_eq!(model.card.digest, examples::digest(&turned).to_string());
    assert_eq!(model, Model::learn(&all, 1).unwrap());
    let read = Model::read(&model.written().unwrap()).unwrap();
    let form = of_tree(&cast(TREE, PARTIES));
    let (before, after) = (model.verdict(&form), read.verdict(&form));
    assert!((before.score - after.score).abs() < 1e-9);
    assert_eq!(before.reasons, after.reasons);
    // Four of five thefts stand out; what a model says of what it had not seen shows it.
    assert_eq!((model.card.thefts, model.card.ordinary), (30, 270));
    assert!((20..=28).contains(&model.card.found_at_percent), "{}", model.card.found_at_percent);
}

#[test]
fn a_model_that_does_not_fit_is_refused() {
    let model = Model::by_hand();
    let text = String::from_utf8(model.written().unwrap()).unwrap();
    let read = |text: String| Model::read(text.as_bytes());
    let version = format!("\"features_version\":{}", features::VERSION);
    assert!(matches!(read(text.replace(&version, "\"features_version\":999")), Err(ModelError::Version(999))));
    assert!(matches!(read(text.replace("quarterdeck-model-1", "another")), Err(ModelError::Form(_))));
    assert!(matches!(read(text.replace("\"depth\"", "\"weight\"")), Err(ModelError::Unsound)));
    // A question that leads back to itself would never end.
    assert!(matches!(read(text.replacen("\"low\":1,", "\"low\":0,", 1)), Err(ModelError::Unsound)));
    assert!(matches!(read(text[..text.len() / 2].to_owned()), Err(ModelError::Unreadable(_))));
    assert!(matches!(Model::learn(&made_up()[..20], 1), Err(ModelError::TooFew { thefts: 2, ordinary: 18 })));
}
