use quarterdeck_core::{
    catalogue::{Criticality, Service, WatchedAddress},
    chain::U256,
    id::Name,
    money::Usd,
    signal::Signal,
};

use super::*;
use crate::{
    rehearsal::calls::{CHAIN, DAI, MACHINE, PROXY, SENDER, Story, VAULT, block, dai, transaction, word},
    testing,
};

const MULTISIG: Address = Address::repeat_byte(0x35);

fn watching() -> Knowledge {
    let watched = |address: Address, role, label: &str| WatchedAddress {
        chain: CHAIN,
        address: address.into(),
        role,
        label: label.to_owned(),
    };
    let service = Service {
        id: Name::new("bridge").unwrap(),
        title: "Bridge".to_owned(),
        criticality: Criticality::Critical,
        users: 10,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::from_dollars(7_000_000),
        regulated: false,
        depends_on: BTreeSet::new(),
        policy: Name::new("default").unwrap(),
        addresses: vec![
            watched(PROXY, AddressRole::Proxy, "bridge proxy"),
            watched(MULTISIG, AddressRole::Multisig, "treasury signers"),
        ],
    };
    Knowledge { catalogue: Arc::new(Catalogue::new(vec![service], Vec::new())) }
}

fn signals(knowledge: &Knowledge, block: Block) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&PrivilegedChange, knowledge, &[]);
    let mut out = Vec::new();
    detector.observe(&ChainEvent::Block(Arc::new(block).into()), &mut out);
    out.into_iter()
        .map(|change| match change {
            SignalChange::Raised { signal } => signal,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn upgrade_by(caller: Address) -> Block {
    let mut story = Story::begin(caller);
    story.call(caller, PROXY, "upgradeTo(address)", &[word(MACHINE)], |_| {});
    story.end()
}

#[test]
fn an_upgrade_by_a_stranger_is_a_key_in_the_wrong_hands() {
    let all = signals(&watching(), upgrade_by(MACHINE));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Critical);
    assert_eq!(signal.title, "bridge proxy: implementation replaced");
    assert!(signal.facts.key_compromise && signal.facts.money_at_risk == Usd::from_dollars(7_000_000));
    assert_eq!(signal.service.as_ref().map(Name::as_str), Some("bridge"));
}

#[test]
fn an_upgrade_by_our_own_signers_is_no_compromise() {
    let all = signals(&watching(), upgrade_by(MULTISIG));
    assert_eq!((all[0].loudness, all[0].facts.key_compromise), (Loudness::Error, false));
}

#[test]
fn events_count_where_receipts_were_read() {
    let log = |address, signature: &str, second: B256| Log {
        address,
        topics: vec![selector::topic(signature), second],
        data: quarterdeck_core::chain::Bytes::new(),
    };
    let by = MACHINE.into_word();
    let logs = vec![
        log(PROXY, "Upgraded(address)", by),
        log(MULTISIG, "ChangedThreshold(uint256)", by),
        log(PROXY, "Paused(address)", by),
        log(VAULT, "Upgraded(address)", by),
    ];
    let mut one = transaction(0, Vec::new(), logs);
    one.to = Some(MACHINE);
    let all = signals(&watching(), block(7, vec![one], true));
    let titles: BTreeSet<&str> = all.iter().map(|signal| signal.title.as_str()).collect();
    assert_eq!(
        titles,
        BTreeSet::from(["bridge proxy: implementation replaced, paused", "treasury signers: threshold changed"]),
        "what nobody watches is left out where something is watched"
    );
}

#[test]
fn strangers_contracts_are_only_recorded() {
    let all = signals(&Knowledge::default(), upgrade_by(MACHINE));
    assert_eq!((all.len(), all[0].loudness, all[0].facts.key_compromise), (1, Loudness::Info, false));
    let mut pause = Story::begin(MACHINE);
    pause.call(MACHINE, PROXY, "pause()", &[], |_| {});
    assert!(signals(&Knowledge::default(), pause.end()).is_empty());
}

fn taken_over_and_emptied(dollars: u64) -> Block {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, VAULT, "initialize(address)", &[word(MACHINE)], |_| {});
    story.call(MACHINE, VAULT, "sweep()", &[], |story| story.pay(DAI, VAULT, MACHINE, dai(dollars)));
    story.end()
}

#[test]
fn initialized_again_and_emptied_fires_without_any_catalogue() {
    let all = signals(&Knowledge::default(), taken_over_and_emptied(20_000));
    assert_eq!(all[0].loudness, Loudness::Error);
    assert!(all[0].facts.theft && all[0].facts.key_compromise);
    assert_eq!(all[0].title, format!("{VAULT}: initialized again and emptied"));
    let below = signals(&Knowledge::default(), taken_over_and_emptied(19_999));
    assert_eq!(below[0].loudness, Loudness::Warning, "it paid at once whoever took control of it");
}

#[test]
fn a_contract_made_here_is_being_set_up() {
    let mut calls = Story::begin(MACHINE).calls();
    calls.push(Call { kind: CallKind::Create, depth: 1, from: MACHINE, to: Some(PROXY), ..Call::default() });
    let mut setup = Story::begin(MACHINE);
    setup.call(MACHINE, PROXY, "initialize(address)", &[word(SENDER)], |_| {});
    calls.extend(setup.calls().into_iter().skip(1));
    assert!(signals(&watching(), block(7, vec![transaction(0, calls, Vec::new())], false)).is_empty());
}

#[test]
fn what_failed_changed_nothing() {
    let mut failed = upgrade_by(MACHINE);
    failed.transactions[0].calls[1].reverted = true;
    assert!(signals(&watching(), failed).is_empty());
    let mut untraced = upgrade_by(MACHINE);
    untraced.transactions[0].calls.clear();
    untraced.transactions[0].input = crate::rehearsal::calls::input("upgradeTo(address)", &[U256::ZERO]);
    assert!(signals(&watching(), untraced).is_empty());
}

/// Whoever takes control of a contract and is paid by it at once tries a door, with however little.
#[test]
fn a_contract_that_pays_at_once_whoever_took_control_of_it_is_a_warning() {
    let taken_over = |paid: bool| {
        let mut story = Story::begin(MACHINE);
        story.call(MACHINE, PROXY, "initialize(address)", &[word(MACHINE)], |_| {});
        if paid {
            story.call(MACHINE, PROXY, "withdraw(uint256)", &[U256::from(1)], |story| {
                story.pay(DAI, PROXY, MACHINE, U256::from(3));
            });
        }
        signals(&Knowledge::default(), story.end())
    };
    assert_eq!(taken_over(false)[0].loudness, Loudness::Info);
    let all = taken_over(true);
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((signal.loudness, signal.facts.key_compromise), (Loudness::Warning, true));
    assert_eq!(signal.title, format!("{PROXY}: initialized again and paid"));
}
