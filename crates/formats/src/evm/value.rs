//! Single values: hex quantities and data, decimal integers. Strict: no sign, no odd digits, nothing that overflows.

use alloy_primitives::{Address, B256, Bytes, U256, hex};

use super::{DecodeError, json::Reader};

/// Bytes of one data field: the call data or code of one frame. Mainnet's largest are near 130 kB; contract code with
/// arguments reaches 200 kB, and Arbitrum allows more.
pub(super) const DATA_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Puts a value where there was none; a second one is a duplicate key.
pub(super) fn once<T>(slot: &mut Option<T>, field: &'static str, value: T) -> Result<(), DecodeError> {
    if slot.replace(value).is_some() { Err(DecodeError::Duplicate { field }) } else { Ok(()) }
}

/// A value that must be there.
pub(super) fn need<T>(slot: Option<T>, field: &'static str) -> Result<T, DecodeError> {
    slot.ok_or(DecodeError::Missing { field })
}

/// The hex digits of a `0x` string.
fn digits<'a>(field: &'static str, text: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    text.strip_prefix(b"0x").ok_or_else(|| DecodeError::bad_value(field, text, "hex digits after 0x"))
}

fn fixed<const N: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
    want: &'static str,
) -> Result<[u8; N], DecodeError> {
    let text = reader.string()?;
    let mut bytes = [0; N];
    let digits = digits(field, &text)?;
    if digits.len() != 2 * N || hex::decode_to_slice(digits, &mut bytes).is_err() {
        return Err(DecodeError::bad_value(field, &text, want));
    }
    Ok(bytes)
}

/// 20 bytes.
pub(super) fn address(reader: &mut Reader<'_>, field: &'static str) -> Result<Address, DecodeError> {
    fixed::<20>(reader, field, "0x and 40 hex digits").map(Address::from)
}

/// 20 bytes, or null.
pub(super) fn address_or_null(reader: &mut Reader<'_>, field: &'static str) -> Result<Option<Address>, DecodeError> {
    if reader.null()? { Ok(None) } else { address(reader, field).map(Some) }
}

/// 32 bytes.
pub(super) fn hash(reader: &mut Reader<'_>, field: &'static str) -> Result<B256, DecodeError> {
    fixed::<32>(reader, field, "0x and 64 hex digits").map(B256::from)
}

/// Any even number of digits.
pub(super) fn data(reader: &mut Reader<'_>, field: &'static str) -> Result<Bytes, DecodeError> {
    let text = reader.string()?;
    let digits = digits(field, &text)?;
    if digits.len() > 2 * DATA_BYTES_MAX {
        return Err(DecodeError::TooMany { what: field, max: DATA_BYTES_MAX });
    }
    if digits.is_empty() {
        return Ok(Bytes::new());
    }
    // The library would take a second `0x`; here it is an error like any other letter.
    match hex::decode(digits) {
        Ok(bytes) if !digits.starts_with(b"0x") => Ok(Bytes::from(bytes)),
        _ => Err(DecodeError::bad_value(field, &text, "0x and an even number of hex digits")),
    }
}

/// Data, or null for none.
pub(super) fn data_or_null(reader: &mut Reader<'_>, field: &'static str) -> Result<Bytes, DecodeError> {
    if reader.null()? { Ok(Bytes::new()) } else { data(reader, field) }
}

fn quantity<const DIGITS: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
    want: &'static str,
) -> Result<[u8; 32], DecodeError> {
    let text = reader.string()?;
    let bad = || DecodeError::bad_value(field, &text, want);
    let digits = digits(field, &text)?;
    let first = digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
    let significant = digits.get(first..).unwrap_or_default();
    if digits.is_empty() || significant.len() > DIGITS {
        return Err(bad());
    }
    let mut padded = [b'0'; 64];
    for (to, from) in padded.iter_mut().rev().zip(significant.iter().rev()) {
        *to = *from;
    }
    let mut bytes = [0; 32];
    // `padded` starts with zeros or 64 significant digits: it can only look like a prefix when the digits are bad.
    if significant.first() == Some(&b'x') || hex::decode_to_slice(padded, &mut bytes).is_err() {
        return Err(bad());
    }
    Ok(bytes)
}

/// A hex quantity of at most 256 bits.
pub(super) fn hex_u256(reader: &mut Reader<'_>, field: &'static str) -> Result<U256, DecodeError> {
    quantity::<64>(reader, field, "a hex quantity of at most 256 bits").map(U256::from_be_bytes)
}

/// A hex quantity of at most 128 bits.
pub(super) fn hex_u128(reader: &mut Reader<'_>, field: &'static str) -> Result<u128, DecodeError> {
    let bytes = quantity::<32>(reader, field, "a hex quantity of at most 128 bits")?;
    Ok(U256::from_be_bytes(bytes).saturating_to())
}

/// A hex quantity of at most 64 bits.
pub(super) fn hex_u64(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, DecodeError> {
    let bytes = quantity::<16>(reader, field, "a hex quantity of at most 64 bits")?;
    Ok(U256::from_be_bytes(bytes).saturating_to())
}

/// A hex gas quantity; some development nodes and rollups write a gas limit beyond 64 bits: then the largest value.
pub(super) fn hex_gas(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, DecodeError> {
    hex_u256(reader, field).map(|gas| gas.saturating_to())
}

/// A decimal integer of at most 256 bits.
pub(super) fn int_u256(reader: &mut Reader<'_>, field: &'static str) -> Result<U256, DecodeError> {
    let digits = reader.digits(field)?;
    let text = std::str::from_utf8(digits).unwrap_or_default();
    U256::from_str_radix(text, 10)
        .map_err(|_| DecodeError::bad_value(field, digits, "a whole number of at most 256 bits"))
}

/// A decimal integer of at most 64 bits.
pub(super) fn int_u64(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, DecodeError> {
    let digits = reader.digits(field)?;
    std::str::from_utf8(digits)
        .unwrap_or_default()
        .parse()
        .map_err(|_| DecodeError::bad_value(field, digits, "a whole number of at most 64 bits"))
}

/// A decimal integer of at most 64 bits, or null.
pub(super) fn int_u64_or_null(reader: &mut Reader<'_>, field: &'static str) -> Result<Option<u64>, DecodeError> {
    if reader.null()? { Ok(None) } else { int_u64(reader, field).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        text: &str,
        parse: impl Fn(&mut Reader<'_>, &'static str) -> Result<T, DecodeError>,
    ) -> Result<T, String> {
        parse(&mut Reader::new(text.as_bytes()), "value").map_err(|e| e.to_string())
    }

    #[test]
    fn quantities_are_strict() {
        assert_eq!(read("\"0x0\"", hex_u64), Ok(0));
        assert_eq!(read("\"0xffffffffffffffff\"", hex_u64), Ok(u64::MAX));
        assert_eq!(read("\"0x000000000000000001\"", hex_u64), Ok(1));
        assert_eq!(read(&format!("\"0x{}\"", "f".repeat(64)), hex_u256), Ok(U256::MAX));
        assert_eq!(
            read("1642894143000000000000000000000", int_u256).map(|v| v.to_string()),
            Ok("1642894143000000000000000000000".into())
        );
        for bad in [
            "\"0x\"",
            "\"0x10000000000000000\"",
            "\"-0x1\"",
            "\"0x-1\"",
            "\"12\"",
            "\"0xg\"",
            "\"\"",
            "\"0X1\"",
            "\"0x0x1\"",
            "\"0xé\"",
            "7",
            "null",
        ] {
            assert!(read(bad, hex_u64).is_err(), "{bad}");
        }
        for bad in ["-1", "1.5", "1e3", "\"1\"", "18446744073709551616", "01"] {
            assert!(read(bad, int_u64).is_err(), "{bad}");
        }
    }

    #[test]
    fn data_has_whole_bytes() {
        assert_eq!(read("\"0x\"", data), Ok(Bytes::new()));
        assert_eq!(read("\"0x0aFF\"", data), Ok(Bytes::from_static(&[0x0a, 0xff])));
        for bad in ["\"0x0\"", "\"0x0x00\"", "\"zz\"", "\"0xzz\""] {
            assert!(read(bad, data).is_err(), "{bad}");
        }
        assert!(read("\"0x1234\"", address).is_err());
        assert!(read(&format!("\"0x0x{}\"", "a".repeat(38)), address).is_err());
    }

    #[test]
    fn an_error_names_the_field_and_a_short_value() {
        let long = format!("\"0x{}\"", "7".repeat(500));
        let text = read(&long, hex_u256).unwrap_err();
        assert_eq!(
            text,
            "field `value` is `0x7777777777777777777777777777777777777777777777… (502 bytes)`: want a hex quantity of at most 256 bits"
        );
    }
}
