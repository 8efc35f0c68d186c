//! Chain sources and detector parameters.

use std::collections::BTreeMap;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::ChainId,
    detector::{ParamError, Params},
    near,
};
use quarterdeck_detect::detectors::DETECTORS;
use quarterdeck_sources::{
    Balances, ChainSource, SOURCES, SourceKind,
    setting::{Form, SettingError, Settings, Value},
};

use super::Mistakes;

use crate::config::shape;

/// Keys of a source that are no setting of its kind.
const OWN_KEYS: [&str; 3] = ["id", "kind", "chain"];

/// Every source, of whatever kind. One that names no kind is of the first of THE LIST, as all were before there were kinds.
pub(super) fn sources(sections: &[shape::SourceSection], mistakes: &mut Mistakes<'_>) -> Vec<ChainSource> {
    sections.iter().enumerate().filter_map(|(nth, section)| source(nth, section, mistakes)).collect()
}

fn source(nth: usize, section: &shape::SourceSection, mistakes: &mut Mistakes<'_>) -> Option<ChainSource> {
    let place = |key| ("source", nth, key);
    let kind = match section.0.get("kind") {
        None => SOURCES.first().copied(),
        Some(value) => {
            let word = value.get_ref().as_str().unwrap_or_default();
            let found = SOURCES.iter().copied().find(|kind| kind.id() == word);
            if found.is_none() {
                let known: Vec<&str> = SOURCES.iter().map(|kind| kind.id()).collect();
                let what = format!("`{}` is no kind of source", value.get_ref().to_string().trim_matches('"'));
                mistakes.add("source", nth, "kind", what, &format!("write one of: {}", known.join(", ")));
            }
            found
        }
    }?;
    let known: Vec<&str> = OWN_KEYS.into_iter().chain(kind.settings().iter().map(|spec| spec.name)).collect();
    let strange: Vec<&str> = section.0.keys().map(String::as_str).filter(|key| !known.contains(key)).collect();
    if !strange.is_empty() {
        // What was misspelt would be missed as well.
        for key in strange {
            let remedy = near::remedy(key, &known, "remove the key");
            mistakes.add(
                "source",
                nth,
                key,
                format!("a source of kind `{}` has no setting `{key}`", kind.id()),
                &remedy,
            );
        }
        return None;
    }
    let id = if let Some(text) = section.text("id") {
        mistakes.name(text.get_ref(), place("id"))
    } else {
        mistakes.add("source", nth, "id", "a source needs a name", "add `id = \"own-node\"`");
        None
    };
    let chain = chain(nth, section, kind, mistakes);
    let mut given = BTreeMap::new();
    let mut good = true;
    for (key, value) in section.0.iter().filter(|(key, _)| !OWN_KEYS.contains(&key.as_str())) {
        let form = kind.settings().iter().find(|spec| spec.name == key).map(|spec| spec.form);
        match value_of(form, value.get_ref(), place(key), mistakes) {
            Some(value) => drop(given.insert(key.clone(), value)),
            None => good = false,
        }
    }
    if !good {
        return None;
    }
    let settings = Settings::of(kind.settings(), given).map_err(|error| wrong(nth, kind, &error, mistakes)).ok()?;
    let source = ChainSource { id: id?, kind, chain: chain?, settings, balances: Balances::default() };
    source.kind.open(&source).map_err(|error| wrong(nth, kind, &error, mistakes)).ok()?;
    Some(source)
}

fn chain(
    nth: usize,
    section: &shape::SourceSection,
    kind: &dyn SourceKind,
    mistakes: &mut Mistakes<'_>,
) -> Option<ChainId> {
    let (found, remedy) = match section.0.get("chain").map(toml::Spanned::get_ref) {
        None => (Err("a source needs its chain".to_owned()), "add `chain = 1` for Ethereum"),
        Some(toml::Value::Integer(number)) => {
            let number = u64::try_from(*number).map_err(|_| format!("`{number}` is no chain"));
            (number.map(ChainId::evm), "write the number of the chain by EIP-155")
        }
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (text.parse::<ChainId>().map_err(|error| error.to_string()), "write the number of the chain by EIP-155")
        }
    };
    let found = mistakes.take(found, ("source", nth, "chain"), remedy)?;
    if found.family() != kind.reads() {
        let what = format!("`{found}` is no {} chain, and kind `{}` reads only those", kind.reads().word(), kind.id());
        mistakes.add("source", nth, "chain", what, "choose a kind that reads this chain");
        return None;
    }
    Some(found)
}

/// A value in the form that its setting has. What is in another form is left as it is, so that the kind says what it wants.
fn value_of(
    form: Option<Form>,
    value: &toml::Value,
    place: (&str, usize, &str),
    mistakes: &mut Mistakes<'_>,
) -> Option<Value> {
    match (form, value) {
        (Some(Form::Span { .. }), toml::Value::String(text)) => mistakes.span(text, place).map(Value::Span),
        (Some(Form::Addresses(_)), toml::Value::Array(all)) => {
            let one = |text: &toml::Value| match text.as_str() {
                Some(text) => mistakes.secret(text, place),
                None => Some(text.to_string()),
            };
            all.iter().map(one).collect::<Option<Vec<_>>>().map(Value::Texts)
        }
        (_, toml::Value::String(text)) => mistakes.secret(text, place).map(Value::Text),
        (_, toml::Value::Integer(number)) => {
            Some(u64::try_from(*number).map_or_else(|_| Value::Text(number.to_string()), Value::Whole))
        }
        (_, other) => Some(Value::Text(other.to_string())),
    }
}

/// What is wrong with the settings of a source, and what would be right.
fn wrong(nth: usize, kind: &dyn SourceKind, error: &SettingError, mistakes: &mut Mistakes<'_>) {
    let spec = kind.settings().iter().find(|spec| spec.name == error.name());
    let remedy = match (error, spec) {
        (SettingError::Unknown { .. }, _) => "remove the key, or correct its spelling".to_owned(),
        (_, Some(spec)) => format!("{} It is {}", spec.doc, spec.form.bounds()),
        (_, None) => String::new(),
    };
    mistakes.add("source", nth, error.name(), error.to_string(), &remedy);
}

/// Whose balances the sources read: of every wallet that people sign for, in each asset of its chain.
pub(super) fn balances(sources: &mut [ChainSource], catalogue: &Catalogue) {
    for source in sources {
        let here = catalogue.wallets().filter(|(_, wallet)| wallet.chain == source.chain);
        let tokens = catalogue.assets.values().filter(|asset| asset.chain == source.chain);
        source.balances = Balances {
            accounts: here.filter_map(|(_, wallet)| wallet.address.evm()).collect(),
            tokens: tokens.filter_map(|asset| asset.token).collect(),
        };
    }
}

/// Every detector of THE LIST with its parameters; one with `enabled = false` is left out.
pub(super) fn detectors(
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, Params> {
    for id in sections.keys() {
        if !DETECTORS.iter().any(|kind| kind.id() == id) {
            let known: Vec<&str> = DETECTORS.iter().map(|kind| kind.id()).collect();
            let remedy = near::remedy(id, &known, "remove the section");
            mistakes.add(&format!("detectors.{id}"), 0, "", format!("there is no detector `{id}`"), &remedy);
        }
    }
    let mut detectors = BTreeMap::new();
    for kind in DETECTORS {
        let header = format!("detectors.{}", kind.id());
        let mut given = BTreeMap::new();
        let mut enabled = true;
        for (name, value) in sections.get(kind.id()).into_iter().flatten() {
            match (name.as_str(), value) {
                ("enabled", toml::Value::Boolean(on)) => enabled = *on,
                (_, toml::Value::Integer(number)) => {
                    given.insert(name.clone(), *number);
                }
                _ => mistakes.add(
                    &header,
                    0,
                    name,
                    format!("`{value}` is no whole number"),
                    "parameters are whole numbers with a unit",
                ),
            }
        }
        let resolved = Params::resolve(kind.id(), kind.params(), &given);
        let (key, remedy) = match &resolved {
            Err(ParamError::Unknown { name, .. }) => {
                let known: Vec<&str> = kind.params().iter().map(|spec| spec.name).collect();
                (name.clone(), near::remedy(name, &known, "remove it"))
            }
            Err(ParamError::OutOfBounds { name, min, max, .. }) => {
                ((*name).to_owned(), format!("write a number from {min} to {max}"))
            }
            Ok(_) => Default::default(),
        };
        let params = mistakes.take(resolved, (&header, 0, &key), &remedy);
        if let Some(params) = params.filter(|_| enabled) {
            detectors.insert(kind.id().to_owned(), params);
        }
    }
    detectors
}
