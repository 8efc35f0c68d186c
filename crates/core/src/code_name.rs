//! The name by which a restricted incident goes outside: two words, drawn from its identifier, so that neither chance nor a counter is
//! needed and the same history gives the same name. It says nothing about what it stands for. Tests: below.

use crate::id::IncidentId;

const FIRST: [&str; 32] = [
    "AMBER", "BIRCH", "BRASS", "CEDAR", "CHALK", "COBALT", "COPPER", "CORAL", "FLINT", "FROST", "GRANITE", "HAZEL",
    "INDIGO", "IVORY", "JADE", "LINEN", "MAPLE", "MARBLE", "MOSS", "OAK", "OCHRE", "OLIVE", "PEARL", "PINE", "QUARTZ",
    "RUSSET", "SILVER", "SLATE", "TEAL", "UMBER", "WILLOW", "ZINC",
];
const SECOND: [&str; 64] = [
    "ANCHOR", "ARROW", "BADGER", "BARGE", "BEACON", "BEAVER", "BELL", "BISON", "BRIDLE", "CANDLE", "CANOE", "COMET",
    "COMPASS", "CRANE", "CURLEW", "DELTA", "DOVE", "EAGLE", "EMBER", "FALCON", "FERRY", "FINCH", "FJORD", "FOX",
    "GANNET", "GLACIER", "HARBOUR", "HARE", "HARP", "HERON", "IBIS", "ISLAND", "JACKDAW", "KESTREL", "KETTLE",
    "LADDER", "LANTERN", "LARK", "LYNX", "MAGPIE", "MARTEN", "MEADOW", "NEEDLE", "ORCHARD", "OTTER", "OWL", "PADDLE",
    "PEBBLE", "PLOVER", "PRAIRIE", "QUAY", "RAVEN", "REED", "RIVER", "SAIL", "SPARROW", "STARLING", "SWAN", "THIMBLE",
    "THISTLE", "TUNDRA", "VALLEY", "WAGON", "WREN",
];

/// The code name that an incident is given where nobody chose one.
pub fn of(id: IncidentId) -> String {
    let bytes = id.bytes();
    // Identifiers begin with what counts up in some stores: the last bytes differ most.
    let pick = |at: usize, many: usize| usize::from(bytes.get(at).copied().unwrap_or_default()).checked_rem(many);
    let first = pick(14, FIRST.len()).and_then(|at| FIRST.get(at)).copied().unwrap_or_default();
    let second = pick(15, SECOND.len()).and_then(|at| SECOND.get(at)).copied().unwrap_or_default();
    format!("{first} {second}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn two_words_that_hang_on_the_identifier_alone() {
        let name = |last: [u8; 2]| {
            let mut bytes = [7; 16];
            bytes[14..].copy_from_slice(&last);
            of(IncidentId::from_bytes(bytes))
        };
        assert_eq!(name([0, 0]), "AMBER ANCHOR");
        assert_eq!(name([31, 63]), "ZINC WREN");
        let all: BTreeSet<String> = (0..=255).flat_map(|a| (0..=255).map(move |b| [a, b])).map(name).collect();
        assert_eq!(all.len(), FIRST.len() * SECOND.len(), "no word is there twice");
    }
}
