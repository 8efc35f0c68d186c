//! How the words of the core become columns, the same in every database. It must never change what a number means: it is stored.
//! Tests: below; reading back as written is in `conformance.rs`.

use quarterdeck_core::{
    id::{BadName, Kind, Name},
    journal::Stream,
    outbox::DeliveryKind,
    signal::SignalStatus,
};

use super::{SIGNALS_PER_LIST_MAX, SignalFilter, StoreError};

/// The number that stands for a status.
pub(super) const fn status_code(status: SignalStatus) -> i16 {
    match status {
        SignalStatus::Provisional => 0,
        SignalStatus::Confirmed => 1,
        SignalStatus::Retracted => 2,
        SignalStatus::Ended => 3,
    }
}

/// The status that a number stands for.
pub(super) fn status_of(doing: &'static str, code: i64) -> Result<SignalStatus, StoreError> {
    match code {
        0 => Ok(SignalStatus::Provisional),
        1 => Ok(SignalStatus::Confirmed),
        2 => Ok(SignalStatus::Retracted),
        3 => Ok(SignalStatus::Ended),
        _ => Err(damaged(doing, "signal status", format!("{code} stands for none"))),
    }
}

/// The number that stands for what a delivery is.
pub(super) const fn kind_code(kind: DeliveryKind) -> i16 {
    match kind {
        DeliveryKind::Page => 0,
        DeliveryKind::AllClear => 1,
        DeliveryKind::Notice => 2,
        DeliveryKind::HandedOver => 3,
    }
}

/// What a delivery is, by its number.
pub(super) fn kind_of(doing: &'static str, code: i64) -> Result<DeliveryKind, StoreError> {
    match code {
        0 => Ok(DeliveryKind::Page),
        1 => Ok(DeliveryKind::AllClear),
        2 => Ok(DeliveryKind::Notice),
        3 => Ok(DeliveryKind::HandedOver),
        _ => Err(damaged(doing, "kind of delivery", format!("{code} stands for none"))),
    }
}

/// A stored stream.
pub(super) fn stream_of(doing: &'static str, text: &str) -> Result<Stream, StoreError> {
    text.parse().map_err(|_| damaged(doing, "stream", format!("`{text}` is none")))
}

/// A stored name.
pub(super) fn name_of<K: Kind>(doing: &'static str, text: &str) -> Result<Name<K>, StoreError> {
    Name::new(text).map_err(|bad: BadName| damaged(doing, "name", bad.to_string()))
}

#[cfg(feature = "postgres")]
/// A stored digest, id or salt of exactly `N` bytes.
pub(super) fn bytes_of<const N: usize>(doing: &'static str, bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| damaged(doing, "digest or id", format!("{} bytes instead of {N}", bytes.len())))
}

/// A stored count or place.
pub(super) fn count_of(doing: &'static str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged(doing, "count", format!("{number} is negative")))
}

/// A count or place as the databases' integers hold it. What they cannot hold, no log reaches: then it is as good as the end.
pub(super) fn integer(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// How many rows a list of signals may have.
pub(super) fn signals_limit(filter: &SignalFilter) -> usize {
    filter.limit.min(SIGNALS_PER_LIST_MAX)
}

/// Says that something stored does not read back.
pub(super) fn damaged(doing: &'static str, what: &'static str, detail: String) -> StoreError {
    StoreError::Damaged { doing, what, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_delivery_reads_back_as_written_and_a_strange_one_is_damage() {
        let all = [DeliveryKind::Page, DeliveryKind::AllClear, DeliveryKind::Notice, DeliveryKind::HandedOver];
        for kind in all {
            assert_eq!(kind_of("test", i64::from(kind_code(kind))).unwrap(), kind);
        }
        assert!(kind_of("test", 4).is_err());
        assert!(stream_of("test", "pag_x").is_err());
    }

    #[test]
    fn a_status_reads_back_as_written_and_a_strange_one_is_damage() {
        for status in [SignalStatus::Provisional, SignalStatus::Confirmed, SignalStatus::Retracted, SignalStatus::Ended]
        {
            assert_eq!(status_of("test", i64::from(status_code(status))).unwrap(), status);
        }
        assert_eq!(
            status_of("read signal", 9).unwrap_err().to_string(),
            "read signal: stored signal status is damaged: 9 stands for none"
        );
    }
}
