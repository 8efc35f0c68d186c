//! `[validation]` and `[[check]]`: what an incident must pass before it is over. Tests: below, and `tests/mistakes.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::ChainId,
    id::{CheckId, ServiceId},
    incident::Severity,
    limits::{
        CHECK_EVERY_MAX, CHECK_EVERY_MIN, CHECK_FAILURES_MAX, CHECK_TIMEOUT_MAX, CHECKS_MAX, TITLE_BYTES_MAX, WATCH_MAX,
    },
    near,
    setting::Rules,
    time::human_span,
    validation::{Check, Judge, Validation},
};
use quarterdeck_sources::{ChainSource, evm};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use url::{Host, Url};

use super::{Mistakes, wallets::raw};
use crate::{
    checks::{
        Expression, Probe,
        probe::{Balance, Http, Look, Node, OF_HTTP, OF_INCIDENT, OF_RPC, Place},
    },
    config::{
        Mistake,
        mistake::Lines,
        shape::{CheckSection, File, ValidationSection},
    },
};

/// The words of kinds, as they are written.
const KINDS: [&str; 6] = ["quiet", "http", "rpc", "nodes_agree", "wallet_balance", "cel"];
/// Headers of one request: more are a browser's.
const HEADERS_MAX: usize = 16;
/// Bytes of the parameters of one question to a node: a call with a few arguments has a few hundred.
const PARAMS_BYTES_MAX: usize = 16 * 1024;

/// The rules' part of the checks, and how each that is made outside is made.
pub(super) fn validation(
    file: &File,
    (catalogue, sources): (&Catalogue, &[ChainSource]),
    mistakes: &mut Mistakes<'_>,
) -> (Validation, BTreeMap<CheckId, Probe>) {
    let mut validation = spans(&file.validation, mistakes);
    let mut probes = BTreeMap::new();
    let unsure = !mistakes.found.is_empty();
    if file.check.len() > CHECKS_MAX {
        let what = format!("{} checks: want at most {CHECKS_MAX}", file.check.len());
        mistakes.add("check", CHECKS_MAX, "name", what, "take some together");
    }
    for (nth, section) in file.check.iter().enumerate() {
        let one = One { nth, section, catalogue, sources, usual: validation.timeout, unsure };
        let id = mistakes.name(section.name.get_ref(), ("check", nth, "name"));
        let (services, severities) = (one.services(mistakes), one.severities(mistakes));
        let Some((judge, probe)) = one.judge(mistakes) else { continue };
        let Some(id) = id else { continue };
        let title = one.title(probe.as_ref(), mistakes);
        probes.extend(probe.map(|probe| (id.clone(), probe)));
        validation.checks.insert(id.clone(), Check { id, title, services, severities, judge });
    }
    (validation, probes)
}

/// Checks that may take for quiet what is told again and again: a repeat is kept at least every window, and not always sooner.
pub(super) fn hasty(file: &File, rules: &Rules, lines: &Lines) -> Vec<Mistake> {
    let judge = |nth: usize| {
        let id = CheckId::new(file.check.get(nth)?.name.get_ref()).ok()?;
        Some(rules.validation.checks.get(&id)?.judge)
    };
    let hasty = |nth: usize| match judge(nth) {
        Some(Judge::Quiet(span)) if span <= rules.window => Some(Mistake {
            line: lines.find("check", nth, "for"),
            path: "check.for".to_owned(),
            what: format!(
                "it is no longer than `window`, {}: what says the same again may be taken for quiet",
                human_span(rules.window)
            ),
            remedy: "write a longer span, or a shorter `window` in `[response]`".to_owned(),
        }),
        Some(Judge::Quiet(_) | Judge::Shell(_)) | None => None,
    };
    (0..file.check.len()).filter_map(hasty).collect()
}

fn spans(section: &ValidationSection, mistakes: &mut Mistakes<'_>) -> Validation {
    let usual = Validation::default();
    let mut span = |text: &Option<String>, key: &'static str, usual: Duration, (min, max): (Duration, Duration)| {
        let Some(span) = text.as_ref().and_then(|text| mistakes.span(text, ("validation", 0, key))) else {
            return usual;
        };
        if span < min || span > max {
            let remedy = format!("want {} to {}", human_span(min), human_span(max));
            mistakes.add("validation", 0, key, format!("{} is outside its bounds", human_span(span)), &remedy);
        }
        span
    };
    let watch = match section.watch.as_deref() {
        Some("never") => Duration::ZERO,
        _ => span(&section.watch, "watch", usual.watch, (CHECK_EVERY_MIN, WATCH_MAX)),
    };
    let max_age = span(&section.max_age, "max_age", usual.max_age, (CHECK_EVERY_MIN, CHECK_EVERY_MAX));
    let every = span(&section.every, "every", usual.every, (CHECK_EVERY_MIN, CHECK_EVERY_MAX));
    let timeout = span(&section.timeout, "timeout", usual.timeout, (Duration::from_millis(50), CHECK_TIMEOUT_MAX));
    if every > max_age {
        let what = "it is longer than `max_age`: what was seen is out of date before it is looked at again";
        mistakes.add("validation", 0, "every", what, "write a shorter span, or a longer `max_age`");
    }
    let failures = section.failures.unwrap_or(usual.failures);
    if failures == 0 || failures > CHECK_FAILURES_MAX {
        let what = format!("{failures} failures in a row");
        mistakes.add("validation", 0, "failures", what, &format!("want 1 to {CHECK_FAILURES_MAX}"));
    }
    Validation { checks: BTreeMap::new(), watch, max_age, every, failures, timeout }
}

/// A section, and what it may name.
struct One<'a> {
    nth: usize,
    section: &'a CheckSection,
    catalogue: &'a Catalogue,
    sources: &'a [ChainSource],
    usual: Duration,
    /// Whether something was wrong before: what is not there may be what could not be read, and is told there.
    unsure: bool,
}

impl One<'_> {
    const fn at<'k>(&self, key: &'k str) -> (&'static str, usize, &'k str) {
        ("check", self.nth, key)
    }

    fn add(&self, key: &str, what: impl Into<String>, remedy: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.add("check", self.nth, key, what, remedy);
    }

    /// Notes that what it names is not there.
    fn misses(&self, key: &str, what: String, remedy: &str, mistakes: &mut Mistakes<'_>) {
        if !self.unsure {
            self.add(key, what, remedy, mistakes);
        }
    }

    fn services(&self, mistakes: &mut Mistakes<'_>) -> BTreeSet<ServiceId> {
        let mut found = BTreeSet::new();
        for text in &self.section.services {
            let Some(name) = mistakes.name(text, self.at("services")) else { continue };
            if !self.catalogue.services.contains_key(&name) {
                let known: Vec<&str> = self.catalogue.services.keys().map(ServiceId::as_str).collect();
                let remedy = near::remedy(text, &known, "add a `[[service]]`");
                self.misses("services", format!("no service `{text}` is configured"), &remedy, mistakes);
            }
            found.insert(name);
        }
        found
    }

    fn severities(&self, mistakes: &mut Mistakes<'_>) -> BTreeSet<Severity> {
        let read = |text: &String| mistakes.take(text.parse::<Severity>(), self.at("severities"), "write SEV1 to SEV5");
        self.section.severities.iter().filter_map(read).collect()
    }

    fn title(&self, probe: Option<&Probe>, mistakes: &mut Mistakes<'_>) -> String {
        let section = self.section;
        let Some(title) = &section.title else {
            return match probe.map(|probe| &probe.look) {
                None => format!("nothing came for {}", section.span.as_deref().unwrap_or_default()),
                Some(Look::Http(http)) => format!("{} {}", http.method, http.place),
                Some(Look::Rpc { node, method, .. }) => format!("{method} at {}", node.name),
                Some(Look::NodesAgree { nodes, at_least }) => format!("{at_least} of {} nodes agree", nodes.len()),
                Some(Look::WalletBalance(balance)) => format!("{} of {}", balance.symbol, balance.wallet),
                Some(Look::Cel(expect)) => expect.source().to_owned(),
            };
        };
        let line = title.trim();
        if line.is_empty() || line.len() > TITLE_BYTES_MAX || line.contains('\n') {
            self.add(
                "title",
                "it is not one line that says something",
                "say what is looked at, in a few words",
                mistakes,
            );
        }
        line.to_owned()
    }

    /// Who can say whether it passes, and how it is made outside.
    fn judge(&self, mistakes: &mut Mistakes<'_>) -> Option<(Judge, Option<Probe>)> {
        let section = self.section;
        let kind = section.kind.as_str();
        let takes: &[&str] = match kind {
            "quiet" => &["for"],
            "http" => &["url", "method", "headers", "status", "expect", "allow_http", "timeout"],
            "rpc" => &["source", "url", "method", "params", "expect", "allow_http", "timeout"],
            "nodes_agree" => &["chain", "at_least", "timeout"],
            "wallet_balance" => &["wallet", "asset", "source", "at_least", "at_most", "timeout"],
            "cel" => &["expect", "timeout"],
            other => {
                let remedy = near::remedy(other, &KINDS, "");
                self.add("kind", format!("`{other}` is no kind of check"), &remedy, mistakes);
                return None;
            }
        };
        let before = mistakes.found.len();
        for key in section.given() {
            if !takes.contains(&key) {
                let remedy = format!("take it out: it takes {}", takes.join(", "));
                self.add(key, format!("`{key}` means nothing to a check of kind `{kind}`"), &remedy, mistakes);
            }
        }
        if kind == "quiet" {
            let span = self.quiet(mistakes)?;
            return (mistakes.found.len() == before).then_some((Judge::Quiet(span), None));
        }
        let look = match kind {
            "http" => self.http(mistakes),
            "rpc" => self.rpc(mistakes),
            "nodes_agree" => self.nodes_agree(mistakes),
            "wallet_balance" => self.balance(mistakes),
            _ => self.expect(&OF_INCIDENT, true, mistakes).flatten().map(Look::Cel),
        };
        let timeout = self.timeout(mistakes);
        let look = look.filter(|_| mistakes.found.len() == before)?;
        Some((Judge::Shell(look.word()), Some(Probe { look, timeout })))
    }

    fn quiet(&self, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        let Some(text) = &self.section.span else {
            self.add("kind", "a check of kind `quiet` says for how long", "add `for = \"10m\"`", mistakes);
            return None;
        };
        let span = mistakes.span(text, self.at("for"))?;
        if span.is_zero() || span > WATCH_MAX {
            let remedy = format!("want up to {}", human_span(WATCH_MAX));
            self.add("for", format!("{} is no time to wait", human_span(span)), &remedy, mistakes);
        }
        Some(span)
    }

    fn timeout(&self, mistakes: &mut Mistakes<'_>) -> Duration {
        let Some(text) = &self.section.timeout else { return self.usual };
        let Some(span) = mistakes.span(text, self.at("timeout")) else { return self.usual };
        if span.is_zero() || span > CHECK_TIMEOUT_MAX {
            let remedy = format!("want up to {}", human_span(CHECK_TIMEOUT_MAX));
            self.add("timeout", format!("{} is outside its bounds", human_span(span)), &remedy, mistakes);
        }
        span
    }

    /// The condition. Outer none: a mistake was noted. Inner none: there is no condition, and none is needed.
    #[expect(clippy::option_option, reason = "a mistake is something else than the absence of what may be absent")]
    fn expect(&self, known: &[&str], needed: bool, mistakes: &mut Mistakes<'_>) -> Option<Option<Expression>> {
        let kind = &self.section.kind;
        let Some(text) = &self.section.expect else {
            if needed {
                let remedy = format!("add `expect`, a condition over {}", known.join(", "));
                self.add("kind", format!("a check of kind `{kind}` says what it expects"), &remedy, mistakes);
                return None;
            }
            return Some(None);
        };
        let remedy = format!("write a condition in CEL over {}", known.join(", "));
        mistakes.take(Expression::read(text, known), self.at("expect"), &remedy).map(Some)
    }

    fn place(&self, text: &str, mistakes: &mut Mistakes<'_>) -> Option<Place> {
        let text = mistakes.secret(text, self.at("url"))?;
        // The text may be a secret: what is wrong is told without it.
        let Ok(url) = Url::parse(&text) else {
            self.add("url", "it is no address", "write `https://host/path`", mistakes);
            return None;
        };
        let local = match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => {
                self.add("url", "it names no host", "write `https://host/path`", mistakes);
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            let remedy = "send it as a header: `headers = { authorization = \"env:CHECK_TOKEN\" }`";
            self.add("url", "a user and password in the address are not sent", remedy, mistakes);
            return None;
        }
        match url.scheme() {
            "https" => Some(Place { url }),
            "http" if local || self.section.allow_http => Some(Place { url }),
            "http" => {
                let what = "it is asked in the clear: whoever is on the way can answer that all is well";
                self.add("url", what, "write https, or add `allow_http = true`", mistakes);
                None
            }
            other => {
                self.add("url", format!("`{other}` is no way to ask"), "write https", mistakes);
                None
            }
        }
    }

    fn http(&self, mistakes: &mut Mistakes<'_>) -> Option<Look> {
        let section = self.section;
        let Some(url) = &section.url else {
            self.add("kind", "a check of kind `http` asks an address", "add `url`", mistakes);
            return None;
        };
        let place = self.place(url, mistakes);
        let method = match section.method.as_deref().unwrap_or("GET") {
            "GET" => Some(Method::GET),
            "HEAD" => Some(Method::HEAD),
            other => {
                let what = format!("`{other}`: a check changes nothing where it asks");
                self.add("method", what, "write GET or HEAD", mistakes);
                None
            }
        };
        for status in section.status.iter().filter(|status| !(100..600).contains(*status)) {
            self.add("status", format!("{status} is no status of HTTP"), "write 100 to 599", mistakes);
        }
        let (headers, expect) = (self.headers(mistakes), self.expect(&OF_HTTP, false, mistakes)?);
        let (place, method) = (place?, method?);
        Some(Look::Http(Box::new(Http { place, method, headers, status: section.status.clone(), expect })))
    }

    fn headers(&self, mistakes: &mut Mistakes<'_>) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        if self.section.headers.len() > HEADERS_MAX {
            let what = format!("{} headers: want at most {HEADERS_MAX}", self.section.headers.len());
            self.add("headers", what, "take some out", mistakes);
        }
        for (name, text) in &self.section.headers {
            let Some(value) = mistakes.secret(text, self.at("headers")) else { continue };
            let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
            let Some((name, mut value)) = pair else {
                self.add(
                    "headers",
                    format!("`{name}` is no header, or its value is none"),
                    "write plain text",
                    mistakes,
                );
                continue;
            };
            value.set_sensitive(true);
            headers.push((name, value));
        }
        headers
    }

    /// The nodes of a source: its own, then its witnesses.
    fn nodes(source: &ChainSource) -> Vec<Node> {
        let own = source.settings.text(&evm::HTTP).into_iter();
        let all = own.chain(source.settings.texts(&evm::WITNESSES).iter().map(String::as_str));
        let node = |(place, text): (usize, &str)| {
            let name = if place == 0 { source.id.to_string() } else { format!("{} witness {place}", source.id) };
            Url::parse(text).ok().map(|url| Node { name, place: Place { url }, chain: source.chain.number() })
        };
        all.enumerate().filter_map(node).collect()
    }

    fn source(&self, name: &str, mistakes: &mut Mistakes<'_>) -> Option<Node> {
        let found = self.sources.iter().find(|source| source.id.as_str() == name);
        let node = found.and_then(|source| Self::nodes(source).into_iter().next());
        if node.is_none() {
            let known: Vec<&str> = self.sources.iter().map(|source| source.id.as_str()).collect();
            let remedy = near::remedy(name, &known, "add a `[[source]]` with `http`");
            self.misses("source", format!("no source `{name}` with a node is configured"), &remedy, mistakes);
        }
        node
    }

    fn rpc(&self, mistakes: &mut Mistakes<'_>) -> Option<Look> {
        let section = self.section;
        let node = match (&section.source, &section.url) {
            (Some(name), None) => self.source(name, mistakes),
            (None, Some(url)) => {
                self.place(url, mistakes).map(|place| Node { name: place.to_string(), place, chain: None })
            }
            _ => {
                self.add("kind", "a check of kind `rpc` asks one node", "add `source` or `url`, not both", mistakes);
                None
            }
        };
        let reads = |method: &str| {
            let read = [
                "eth_call",
                "eth_get",
                "eth_block",
                "eth_chainId",
                "eth_syncing",
                "net_",
                "web3_",
                "eth_gas",
                "eth_fee",
            ];
            read.iter().any(|prefix| method.starts_with(prefix))
        };
        let method = section.method.clone().filter(|method| reads(method));
        if method.is_none() {
            let what = format!("`{}`: a check only reads", section.method.as_deref().unwrap_or_default());
            self.add("method", what, "write a method that reads, such as `eth_call`", mistakes);
        }
        let params = section.params.clone().map_or_else(|| Ok(serde_json::json!([])), serde_json::to_value);
        let params = mistakes.take(params, self.at("params"), "write a list, as the node takes it");
        if params.as_ref().is_some_and(|params| params.to_string().len() > PARAMS_BYTES_MAX) {
            self.add("params", format!("they are longer than {PARAMS_BYTES_MAX} bytes"), "ask for less", mistakes);
        }
        let expect = self.expect(&OF_RPC, true, mistakes).flatten();
        Some(Look::Rpc { node: node?, method: method?, params: params?, expect: expect? })
    }

    fn nodes_agree(&self, mistakes: &mut Mistakes<'_>) -> Option<Look> {
        let Some(chain) = self.section.chain else {
            self.add("kind", "a check of kind `nodes_agree` is about a chain", "add `chain = 1`", mistakes);
            return None;
        };
        let here = self.sources.iter().filter(|source| source.chain == ChainId::evm(chain));
        let mut nodes: Vec<Node> = Vec::new();
        for node in here.flat_map(Self::nodes) {
            // One node in two sources would agree with itself.
            if !nodes.iter().any(|known| known.place == node.place) {
                nodes.push(node);
            }
        }
        let want = self.section.at_least.as_ref().map_or(Ok(2), |value| match value {
            toml::Value::Integer(number) => usize::try_from(*number).map_err(|error| error.to_string()),
            other => Err(format!("`{other}` is no number of nodes")),
        });
        let at_least = mistakes.take(want, self.at("at_least"), "write how many must agree, such as 2")?;
        if at_least < 2 || at_least > nodes.len() {
            let what = format!("{at_least} of the {} nodes that sources have of chain {chain}", nodes.len());
            let remedy = "want 2 up to as many as there are: add `witnesses` to a `[[source]]`";
            self.misses(if self.section.at_least.is_some() { "at_least" } else { "chain" }, what, remedy, mistakes);
            return None;
        }
        Some(Look::NodesAgree { nodes, at_least })
    }

    /// Who is asked about a chain: the named source, else the first that follows it.
    fn node_of(&self, chain: ChainId, mistakes: &mut Mistakes<'_>) -> Option<Node> {
        if let Some(name) = &self.section.source {
            return self.source(name, mistakes);
        }
        let followed = self.sources.iter().find(|source| source.chain == chain);
        let node = followed.and_then(|source| Self::nodes(source).into_iter().next());
        if node.is_none() {
            let what = format!("no source follows chain {chain}");
            self.misses("wallet", what, "add a `[[source]]` of that chain", mistakes);
        }
        node
    }

    fn balance(&self, mistakes: &mut Mistakes<'_>) -> Option<Look> {
        let section = self.section;
        let (Some(wallet), Some(symbol)) = (&section.wallet, &section.asset) else {
            let what = "a check of kind `wallet_balance` is about an asset in a wallet";
            self.add("kind", what, "add `wallet` and `asset`", mistakes);
            return None;
        };
        let ours = self.catalogue.services.values().flat_map(|service| &service.addresses);
        let wallets: Vec<_> = ours.collect();
        let found = wallets.iter().find(|one| one.label == *wallet || one.address.to_string() == *wallet);
        let Some(watched) = found else {
            let known: Vec<&str> = wallets.iter().map(|one| one.label.as_str()).collect();
            let remedy = near::remedy(wallet, &known, "add it to a service's `addresses`");
            self.misses("wallet", format!("no address of ours is called `{wallet}`"), &remedy, mistakes);
            return None;
        };
        let here = || self.catalogue.assets.values().filter(|asset| asset.chain == watched.chain);
        let Some(asset) = here().find(|asset| asset.symbol == *symbol) else {
            let known: Vec<&str> = here().map(|asset| asset.symbol.as_str()).collect();
            let what = format!("no asset `{symbol}` of chain {} is configured", watched.chain);
            self.misses("asset", what, &near::remedy(symbol, &known, "add an `[[asset]]`"), mistakes);
            return None;
        };
        let node = self.node_of(watched.chain, mistakes)?;
        let Some(account) = watched.address.evm() else {
            self.add(
                "wallet",
                "only accounts of EVM chains can be asked for",
                "name an account of an EVM chain",
                mistakes,
            );
            return None;
        };
        let decimals = asset.price.decimals;
        let amount = |value: &Option<toml::Value>, key: &'static str, mistakes: &mut Mistakes<'_>| {
            let text = match value.as_ref()? {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            mistakes.take(
                raw(&text, decimals),
                self.at(key),
                "write units of the asset in quotes, for example \"12.5\"",
            )
        };
        let at_least = amount(&section.at_least, "at_least", mistakes);
        let at_most = amount(&section.at_most, "at_most", mistakes);
        if section.at_least.is_none() && section.at_most.is_none() {
            self.add("kind", "it says nothing of how much must be there", "add `at_least` or `at_most`", mistakes);
        }
        if at_least.zip(at_most).is_some_and(|(least, most)| least > most) {
            self.add("at_most", "it is less than `at_least`", "exchange them", mistakes);
        }
        Some(Look::WalletBalance(Box::new(Balance {
            node,
            wallet: watched.label.clone(),
            account,
            token: asset.token,
            symbol: symbol.clone(),
            decimals,
            at_least,
            at_most,
        })))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::resolve::small::read;

    fn check(kind: &str, keys: &str) -> String {
        format!("[[check]]\nname = \"one\"\nkind = \"{kind}\"\n{keys}\n")
    }

    #[test]
    fn what_a_check_lacks_or_cannot_mean_is_told_with_its_place() {
        for (text, said) in [
            (check("http", ""), "asks an address"),
            (check("http", "url = \"http://10.0.0.1/health\""), "asked in the clear"),
            (check("http", "url = \"https://me:secret@host/\""), "a user and password"),
            (check("http", "url = \"https://host/\"\nmethod = \"POST\""), "changes nothing where it asks"),
            (check("http", "url = \"https://host/\"\nexpect = \"json.ok ==\""), "check.expect"),
            (check("http", "url = \"https://host/\"\nexpect = \"jsn.ok\""), "write `json` if that is meant"),
            (check("http", "url = \"https://host/\"\nstatus = [99]"), "99 is no status"),
            (
                check("http", "url = \"https://host/\"\nwallet = \"x\""),
                "`wallet` means nothing to a check of kind `http`",
            ),
            (check("rpc", "method = \"eth_call\"\nexpect = \"result == '0x'\""), "asks one node"),
            (
                check("rpc", "source = \"nod\"\nmethod = \"eth_call\"\nexpect = \"result == '0x'\""),
                "write `node` if that is meant",
            ),
            (
                check("rpc", "source = \"node\"\nmethod = \"eth_sendRawTransaction\"\nexpect = \"result == '0x'\""),
                "a check only reads",
            ),
            (check("rpc", "source = \"node\"\nmethod = \"eth_call\""), "says what it expects"),
            (check("nodes_agree", "chain = 1"), "2 of the 1 nodes"),
            (
                check("wallet_balance", "wallet = \"hot\"\nasset = \"ETH\"\nat_least = \"1\""),
                "no address of ours is called `hot`",
            ),
            (check("quiet", ""), "says for how long"),
            (check("cel", "expect = \"true\""), "it looks at nothing"),
            (check("html", ""), "no kind of check"),
            (check("quiet", "for = \"20m\"\nservices = [\"moon\"]"), "no service `moon`"),
            (check("quiet", "for = \"20m\"\nseverities = [\"SEV9\"]"), "check.severities"),
            ("[validation]\nevery = \"1h\"".to_owned(), "longer than `max_age`"),
            ("[validation]\nfailures = 0".to_owned(), "0 failures in a row"),
            ("[validation]\nwatch = \"30d\"".to_owned(), "outside its bounds"),
            ("[validation]\ntimeout = \"1h\"".to_owned(), "outside its bounds"),
        ] {
            let Err(found) = read(&text) else { panic!("{text}: taken") };
            assert!(found.len() == 1 && found[0].contains(said), "{text}: {found:#?}");
            assert!(!found[0].contains("secret"), "{found:#?}");
        }
    }

    #[test]
    fn a_span_of_quiet_within_the_window_is_a_warning() {
        let warned = |span: &str| {
            let read = read(&check("quiet", &format!("for = \"{span}\""))).unwrap();
            read.warnings.iter().filter(|warning| warning.path == "check.for").count()
        };
        assert_eq!((warned("15m"), warned("16m")), (1, 0));
    }
}
