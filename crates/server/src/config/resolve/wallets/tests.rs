use std::path::Path;

use quarterdeck_core::catalogue::WatchedAddress;
use quarterdeck_detect::detectors::account::wallet_policy;
use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;

use crate::config::{ConfigError, Configuration, parse};

const A_HOUSE: &str = r#"
[[person]]
id = "ana"
contacts = [{ channel = "hook", address = "ana" }]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
secret = "sixteen characters and more"
[[policy]]
id = "all"
tiers = [{ people = ["ana"], delay = "5m" }]
fallback = "ana"
[[service]]
id = "custody"
users = 1
addresses = [
  { chain = 1, address = "0x1111111111111111111111111111111111111111", role = "wallet", label = "hot" },
  { chain = 1, address = "0x2222222222222222222222222222222222222222", role = "multisig", label = "cold" },
  { chain = 1, address = "0x3333333333333333333333333333333333333333", role = "bridge", label = "lock box" },
]
[[source]]
id = "own"
chain = 1
http = "http://127.0.0.1:8545"
[[asset]]
chain = 1
symbol = "ETH"
decimals = 18
usd = "3000"
[[asset]]
chain = 1
token = "0x4444444444444444444444444444444444444444"
symbol = "USDC"
decimals = 6
usd = "1"
"#;

fn read(more: &str) -> Result<Configuration, ConfigError> {
    parse(&format!("{A_HOUSE}{more}"), Path::new("/nowhere"), &Parts::new(SystemClock::new()).unwrap())
}

/// What is wrong with the house with `more`, each with the place of its line in that.
fn mistakes(more: &str) -> Vec<(usize, String, String)> {
    let before = A_HOUSE.lines().count();
    match read(more) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let all = error.mistakes().iter();
            all.map(|one| (one.line.unwrap_or(0).saturating_sub(before), one.what.clone(), one.remedy.clone()))
                .collect()
        }
    }
}

fn lines(read: &Configuration, label: &str) -> Vec<String> {
    let catalogue = &read.setting.catalogue;
    let wallet: &WatchedAddress = catalogue.wallets().map(|(_, one)| one).find(|one| one.label == label).unwrap();
    wallet_policy::guarded_by(catalogue, wallet, read.detectors.get(wallet_policy::ID))
}

#[test]
fn every_line_reads_and_is_said() {
    let read = read(
        r#"
[[wallet]]
wallets = ["hot", "0x2222222222222222222222222222222222222222"]
destinations = ["ours", "lock box", "0x5555555555555555555555555555555555555555"]
transaction_max_usd = 1_000
day_max_usd = 5_000
hour_max_percent = 25
limits = [{ asset = "ETH", transaction = "1.5", day = "20" }]
hours = { zone = "Europe/Zurich", days = ["mon", "wed"], from = "22:00", until = "06:00" }
new_counterparty_above_usd = 100
nonce_gaps = true
"#,
    )
    .unwrap_or_else(|error| panic!("{error}"));
    insta::assert_snapshot!(lines(&read, "hot").join("\n"), @r"
    sends only to any watched address, lock box and 0x5555…5555
    told if 25 % of what it holds leaves within an hour
    at most $1,000 in one transaction
    at most $5,000 within a day
    at most 1.5 ETH in one transaction
    at most 20 ETH within a day
    told above $100 to where it never sent before
    used only Mon, Wed, 22:00 to 06:00 (Europe/Zurich)
    each use of its key must be a transaction that was seen
    ");
    assert_eq!(lines(&read, "cold"), lines(&read, "hot"));
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    let balances = &read.sources[0].balances;
    assert_eq!((balances.accounts.len(), balances.tokens.len()), (2, 1));
}

#[test]
fn a_wallet_without_a_policy_is_a_warning() {
    let one =
        read("[[wallet]]\nwallets = [\"hot\"]\ndestinations = [\"ours\"]\n").unwrap_or_else(|error| panic!("{error}"));
    let [warning] = one.warnings.as_slice() else { panic!("{:?}", one.warnings) };
    assert_eq!(warning.what, "no policy guards `cold`: only the loss of half of what a wallet holds is told");
}

#[test]
fn what_cannot_hold_is_refused_with_its_line() {
    let of = |line: &str| format!("[[wallet]]\nwallets = [\"hot\"]\n{line}\n");
    let cases = [
        (
            "[[wallet]]\nwallets = [\"hott\"]\nnonce_gaps = true\n".to_owned(),
            2,
            "no watched wallet is called `hott`",
            "write `hot` if that is meant",
        ),
        (
            "[[wallet]]\nwallets = [\"lock box\"]\nnonce_gaps = true\n".to_owned(),
            2,
            "`lock box` is watched with the role `bridge`",
            "role `wallet` or `multisig`",
        ),
        (of(""), 2, "it has no line", "add `destinations`"),
        (of("destinations = [\"hot\", \"hot\"]"), 3, "`hot` is there twice", "keep one"),
        (of("destinations = [\"colt\"]"), 3, "no watched address is called `colt`", "write `cold` if that is meant"),
        (of("destinations = [\"0x55\"]"), 3, "`0x55` is no address", "0x and 40 hex digits"),
        (
            of("transaction_max_usd = 10\nhour_max_usd = 5"),
            4,
            "`hour_max_usd` is 5, less than `transaction_max_usd`",
            "the longer the span",
        ),
        (of("hour_max_percent = 101"), 3, "101 percent", "1 to 100"),
        (of("limits = [{ asset = \"EHT\", day = \"1\" }]"), 3, "no asset `EHT`", "write `ETH` if that is meant"),
        (of("limits = [{ asset = \"ETH\" }]"), 3, "the limit of `ETH` has no amount", "add `transaction`"),
        (
            of("limits = [{ asset = \"USDC\", day = \"1.1234567\" }]"),
            3,
            "`1.1234567` is no amount with at most 6 decimals",
            "in quotes",
        ),
        (
            of("limits = [{ asset = \"ETH\", day = \"1\" }, { asset = \"ETH\", hour = \"1\" }]"),
            3,
            "the limit of `ETH` is there already",
            "keep one",
        ),
        (
            of("hours = { zone = \"Europe/Zürich\", from = \"08:00\", until = \"18:00\" }"),
            3,
            "there is no time zone",
            "IANA",
        ),
        (
            of("hours = { zone = \"UTC\", from = \"8:00\", until = \"18:00\" }"),
            3,
            "`8:00` is no time of day",
            "`08:00`",
        ),
        (of("hours = { zone = \"UTC\", from = \"08:00\", until = \"08:00\" }"), 3, "there is no hour in it", "an end"),
        (
            of("hours = { zone = \"UTC\", days = [\"mo\"], from = \"08:00\", until = \"18:00\" }"),
            3,
            "`mo` is no day",
            "`mon`",
        ),
        (of("nonce_gap = true"), 3, "there is no key `nonce_gap` here", "`nonce_gaps`"),
    ];
    for (text, line, what, remedy) in cases {
        let found = mistakes(&text);
        let Some((at, said, hint)) = found.first() else { panic!("{text}: nothing is wrong with it") };
        assert!(*at == line && said.contains(what) && hint.contains(remedy), "{text}: {found:?}");
    }
}

#[test]
fn a_wallet_has_one_policy() {
    let more = "[[wallet]]\nwallets = [\"hot\"]\nnonce_gaps = true\n\n[[wallet]]\nwallets = [\"cold\",\n  \"hot\"]\nday_max_usd = 5\n";
    let found = mistakes(more);
    let before = A_HOUSE.lines().count();
    let [(line, what, _)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((*line, what.as_str()), (7, format!("`hot` has a policy already, in line {}", before + 2).as_str()));
}
