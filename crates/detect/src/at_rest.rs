//! What a detector has learned, as bytes and back: JSON, so that a person can read what a program remembered.

use serde::{Serialize, de::DeserializeOwned};

use crate::detector::SnapshotError;

/// A learned state as bytes.
#[expect(
    clippy::expect_used,
    reason = "states are plain data with text or whole-number keys; tests/laws.rs saves every one"
)]
pub fn save(state: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(state).expect("invariant: a detector's state is representable in JSON")
}

/// A learned state from bytes.
pub fn load<T: DeserializeOwned>(detector: &'static str, snapshot: &[u8]) -> Result<T, SnapshotError> {
    serde_json::from_slice(snapshot).map_err(|source| SnapshotError { detector, source })
}

/// Floats as their bits: decimal text may come back one unit in the last place away, and then a restored detector is not the
/// original. Use with `#[serde(with = "crate::at_rest::bits")]`.
pub mod bits {
    use serde::{Deserialize, Deserializer, Serializer};
    /// Writes the 64 bits.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }
    /// Reads the 64 bits; what is no number is refused.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let value = f64::from_bits(u64::deserialize(deserializer)?);
        if value.is_finite() { Ok(value) } else { Err(serde::de::Error::custom("the bits are no finite number")) }
    }
}
