//! Single values: hex quantities and data, decimal integers. Strict: no sign, no odd digits, nothing that overflows.

use alloy_primitives::{Address, B256, Bytes, U256, hex};

use quarterdeck_core::chain::{Part, Unread, UnreadParts};

use super::{
    DecodeError,
    json::{Next, Reader},
};

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

/// A field of which a value that cannot be read costs only itself.
#[derive(Debug, Default)]
pub(super) enum Slot<T> {
    /// It is not there, or null.
    #[default]
    Missing,
    /// It is there, once or repeated alike.
    Read(T),
    /// It is there and cannot be read, or is there twice with two values.
    Odd(DecodeError),
}

impl<T: PartialEq> Slot<T> {
    /// Reads the field's value; null is as if it were not there.
    pub(super) fn read<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        field: &'static str,
        read: impl FnOnce(&mut Reader<'a>, &'static str) -> Result<T, DecodeError>,
    ) -> Result<(), DecodeError> {
        if reader.null()? {
            return Ok(());
        }
        let found = reader.attempt(|reader| read(reader, field))?;
        self.put(field, found);
        Ok(())
    }

    /// Takes what was found for the field. The same twice is as once.
    pub(super) fn put(&mut self, field: &'static str, found: Result<T, DecodeError>) {
        *self = match (std::mem::take(self), found) {
            (Self::Missing, Ok(value)) => Self::Read(value),
            (Self::Read(known), Ok(value)) if known == value => Self::Read(known),
            (Self::Read(_), Ok(_)) => Self::Odd(DecodeError::Duplicate { field }),
            (Self::Odd(why), _) | (_, Err(why)) => Self::Odd(why),
        };
    }
}

impl<T> Slot<T> {
    /// Takes another's value where this has none.
    pub(super) fn fill(&mut self, other: Self) {
        if matches!(self, Self::Missing) {
            *self = other;
        }
    }
    /// A value that must be there.
    pub(super) fn need(self, field: &'static str) -> Result<T, DecodeError> {
        match self {
            Self::Read(value) => Ok(value),
            Self::Odd(why) => Err(why),
            Self::Missing => Err(DecodeError::Missing { field }),
        }
    }
    /// A value that may be missing, but not be odd.
    pub(super) fn optional(self) -> Result<Option<T>, DecodeError> {
        match self {
            Self::Read(value) => Ok(Some(value)),
            Self::Odd(why) => Err(why),
            Self::Missing => Ok(None),
        }
    }
    /// A value that no rule reads: whatever is there, if it can be read.
    pub(super) fn any(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Odd(_) | Self::Missing => None,
        }
    }
}

/// Notes what cannot be read, and goes on with what stands for it.
pub(super) fn noted<T: Default>(
    found: Result<T, DecodeError>,
    part: Part,
    transaction: Option<u32>,
    field: &'static str,
    unread: &mut UnreadParts,
) -> T {
    found.unwrap_or_else(|why| {
        unread.add(Unread { part, transaction, field, why: why.to_string() });
        T::default()
    })
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

/// 20 bytes, or none: null, or nothing in quotes.
pub(super) fn receiver(reader: &mut Reader<'_>, field: &'static str) -> Result<Option<Address>, DecodeError> {
    let mut ahead = reader.clone();
    if reader.null()? {
        return Ok(None);
    }
    if ahead.peek()? == Next::String && matches!(&*ahead.string()?, b"" | b"0x") {
        *reader = ahead;
        return Ok(None);
    }
    address(reader, field).map(Some)
}

/// 32 bytes.
pub(super) fn hash(reader: &mut Reader<'_>, field: &'static str) -> Result<B256, DecodeError> {
    fixed::<32>(reader, field, "0x and 64 hex digits").map(B256::from)
}

/// Any even number of digits.
pub(super) fn data(reader: &mut Reader<'_>, field: &'static str) -> Result<Bytes, DecodeError> {
    let text = reader.string()?;
    // Some nodes write no bytes as no text.
    let digits = if text.is_empty() { &[] } else { digits(field, &text)? };
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

fn quantity<const DIGITS: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
    want: &'static str,
) -> Result<[u8; 32], DecodeError> {
    if reader.peek()? == Next::Number {
        return number::<DIGITS>(reader, field, want);
    }
    let text = reader.string()?;
    let bad = || DecodeError::bad_value(field, &text, want);
    let digits = digits(field, &text)?;
    // The empty string of bytes is zero, as in RLP: there is nothing else that it could mean.
    if digits.is_empty() {
        return Ok([0; 32]);
    }
    let first = digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
    let significant = digits.get(first..).unwrap_or_default();
    if significant.len() > DIGITS {
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

/// A quantity as a JSON number, as some nodes write some of them.
fn number<const DIGITS: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
    want: &'static str,
) -> Result<[u8; 32], DecodeError> {
    let digits = reader.digits(field)?;
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let found = U256::from_str_radix(text, 10).ok().filter(|number| number.bit_len() <= 4 * DIGITS);
    found.map(|number| number.to_be_bytes()).ok_or_else(|| DecodeError::bad_value(field, digits, want))
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
        assert_eq!((read("\"0x\"", hex_u64), read("7", hex_u64)), (Ok(0), Ok(7)));
        assert_eq!(read(&format!("\"0x{}\"", "f".repeat(64)), hex_u256), Ok(U256::MAX));
        assert_eq!(
            read("1642894143000000000000000000000", int_u256).map(|v| v.to_string()),
            Ok("1642894143000000000000000000000".into())
        );
        for bad in [
            "\"0x10000000000000000\"",
            "\"-0x1\"",
            "\"0x-1\"",
            "\"12\"",
            "\"0xg\"",
            "\"\"",
            "\"0X1\"",
            "\"0x0x1\"",
            "\"0xé\"",
            "-7",
            "18446744073709551616",
            "null",
        ] {
            assert!(read(bad, hex_u64).is_err(), "{bad}");
        }
        for bad in ["-1", "1.5", "1e3", "\"1\"", "18446744073709551616", "01"] {
            assert!(read(bad, int_u64).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_receiver_may_be_none_in_three_ways() {
        for none in ["null", "\"\"", "\"0x\""] {
            assert_eq!(read(none, receiver), Ok(None), "{none}");
        }
        assert_eq!(read(&format!("\"0x{}\"", "0".repeat(40)), receiver), Ok(Some(Address::ZERO)));
        assert!(read("\"0x12\"", receiver).is_err() && read("7", receiver).is_err());
    }

    #[test]
    fn a_field_repeated_alike_is_read_and_one_with_two_values_is_odd() {
        let slot = |texts: &[&str]| {
            let mut slot = Slot::default();
            for text in texts {
                slot.read(&mut Reader::new(text.as_bytes()), "f", hex_u64).unwrap();
            }
            slot.need("f").map_err(|error| error.to_string())
        };
        assert_eq!((slot(&["\"0x1\""]), slot(&["\"0x1\"", "\"0x01\"", "null"])), (Ok(1), Ok(1)));
        assert_eq!(slot(&["\"0x1\"", "\"0x2\"", "\"0x1\""]), Err("field `f` is given twice".into()));
        assert_eq!(
            (slot(&[]), slot(&["null"])),
            (Err("field `f` is missing".into()), Err("field `f` is missing".into()))
        );
        assert!(slot(&["{\"a\":[1]}", "\"0x1\""]).is_err());
    }

    #[test]
    fn data_has_whole_bytes() {
        assert_eq!((read("\"0x\"", data), read("\"\"", data)), (Ok(Bytes::new()), Ok(Bytes::new())));
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
