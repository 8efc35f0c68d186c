//! Addresses as people write them.

use quarterdeck_core::chain::Address;

use super::mistakes::Mistakes;

/// An address of a chain, or its mistake noted.
pub(super) fn address(
    text: &str,
    chain: u64,
    place: (&str, usize, &str),
    mistakes: &mut Mistakes<'_>,
) -> Option<Address> {
    read(text, Some(chain), place, mistakes)
}

/// An address of no one chain, or its mistake noted.
pub(super) fn any_address(text: &str, place: (&str, usize, &str), mistakes: &mut Mistakes<'_>) -> Option<Address> {
    read(text, None, place, mistakes)
}

fn read(text: &str, chain: Option<u64>, place: (&str, usize, &str), mistakes: &mut Mistakes<'_>) -> Option<Address> {
    let parsed = text.parse::<Address>().map_err(|error| format!("`{text}` is no address: {error}"));
    let address = mistakes.take(parsed, place, "write 0x and 40 hex digits")?;
    if let Err(what) = checksum(text, address, chain) {
        mistakes.add(place.0, place.1, place.2, what, COPY_ANEW);
    }
    Some(address)
}

/// What to do about an address whose capital letters do not fit.
pub(super) const COPY_ANEW: &str =
    "copy it anew from where you have it; without capital letters it is taken as it stands";

/// Capital letters in an address are its checksum (EIP-55, and by chain EIP-1191): with one that does not fit, a digit is another
/// than it was, and we would watch an address that is nobody's.
pub(super) fn checksum(text: &str, address: Address, chain: Option<u64>) -> Result<(), String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let any = |is: fn(&u8) -> bool| digits.bytes().any(|byte| is(&byte));
    let mixed = any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase);
    let fits = |chain| address.to_checksum(chain).strip_prefix("0x") == Some(digits);
    if !mixed || fits(None) || fits(chain) {
        return Ok(());
    }
    Err(format!("`{text}` is mistyped: its capital letters do not fit its digits"))
}
