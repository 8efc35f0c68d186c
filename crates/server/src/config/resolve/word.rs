//! Words of the file that are words of the core.

use serde::de::DeserializeOwned;

use super::mistakes::Mistakes;
use quarterdeck_core::near;

/// One of the words of a core enum.
pub(super) fn word<T: DeserializeOwned>(
    text: &str,
    place: (&str, usize, &str),
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    let parsed = serde_json::from_value::<T>(serde_json::Value::String(text.to_owned()));
    let parsed = parsed.map_err(|error| error.to_string());
    let remedy = parsed.as_ref().err().and_then(|error| near::remedy_by(error)).unwrap_or_default();
    mistakes.take(parsed.map_err(|_| format!("`{text}` is no word for it")), place, &remedy)
}
