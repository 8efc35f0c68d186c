use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Bytes, address};
use proptest::prelude::*;
use quarterdeck_core::catalogue::Catalogue;

use super::*;
use crate::facts::{extraction::Extraction, openings::Openings, sheet::Sheet, side::sender_side};

const WETH: Address = address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
const DAI: Address = address!("6B175474E89094C44Da98b954EedeAC495271d0F");
const A: Address = Address::repeat_byte(0xa);
const B: Address = Address::repeat_byte(0xb);

fn call(from: Address, to: Address, value: u64, input: &[u8]) -> Call {
    Call { from, to: Some(to), value: U256::from(value), input: Bytes::copy_from_slice(input), ..Call::default() }
}

fn with_words(selector: [u8; 4], words: &[U256]) -> Vec<u8> {
    let mut input = selector.to_vec();
    for word in words {
        input.extend_from_slice(&word.to_be_bytes::<32>());
    }
    input
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

fn traced(calls: Vec<Call>) -> (Block, Transaction) {
    (
        Block { chain: ChainId::evm(1), ..Block::default() },
        Transaction { from: A, to: Some(B), calls, ..Transaction::default() },
    )
}

fn log(address: Address, topics: Vec<B256>, amount: u64) -> Log {
    Log { address, topics, data: Bytes::from(U256::from(amount).to_be_bytes::<32>()) }
}

fn flows(block: &Block, transaction: &Transaction) -> Vec<Flow> {
    Flows::of(block, transaction).as_slice().to_vec()
}

/// What A paid B.
fn moved(token: Option<Address>, amount: u64) -> Flow {
    Flow { token, from: A, to: B, amount: U256::from(amount), wraps: false }
}

#[test]
fn the_same_transfer_from_logs_and_from_the_trace_counts_once() {
    let transfer = with_words([0xa9, 0x05, 0x9c, 0xbb], &[word(B), U256::from(5)]);
    let (mut block, mut transaction) = traced(vec![call(A, DAI, 0, &transfer)]);
    let flow = moved(Some(DAI), 5);
    assert_eq!(flows(&block, &transaction), [flow]);
    block.has_receipts = true;
    assert_eq!(flows(&block, &transaction), [], "receipts were read and have no such log");
    transaction.logs = vec![log(DAI, vec![TRANSFER, A.into_word(), B.into_word()], 5)];
    assert_eq!(flows(&block, &transaction), [flow]);
}

#[test]
fn a_proxy_s_inner_call_is_no_second_transfer() {
    let transfer = with_words([0xa9, 0x05, 0x9c, 0xbb], &[word(B), U256::from(5)]);
    let mut inner = call(DAI, Address::repeat_byte(9), 0, &transfer);
    inner.kind = CallKind::Delegate;
    let (block, transaction) = traced(vec![call(A, DAI, 0, &transfer), inner]);
    assert_eq!(flows(&block, &transaction).len(), 1);
}

#[test]
fn wrapping_and_unwrapping_nets_to_nothing() {
    let withdraw = with_words([0x2e, 0x1a, 0x7d, 0x4d], &[U256::from(7)]);
    let calls = vec![call(A, WETH, 7, &[0xd0, 0xe3, 0x0d, 0xb0]), call(A, WETH, 0, &withdraw), call(WETH, A, 7, &[])];
    let (block, transaction) = traced(calls);
    let found = flows(&block, &transaction);
    assert_eq!(found.len(), 4);
    let sheet = Sheet::new(ChainId::evm(1), &found, &BTreeSet::new(), A);
    assert!(sheet.of(A).all(|(asset, net)| asset.is_none() && net.got == net.gave));
}

#[test]
fn an_item_counts_as_one() {
    let (mut block, mut transaction) = traced(Vec::new());
    block.has_receipts = true;
    let topics = vec![TRANSFER, A.into_word(), B.into_word(), B256::repeat_byte(3)];
    transaction.logs = vec![Log { address: DAI, topics, data: Bytes::new() }];
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 1)]);
}

#[test]
fn some_items_of_one_number_are_the_same_from_a_log_and_from_the_trace() {
    let words = [word(A), word(B), U256::from(77), U256::from(4), U256::from(160), U256::ZERO];
    let (mut block, mut transaction) = traced(vec![call(A, DAI, 0, &with_words([0xf2, 0x42, 0x43, 0x2a], &words))]);
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 4)]);
    block.has_receipts = true;
    let topics = vec![TRANSFER_SINGLE, B.into_word(), A.into_word(), B.into_word()];
    let data = [U256::from(77), U256::from(4)].map(|word| word.to_be_bytes::<32>()).concat().into();
    transaction.logs = vec![Log { address: DAI, topics, data }];
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 4)]);
}

/// A word is wider than an address. What stands above it is cut, as the older tokens cut it: from the call, from the topics of a log, and
/// where the call data alone is known.
#[test]
fn what_stands_above_an_address_hides_no_payment() {
    let dirty = |address: Address| word(address) | (U256::from(0xdead_u64) << 160);
    let transfer = with_words([0xa9, 0x05, 0x9c, 0xbb], &[dirty(B), U256::from(5)]);
    let (mut block, transaction) = traced(vec![call(A, DAI, 0, &transfer)]);
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 5)]);
    let taken = with_words([0x23, 0xb8, 0x72, 0xdd], &[dirty(A), dirty(B), U256::from(5)]);
    let (_, transaction) = traced(vec![call(B, DAI, 0, &taken)]);
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 5)]);
    // A token that checks refuses, and then nothing moved.
    let refused = Call { reverted: true, ..call(B, DAI, 0, &taken) };
    let (_, transaction) = traced(vec![call(A, B, 0, &[]), refused]);
    assert_eq!(flows(&block, &transaction), []);
    let plain = Transaction { from: A, to: Some(DAI), input: Bytes::from(transfer), ..Transaction::default() };
    assert_eq!(flows(&block, &plain), [moved(Some(DAI), 5)]);
    block.has_receipts = true;
    let topic = |address| B256::from(dirty(address));
    let told = Transaction {
        from: A,
        to: Some(B),
        logs: vec![log(DAI, vec![TRANSFER, topic(A), topic(B)], 5)],
        ..Transaction::default()
    };
    assert_eq!(flows(&block, &told), [moved(Some(DAI), 5)]);
}

/// A contract can write any log; what does not have the parts of its signature is none.
#[test]
fn a_log_of_another_shape_is_no_movement() {
    let log = |topics: Vec<B256>, data: Vec<u8>| Log { address: WETH, topics, data: data.into() };
    for log in [
        log(vec![], vec![0; 32]),
        log(vec![TRANSFER; 2], vec![1; 64]),
        log(vec![TRANSFER; 3], vec![1; 31]),
        log(vec![TRANSFER; 3], vec![1; 64]),
        log(vec![TRANSFER; 4], vec![1; 32]),
        log(vec![TRANSFER_SINGLE; 4], vec![1; 32]),
        log(vec![DEPOSIT; 1], vec![1; 32]),
        log(vec![WITHDRAWAL; 3], vec![1; 32]),
    ] {
        assert_eq!(log_flow(ChainId::evm(1), &log), None, "{log:?}");
    }
}

/// Foreign code that runs at home moves its value from the caller to the caller; foreign code in the caller's name moves none.
#[test]
fn only_a_call_a_creation_and_a_self_destruction_move_the_coin() {
    for (kind, wanted) in [
        (CallKind::Call, 1),
        (CallKind::Create, 1),
        (CallKind::SelfDestruct, 1),
        (CallKind::Code, 0),
        (CallKind::Delegate, 0),
        (CallKind::Static, 0),
    ] {
        let (block, transaction) = traced(vec![Call { kind, ..call(A, B, 7, &[]) }]);
        assert_eq!(flows(&block, &transaction).len(), wanted, "{kind:?}");
    }
}

#[test]
fn what_a_party_gives_to_itself_and_nothing_at_all_are_no_movements() {
    let transfer = |to, amount: u64| with_words([0xa9, 0x05, 0x9c, 0xbb], &[word(to), U256::from(amount)]);
    let calls = vec![call(A, A, 7, &[]), call(A, DAI, 0, &transfer(A, 5)), call(A, DAI, 0, &transfer(B, 0))];
    let (mut block, mut transaction) = traced(calls);
    assert_eq!(flows(&block, &transaction), []);
    block.has_receipts = true;
    let parties = |to: Address| vec![TRANSFER, A.into_word(), to.into_word()];
    transaction.logs = vec![log(DAI, parties(A), 5), log(DAI, parties(B), 0)];
    assert_eq!(flows(&block, &transaction), []);
}

/// Wrapping changes the form of the coin and not its owner; a transfer to the wrapping contract, a common mistake, is a loss.
#[test]
fn wrapping_is_marked_on_both_legs_and_a_transfer_to_the_wrapper_is_not() {
    let (mut block, mut transaction) = traced(vec![call(A, WETH, 7, &[0xd0, 0xe3, 0x0d, 0xb0])]);
    assert!(flows(&block, &transaction).iter().all(|flow| flow.wraps));
    block.has_receipts = true;
    transaction.logs = vec![log(WETH, vec![DEPOSIT, A.into_word()], 7)];
    let found = flows(&block, &transaction);
    assert_eq!((found.len(), found.iter().filter(|flow| flow.wraps).count()), (2, 2));
    transaction.logs = vec![log(WETH, vec![TRANSFER, A.into_word(), WETH.into_word()], 7)];
    let found = flows(&block, &transaction);
    assert_eq!(
        found.iter().map(|flow| (flow.token, flow.wraps)).collect::<Vec<_>>(),
        [(None, true), (Some(WETH), false)]
    );
    transaction.logs = vec![log(DAI, vec![DEPOSIT, A.into_word()], 7)];
    assert_eq!(flows(&block, &transaction).len(), 1, "only the chain's own wrapper is believed");
}

/// With neither receipt nor trace only the sender's own `transfer` is taken at its word.
#[test]
fn call_data_alone_speaks_for_its_sender_only() {
    let (mut block, mut transaction) = traced(Vec::new());
    transaction.to = Some(DAI);
    let transfer = with_words([0xa9, 0x05, 0x9c, 0xbb], &[word(B), U256::from(5)]);
    transaction.input = transfer.clone().into();
    assert_eq!(flows(&block, &transaction), [moved(Some(DAI), 5)]);
    for length in 0..transfer.len() {
        transaction.input = transfer[..length].to_vec().into();
        assert_eq!(flows(&block, &transaction), []);
    }
    transaction.input = with_words([0x23, 0xb8, 0x72, 0xdd], &[word(B), word(A), U256::from(5)]).into();
    assert_eq!(flows(&block, &transaction), [], "nobody is made to pay by what a stranger asks for");
    transaction.input = transfer.into();
    block.has_receipts = true;
    assert_eq!(flows(&block, &transaction), [], "receipts were read and have no such log");
}

#[test]
fn what_failed_moved_nothing() {
    let (block, mut transaction) = traced(vec![call(A, B, 7, &[])]);
    transaction.status = Some(false);
    assert_eq!(flows(&block, &transaction), []);
    let (block, mut transaction) = traced(vec![call(A, B, 7, &[])]);
    transaction.calls[0].reverted = true;
    assert_eq!(flows(&block, &transaction), []);
}

#[test]
fn a_payment_without_trace_is_its_own_value() {
    let (block, mut transaction) = traced(Vec::new());
    transaction.value = U256::from(3);
    assert_eq!(flows(&block, &transaction), [moved(None, 3)]);
}

#[test]
fn a_pocket_that_only_receives_is_the_sender_s_own() {
    let pocket = Address::repeat_byte(0xcc);
    let (block, transaction) = traced(vec![
        call(A, B, 0, &[1, 2, 3, 4]),
        call(Address::repeat_byte(0xdd), B, 9, &[]),
        call(B, pocket, 9, &[]),
    ]);
    let found = flows(&block, &transaction);
    let side = sender_side(&Catalogue::default(), &block, &transaction, &found);
    assert_eq!(side.members, BTreeSet::from([A, B, pocket]));
}

proptest! {
    /// Nothing appears or vanishes: what all got is what all gave.
    #[test]
    fn a_sheet_conserves(moves in proptest::collection::vec((0..4_u8, 0..4_u8, 0..3_u8, 1..1_000_u64), 0..40), side in proptest::collection::btree_set(0..4_u8, 0..3)) {
        let address = |byte: u8| Address::repeat_byte(byte + 1);
        let found: Vec<Flow> = moves
            .iter()
            .map(|(from, to, token, amount)| Flow {
                token: (*token > 0).then_some(Address::repeat_byte(0x70 + token)),
                from: address(*from),
                to: address(*to),
                amount: U256::from(*amount),
                wraps: false,
            })
            .collect();
        let side: BTreeSet<Address> = side.into_iter().map(address).collect();
        let head = side.first().copied().unwrap_or_default();
        let sheet = Sheet::new(ChainId::evm(1), &found, &side, head);
        let mut totals: BTreeMap<Option<Address>, (U256, U256)> = BTreeMap::new();
        for ((_, asset), net) in &sheet.nets {
            let total = totals.entry(*asset).or_default();
            total.0 += net.got;
            total.1 += net.gave;
        }
        prop_assert!(totals.values().all(|(got, gave)| got == gave));
    }

    /// Foreign call data never panics.
    #[test]
    fn any_call_data_is_read(input in proptest::collection::vec(any::<u8>(), 0..120), known in 0..12_usize) {
        let selectors: [[u8; 4]; 12] = [
            [0xa9, 0x05, 0x9c, 0xbb], [0x23, 0xb8, 0x72, 0xdd], [0x40, 0xc1, 0x0f, 0x19], [0x9d, 0xc2, 0x9f, 0xac],
            [0x2e, 0x1a, 0x7d, 0x4d], [0xd0, 0xe3, 0x0d, 0xb0], [0x42, 0x84, 0x2e, 0x0e], [0xf2, 0x42, 0x43, 0x2a],
            [0xd7, 0x02, 0x0d, 0x0a], [0x40, 0x00, 0xae, 0xa0], [0x70, 0xa0, 0x82, 0x31], [0x02, 0x2c, 0x0d, 0x9f],
        ];
        let bytes = [selectors[known].as_slice(), &input].concat();
        let (block, transaction) = traced(vec![call(A, WETH, 1, &bytes), call(A, WETH, 1, &input)]);
        let found = flows(&block, &transaction);
        let openings = Openings::of(&block, &transaction);
        drop(Extraction::of(&Catalogue::default(), &block, &transaction, &found, &openings));
    }
}
