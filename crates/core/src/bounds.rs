//! What one monitor or token may claim, how much of it, and what becomes of the rest.
//!
//! A monitor's key lies on many machines. Whoever has it may say a thing as often as they like, of whatever they like, and wake people
//! with it; so every integration has bounds, and so has every token, which a script may hold as well as a person. What is beyond them is never lost: it opens nothing by itself and is gathered in one
//! incident, as bad as the worst of it, by whose own signal people hear that and why. Decides nothing about incidents: see
//! [`crate::board`]. Tests: `board/tests/bounds.rs`.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    id::{Id, Name, ServiceId, SourceId},
    limits::TEXT_BYTES_MAX,
    money::Usd,
    severity::Severity,
    signal::{Explanation, Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

/// A fact that a monitor may or may not claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactKind {
    /// Money that is lost or in danger.
    MoneyAtRisk,
    /// How many people feel it.
    Users,
    /// That it cannot be undone.
    Irreversible,
    /// That a key is in the wrong hands.
    KeyCompromise,
    /// That funds are leaving now.
    Theft,
}

impl FactKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::MoneyAtRisk, Self::Users, Self::Irreversible, Self::KeyCompromise, Self::Theft];

    /// As it is written everywhere.
    pub const fn word(self) -> &'static str {
        match self {
            Self::MoneyAtRisk => "money_at_risk",
            Self::Users => "users",
            Self::Irreversible => "irreversible",
            Self::KeyCompromise => "key_compromise",
            Self::Theft => "theft",
        }
    }

    /// Takes it out of what is claimed. Whether it was claimed.
    fn take(self, facts: &mut Facts) -> bool {
        match self {
            Self::MoneyAtRisk => std::mem::replace(&mut facts.money_at_risk, Usd::ZERO) != Usd::ZERO,
            Self::Users => facts.users.take().is_some(),
            Self::Irreversible => std::mem::take(&mut facts.irreversible),
            Self::KeyCompromise => std::mem::take(&mut facts.key_compromise),
            Self::Theft => std::mem::take(&mut facts.theft),
        }
    }
}

/// The bounds of one integration or token. The defaults trouble no ordinary house: see each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// New signals in a minute; what stands and is only repeated is not counted. Default: 1,000, more than a Prometheus with a few
    /// hundred rules begins to fire in its worst minute.
    pub signals_a_minute: u32,
    /// Incidents that it opened and that are open at once. Default: 100, more than people can work on.
    pub open_incidents: usize,
    /// Those of them that are about no known service. Default: 5; further ones are likely one trouble with many names.
    pub apart: usize,
    /// The services that it may speak of; none: all.
    pub services: Option<BTreeSet<ServiceId>>,
    /// The facts that it may claim. Default: all.
    pub facts: BTreeSet<FactKind>,
    /// The loudest that it may be. Default: critical.
    pub loudest: Loudness,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            signals_a_minute: 1_000,
            open_incidents: 100,
            apart: 5,
            services: None,
            facts: FactKind::ALL.into(),
            loudest: Loudness::Critical,
        }
    }
}

impl Bounds {
    /// The signal without what its source may not claim, which its text says; none: it claims nothing of that kind.
    pub(crate) fn confined(&self, signal: &Signal) -> Option<Signal> {
        let mut facts = signal.facts.clone();
        let mut said: Vec<String> = Vec::new();
        for kind in FactKind::ALL.into_iter().filter(|kind| !self.facts.contains(kind)) {
            if kind.take(&mut facts) {
                said.push(kind.word().replace('_', " "));
            }
        }
        let loudness = signal.loudness.min(self.loudest);
        if loudness < signal.loudness {
            said.push(format!("that it is {}", signal.loudness.word()));
        }
        let mut declared = signal.declared.clone();
        if let Some(guess) = declared.as_mut()
            && as_loud(guess.severity) > self.loudest
        {
            said.push(format!("that it is {}", guess.severity));
            guess.severity = worst_of(self.loudest);
        }
        let mut service = signal.service.clone();
        let foreign = |service: &ServiceId| self.services.as_ref().is_some_and(|own| !own.contains(service));
        if service.as_ref().is_some_and(foreign) {
            said.extend(service.take().map(|service| format!("anything of the service {service}")));
        }
        if said.is_empty() {
            return None;
        }
        let note = format!("It may not claim, and it is not counted here: {}.", said.join(", "));
        let room = TEXT_BYTES_MAX.saturating_sub(note.len() + 1);
        let text = [cut(&signal.explanation.text, room), &note].join("\n").trim().to_owned();
        let explanation = Explanation { text, numbers: signal.explanation.numbers.clone() };
        Some(Signal { loudness, service, explanation, facts, declared, ..signal.clone() })
    }
}

/// How loud somebody is who guesses this severity: a bound on loudness holds for guesses, too.
const fn as_loud(severity: Severity) -> Loudness {
    match severity {
        Severity::Sev1 | Severity::Sev2 => Loudness::Critical,
        Severity::Sev3 => Loudness::Error,
        Severity::Sev4 => Loudness::Warning,
        Severity::Sev5 => Loudness::Info,
    }
}

/// The worst guess that is no louder than this.
const fn worst_of(loudest: Loudness) -> Severity {
    match loudest {
        Loudness::Critical => Severity::Sev1,
        Loudness::Error => Severity::Sev3,
        Loudness::Warning => Severity::Sev4,
        Loudness::Info => Severity::Sev5,
    }
}

/// The beginning of a text, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Why a signal opens no incident of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Its source says too much in a minute.
    Rate,
    /// Its source has too many incidents open.
    Open,
    /// It claims what its source may not.
    Reach,
    /// It is about no known service, and so are others of its source.
    Apart,
}

/// Begins the name of what a token posts. No integration may be called so.
pub const TOKEN: &str = "token.";

/// A source as people know it.
struct Speaker<'a> {
    /// What it is: the section of the configuration that names it.
    kind: &'static str,
    /// The key that names it there.
    key: &'static str,
    name: &'a str,
}

impl<'a> Speaker<'a> {
    fn of(source: &'a SourceId) -> Self {
        match source.as_str().strip_prefix(TOKEN) {
            Some(name) => Self { kind: "token", key: "name", name },
            None => Self { kind: "integration", key: "id", name: source.as_str() },
        }
    }
}

/// Who says that something was gathered because its source is over a bound, as detectors have names.
pub const OVER_BOUND: &str = "over_bound";
/// Who says that claims about no known service were gathered.
pub const GATHERED: &str = "gathered";

impl Beyond {
    /// Whether somebody should look at the source itself.
    const fn detector(self) -> &'static str {
        match self {
            Self::Rate | Self::Open | Self::Reach => OVER_BOUND,
            Self::Apart => GATHERED,
        }
    }

    /// What is gathered together: all that is too much, all that is not its business, all that has no place.
    const fn family(self) -> &'static str {
        match self {
            Self::Rate | Self::Open => "too much",
            Self::Reach => "not allowed",
            Self::Apart => "apart",
        }
    }

    fn text(self, source: &SourceId, bounds: &Bounds) -> String {
        let why = match self {
            Self::Rate => format!("More than {} new signals came from it within a minute", bounds.signals_a_minute),
            Self::Open => format!("{} incidents that it opened are open", bounds.open_incidents),
            Self::Reach => "It claims what it may not: look who has it".to_owned(),
            Self::Apart => format!("{} incidents about no known service are open that it opened", bounds.apart),
        };
        let Speaker { kind, key, name } = Speaker::of(source);
        format!(
            "{why}. What more comes opens nothing by itself and is gathered here; this is as bad as the worst of it. The bounds are those \
             of `[[{kind}]]` with `{key} = \"{name}\"`."
        )
    }
}

/// The claim that gathers what is beyond the bounds of a source: one for each service, so that whoever answers for that hears of it.
pub(crate) fn gathering(source: &SourceId, service: Option<&ServiceId>, why: Beyond, drill: bool) -> Fingerprint {
    let service = service.map_or("", ServiceId::as_str);
    let drill: &[u8] = if drill { b"drill" } else { b"" };
    Fingerprint::of(&[b"gathering", source.as_str().as_bytes(), service.as_bytes(), why.family().as_bytes(), drill])
}

/// Our own signal that says so.
pub(crate) fn gatherer(source: &SourceId, first: &Signal, why: Beyond, bounds: &Bounds, now: Timestamp) -> Arc<Signal> {
    let fingerprint = gathering(source, first.service.as_ref(), why, first.drill);
    let Speaker { kind, name, .. } = Speaker::of(source);
    let title = match why {
        Beyond::Rate | Beyond::Open => format!("{kind} {name} is over its bound"),
        Beyond::Reach => format!("{kind} {name} claims what it may not"),
        Beyond::Apart => format!("many things about no known service, says {source}"),
    };
    let labels = [("alertname", why.detector()), (kind, name)];
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Arc::new(Signal {
        id: Id::digest(&[fingerprint.bytes(), &now.as_ms().to_be_bytes()]),
        fingerprint,
        detector: Name::new(why.detector()).unwrap_or_else(|_| Name::unnamed()),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Warning,
        service: first.service.clone(),
        title,
        explanation: Explanation { text: why.text(source, bounds), numbers: Vec::new() },
        facts: Facts::default(),
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        labels,
        link: None,
        event_time: now,
        observed: now,
        drill: first.drill,
        repeats: false,
        annotations: None,
        declared: None,
        source: None,
        group: None,
    })
}
