//! Ways to reach people.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::id::ChannelId;
use quarterdeck_reach::notify::{NOTIFIERS, Notifier, Parts, SettingError, SettingSpec, Settings};

use super::Mistakes;
use quarterdeck_core::near;

/// Each by its name.
pub(super) type Channels = BTreeMap<ChannelId, Arc<dyn Notifier>>;

pub(super) fn channels(
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    parts: &Parts,
    mistakes: &mut Mistakes<'_>,
) -> Channels {
    let mut channels = BTreeMap::new();
    for (id, values) in sections {
        let header = format!("channel.{id}");
        let Some(name) = mistakes.name(id, (&header, 0, "")) else { continue };
        let kind = values.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
        let Some(kind) = NOTIFIERS.iter().find(|known| known.id() == kind) else {
            let known: Vec<&str> = NOTIFIERS.iter().map(|known| known.id()).collect();
            let what = if kind.is_empty() {
                "the channel has no `kind`".to_owned()
            } else {
                format!("`{kind}` is no kind of notifier")
            };
            mistakes.add(&header, 0, "kind", what, &near::remedy(kind, &known, ""));
            continue;
        };
        let (mut settings, so_far) = (BTreeMap::new(), mistakes.found.len());
        for (key, value) in values.iter().filter(|(key, _)| *key != "kind") {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            if let Some(text) = mistakes.secret(&text, (&header, 0, key)) {
                let is_path = kind.id() == "file" && key == "path";
                let text = if is_path { mistakes.folder().join(text).display().to_string() } else { text };
                settings.insert(key.clone(), text);
            }
        }
        // What could not be read would be missed once more.
        if mistakes.found.len() > so_far {
            continue;
        }
        match kind.build(&Settings(settings), parts) {
            Ok(channel) => {
                channels.insert(name, channel);
            }
            Err(error) => {
                let (key, remedy) = about_setting(&error, kind.settings());
                mistakes.add(&header, 0, &key, error.to_string(), &remedy);
            }
        }
    }
    channels
}

/// Which setting an error is about, and what to do.
pub(super) fn about_setting(error: &SettingError, specs: &[SettingSpec]) -> (String, String) {
    let doc = |name: &str| specs.iter().find(|spec| spec.name == name).map_or("", |spec| spec.doc);
    match error {
        SettingError::Missing { name, .. } => ((*name).to_owned(), format!("add `{name}`")),
        SettingError::Unknown { name, .. } => {
            let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
            (name.clone(), near::remedy(name, &known, "remove it"))
        }
        SettingError::Bad { name, .. } => ((*name).to_owned(), doc(name).to_owned()),
    }
}
