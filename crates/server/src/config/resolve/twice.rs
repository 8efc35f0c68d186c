//! What may be there only once. Where two sections have one id the last would win, and a copied block would mute the first
//! without a word: so each second one is a mistake, and names both lines. Tests: below.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use toml::Spanned;

use super::Mistakes;
use crate::config::shape::File;

/// What was there so far, with its line.
#[derive(Debug)]
pub(super) struct Once<K>(BTreeMap<K, usize>);

impl<K> Default for Once<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Once<K> {
    /// The line where `key` was before, if it was.
    fn see(&mut self, key: K, line: usize) -> Option<usize> {
        let first = self.0.get(&key).copied();
        self.0.entry(key).or_insert(line);
        first
    }
}

impl Once<[u8; 32]> {
    /// Notes a secret by its digest: who presents it must be one and the same for everybody.
    pub(super) fn secret(&mut self, header: &str, digest: [u8; 32], offset: usize, mistakes: &mut Mistakes<'_>) {
        if let Some(first) = self.see(digest, mistakes.line(offset)) {
            let what = format!("it has the same secret as the one in line {first}");
            mistakes.again(header, offset, what, "give each token and each integration a secret of its own");
        }
    }
}

/// Everything with an id, and what else must not be there twice.
pub(super) fn check(file: &File, mistakes: &mut Mistakes<'_>) {
    ids("token", file.token.iter().map(|section| &section.name), mistakes);
    ids("person", file.person.iter().map(|section| &section.id), mistakes);
    ids("schedule", file.schedule.iter().map(|section| &section.id), mistakes);
    ids("policy", file.policy.iter().map(|section| &section.id), mistakes);
    ids("role", file.role.iter().map(|section| &section.role), mistakes);
    ids("service", file.service.iter().map(|section| &section.id), mistakes);
    ids("list", file.list.iter().map(|section| &section.name), mistakes);
    let sources: Vec<Spanned<String>> = file.source.iter().filter_map(|section| section.text("id")).collect();
    ids("source", sources.iter(), mistakes);
    ids("integration", file.integration.iter().map(|section| &section.id), mistakes);
    ids("check", file.check.iter().map(|section| &section.name), mistakes);
    addresses(file, mistakes);
    assets(file, mistakes);
    for section in &file.person {
        let mut once = Once::default();
        for contact in &section.contacts {
            let (channel, offset) = (contact.channel.get_ref(), contact.channel.span().start);
            if let Some(first) = once.see((channel, &contact.address), mistakes.line(offset)) {
                let what = format!("the contact on channel `{channel}` is there already, in line {first}");
                mistakes.again("person.contacts", offset, what, "take one out: it is tried once");
            }
        }
    }
    for section in &file.schedule {
        let mut once = Once::default();
        for one in &section.overrides {
            let (from, offset) = (one.from.get_ref(), one.from.span().start);
            if let Some(first) = once.see((from, &one.until), mistakes.line(offset)) {
                let what = format!("an override from {from} until {} is there already, in line {first}", one.until);
                mistakes.again("schedule.overrides", offset, what, "take one out: only the later one would count");
            }
        }
    }
}

fn ids<'a>(header: &str, ids: impl Iterator<Item = &'a Spanned<String>>, mistakes: &mut Mistakes<'_>) {
    let mut once = Once::default();
    for id in ids {
        let (name, offset) = (id.get_ref(), id.span().start);
        if let Some(first) = once.see(name, mistakes.line(offset)) {
            let what = format!("`{name}` is there already, in line {first}");
            mistakes.again(header, offset, what, &format!("give each {header} a name of its own"));
        }
    }
}

/// An address is one thing to one service: what happens to it must not be booked on whichever service is read last.
fn addresses(file: &File, mistakes: &mut Mistakes<'_>) {
    let mut once = Once::default();
    for watched in file.service.iter().flat_map(|section| &section.addresses) {
        let offset = watched.address.span().start;
        // What is no address is told elsewhere.
        let Ok(address) = watched.address.get_ref().parse::<Address>() else { continue };
        if let Some(first) = once.see((watched.chain, address), mistakes.line(offset)) {
            let what = format!("address {address} of chain {} is there already, in line {first}", watched.chain);
            let remedy = "let one service watch it; services that need that one name it in `depends_on`";
            mistakes.again("service.addresses", offset, what, remedy);
        }
    }
}

/// An asset has one price.
fn assets(file: &File, mistakes: &mut Mistakes<'_>) {
    let mut once = Once::default();
    for section in &file.asset {
        let (symbol, offset) = (section.symbol.get_ref(), section.symbol.span().start);
        let token = section.token.as_ref().map(|text| text.parse::<Address>().map_err(|_| text.as_str()));
        if let Some(first) = once.see((section.chain, token), mistakes.line(offset)) {
            let what = format!("the asset `{symbol}` of chain {} is there already, in line {first}", section.chain);
            mistakes.again("asset", offset, what, "keep one of the two prices");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use quarterdeck_host::clock::SystemClock;
    use quarterdeck_reach::notify::Parts;

    use crate::config::parse;

    const A_HOUSE: &str = r#"
[[person]]
id = "ana"
contacts = [{ channel = "hook", address = "ana" }]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
secret = "sixteen characters and more"
[[schedule]]
id = "watch"
zone = "UTC"
rotations = [{ people = ["ana"], start = "2026-01-05T08:00", weeks = 1 }]
overrides = [{ from = "2026-12-24T17:00:00Z", until = "2026-12-27T07:00:00Z", person = "ana" }]
[[policy]]
id = "all"
tiers = [{ schedules = ["watch"], delay = "5m" }]
fallback = "ana"
[[service]]
id = "bridge"
users = 1
addresses = [{ chain = 1, address = "0x3333333333333333333333333333333333333333", role = "bridge" }]
[[asset]]
chain = 1
symbol = "ETH"
decimals = 18
usd = "3000"
[[token]]
name = "ana-laptop"
role = "admin"
token = "example-token-of-ana"
[[integration]]
id = "prometheus"
key = "0123456789abcdef"
[[source]]
id = "own"
chain = 1
http = "http://127.0.0.1:8545"
"#;

    /// Lines and texts of the mistakes of the house with `more`.
    fn mistakes(more: &str) -> Vec<(usize, String)> {
        let parts = Parts::new(SystemClock::new()).unwrap();
        match parse(&format!("{A_HOUSE}{more}"), Path::new("/nowhere"), &parts) {
            Ok(_) => Vec::new(),
            Err(error) => {
                error.mistakes().iter().map(|mistake| (mistake.line.unwrap_or(0), mistake.what.clone())).collect()
            }
        }
    }

    /// The line in which `text` stands, in the house with `more`; the last where it stands twice.
    fn line(more: &str, text: &str) -> (usize, usize) {
        let whole = format!("{A_HOUSE}{more}");
        let lines: Vec<usize> = (1..).zip(whole.lines()).filter(|(_, l)| l.contains(text)).map(|(n, _)| n).collect();
        (*lines.first().unwrap(), *lines.last().unwrap())
    }

    #[test]
    fn what_is_there_twice_is_told_with_both_lines() {
        assert_eq!(mistakes(""), []);
        let cases = [
            (
                "[[policy]]\nid = \"all\"\ntiers = [{ people = [\"ana\"], delay = \"5m\" }]\nfallback = \"ana\"\n",
                "id = \"all\"",
            ),
            ("[[schedule]]\nid = \"watch\"\nzone = \"UTC\"\nrotations = []\n", "id = \"watch\""),
            ("[[person]]\nid = \"ana\"\ncontacts = []\n", "id = \"ana\""),
            ("[[service]]\nid = \"bridge\"\nusers = 2\n", "id = \"bridge\""),
            (
                "[[service]]\nid = \"other\"\n[[service.addresses]]\nchain = 1\naddress = \"0x3333333333333333333333333333333333333333\"\nrole = \"wallet\"\n",
                "0x3333",
            ),
            ("[[asset]]\nchain = 1\nsymbol = \"ETH\"\ndecimals = 18\nusd = \"3001\"\n", "symbol = \"ETH\""),
            (
                "[[token]]\nname = \"ana-laptop\"\nrole = \"viewer\"\ntoken = \"quite another one\"\n",
                "name = \"ana-laptop\"",
            ),
            ("[[integration]]\nid = \"prometheus\"\nkey = \"another\"\n", "id = \"prometheus\""),
            ("[[source]]\nid = \"own\"\nchain = 5\nhttp = \"http://127.0.0.1:8546\"\n", "id = \"own\""),
            ("[channel.hook]\nkind = \"webhook\"\n", "[channel.hook]"),
        ];
        for (more, text) in cases {
            let (first, second) = line(more, text);
            let found = mistakes(more);
            let told = found
                .iter()
                .any(|(line, what)| *line == second && what.ends_with(&format!("is there already, in line {first}")));
            assert!(first < second && told, "{more}: lines {first} and {second}, but {found:?}");
        }
    }

    #[test]
    fn one_secret_of_two_is_told_and_not_shown() {
        let digest = "e1b2d0a3a6fb1ee6d2cf8ad5d9aa5a5ad4b9e6e1d87b6b0a2c6d9cd4e8b7f3a1";
        let same = format!("[[token]]\nname = \"x\"\nrole = \"viewer\"\nsha256 = \"{digest}\"\n");
        for (more, first, second) in [
            (
                "[[token]]\nname = \"bo\"\nrole = \"viewer\"\ntoken = \"example-token-of-ana\"\n".to_owned(),
                "\"ana-laptop\"",
                "\"bo\"",
            ),
            (
                "[[integration]]\nid = \"checks\"\nkey = \"0123456789abcdef\"\n".to_owned(),
                "\"prometheus\"",
                "\"checks\"",
            ),
            (
                "[[integration]]\nid = \"checks\"\nkey = \"example-token-of-ana\"\n".to_owned(),
                "\"ana-laptop\"",
                "\"checks\"",
            ),
            (format!("{same}{}", same.replace("\"x\"", "\"y\"")), "\"x\"", "\"y\""),
        ] {
            let (first, second) = (line(&more, first).0, line(&more, second).0);
            let what = format!("it has the same secret as the one in line {first}");
            assert_eq!(mistakes(&more), [(second, what)], "{more}");
        }
    }

    #[test]
    fn a_secret_that_could_be_found_by_trying_is_told_with_its_line() {
        for (more, text, what) in [
            ("[[integration]]\nid = \"checks\"\nkey = \"fifteen letters\"\n", "fifteen", "key"),
            ("[[token]]\nname = \"bo\"\nrole = \"viewer\"\ntoken = \"fifteen letters\"\n", "fifteen", "token"),
        ] {
            let told = format!("the {what} is shorter than 16 characters");
            assert_eq!(mistakes(more), [(line(more, text).0, told)], "{more}");
        }
    }

    #[test]
    fn an_address_of_a_store_is_read_before_it_is_used() {
        for (url, want) in [
            ("postgres://u@h/d?sslmode=verify_full", "`verify_full` is no sslmode"),
            ("postgres://u@h/d?sslmode=allow", "`sslmode=allow` is not supported"),
            ("postgres://u@h/d?sslrootcert=ca.pem", "name the file in `authorities`"),
            ("postgres://u@h:port/d", "invalid"),
        ] {
            let more = format!("[store]\nkind = \"postgres\"\nurl = \"{url}\"\n");
            let found = mistakes(&more);
            let [(at, what)] = found.as_slice() else { panic!("{url}: {found:?}") };
            assert!(*at == line(&more, "url = \"postgres").0 && what.contains(want), "{url}: {found:?}");
        }
        assert_eq!(mistakes("[store]\nkind = \"postgres\"\nurl = \"postgres://u@h/d?sslmode=disable\"\n"), []);
    }

    #[test]
    fn twice_within_one_section() {
        let contact = "{ channel = \"hook\", address = \"bo\" },\n";
        let more = format!("[[person]]\nid = \"bo\"\ncontacts = [\n{contact}{contact}]\n");
        let (first, second) = line(&more, "address = \"bo\"");
        assert_eq!(
            mistakes(&more),
            [(second, format!("the contact on channel `hook` is there already, in line {first}"))]
        );

        let over = |who| {
            format!("{{ from = \"2027-01-01T00:00:00Z\", until = \"2027-01-02T00:00:00Z\", person = \"{who}\" }},\n")
        };
        let rotation = "{ people = [\"ana\"], start = \"2026-01-05T08:00\", weeks = 1 }";
        let more = format!(
            "[[schedule]]\nid = \"second\"\nzone = \"UTC\"\nrotations = [{rotation}]\noverrides = [\n{}{}]\n",
            over("ana"),
            over("ana")
        );
        let (first, second) = line(&more, "2027-01-01");
        let span = "from 2027-01-01T00:00:00Z until 2027-01-02T00:00:00Z";
        assert_eq!(mistakes(&more), [(second, format!("an override {span} is there already, in line {first}"))]);

        let more = "[[source]]\nid = \"third\"\nchain = 1\nhttp = \"http://n:1\"\nwitnesses = [\"http://n:1\"]\n";
        assert_eq!(
            mistakes(more),
            [(line(more, "witnesses").0, "a node is there twice: it would agree with itself".to_owned())]
        );
    }
}
