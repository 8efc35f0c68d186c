//! What a monitor told us, in our words: the shape that every format of monitors is read into.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{DetectorId, Id, ServiceId, SourceId},
    limits::{LABEL_BYTES_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX},
    signal::{Explanation, Facts, Fingerprint, Loudness, Signal, SignalChange, SignalStatus},
    time::{Timestamp, human_span},
};

use crate::{
    bounds::{FormatError, clip, line, quote},
    severity::{NO_WORDS, SeverityWords},
};

/// Who was heard, when, and what they may refer to.
#[derive(Clone, Copy)]
pub struct Hearing<'a> {
    /// The integration. Claims of different sources are never the same claim.
    pub source: &'a SourceId,
    /// When it was heard, by instants that go on whatever is done to this machine's clock: what one claim is told of comes in the order
    /// in which it is told.
    pub now: Timestamp,
    /// What this machine's clock showed then: what a monitor's own instants are compared with.
    pub wall: Timestamp,
    /// How long a claim without an end holds if it is not repeated, for formats that repeat. Alertmanager's default is five
    /// minutes.
    pub resolve_timeout: Duration,
    /// What the operator's own words of severity mean.
    pub words: &'a SeverityWords,
    /// The labels by whose values claims about no known service are grouped, if the operator says so.
    pub group_by: Option<&'a [String]>,
    /// Whether the catalogue has such a service.
    pub is_service: &'a dyn Fn(&ServiceId) -> bool,
}

impl fmt::Debug for Hearing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearing").field("source", self.source).field("now", &self.now).finish_non_exhaustive()
    }
}

/// A change of a signal, and how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The change. Only `Raised` and `Ended` come from monitors.
    pub change: SignalChange,
    /// If the claim is not repeated, it ends at this instant: the caller sets a timer, and sets it anew at each repetition.
    /// None: it holds until the monitor says that it is over.
    pub expires: Option<Timestamp>,
}

/// What one request told us. The good part of a bad request counts: one broken label must not cost 63 other pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// What was understood, in the order of the request.
    pub heard: Vec<Heard>,
    /// What was not. If there is any, the answer is 400 and names all of them, though `heard` is taken.
    pub refused: Vec<FormatError>,
}

impl Batch {
    /// The signal that says that something was refused: most monitors do not look at our answer, so a person must hear of it.
    pub fn refusal(&self, hearing: &Hearing<'_>) -> Option<Heard> {
        let first = self.refused.first()?;
        let count = self.refused.len();
        let claim = Report {
            detector: "refused_input",
            title: format!("{} sent {count} that we could not read", hearing.source),
            text: format!("Not counted, and nobody was paged for it. The first: {first}."),
            ..Report::new(hearing, &[b"refused"], hearing.now)
        };
        Some(claim.raised(hearing, Some(hearing.wall.plus(hearing.resolve_timeout))))
    }
    /// All refusals, for an answer's body.
    pub fn refusals(&self) -> String {
        let texts: Vec<String> = self.refused.iter().take(REFUSALS_SHOWN_MAX).map(ToString::to_string).collect();
        let more = self.refused.len().saturating_sub(texts.len());
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        format!("{}{more}", texts.join("; "))
    }
}

/// Refusals repeated in one answer.
const REFUSALS_SHOWN_MAX: usize = 16;

/// What a monitor reports, before it becomes a signal.
pub(crate) struct Report {
    pub(crate) detector: &'static str,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) start: Timestamp,
    pub(crate) loudness: Loudness,
    pub(crate) service: Option<ServiceId>,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) facts: Facts,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) link: Option<String>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    pub(crate) drill: bool,
}

impl Report {
    /// A warning about nothing yet. `key` tells this source's claims apart.
    pub(crate) fn new(hearing: &Hearing<'_>, key: &[&[u8]], start: Timestamp) -> Self {
        Self {
            detector: "webhook",
            fingerprint: fingerprint(hearing.source, key),
            start,
            loudness: Loudness::Warning,
            service: None,
            title: String::new(),
            text: String::new(),
            facts: Facts::default(),
            labels: BTreeMap::new(),
            link: None,
            annotations: None,
            drill: false,
        }
    }

    /// What a claim about no known service is grouped by: the values of the labels that the operator names, together; else the first
    /// of those by which PagerDuty's clients and ours say what a thing is part of. None: its kind, as Alertmanager groups.
    fn group(&self, hearing: &Hearing<'_>) -> Option<String> {
        if self.service.is_some() {
            return None;
        }
        let said = |name: &str| Some(format!("{name}={}", self.labels.get(name).filter(|value| !value.is_empty())?));
        let said: Vec<String> = match hearing.group_by {
            Some(names) => names.iter().filter_map(|name| said(name)).collect(),
            None if PART_OF_FORMATS.contains(&self.detector) => {
                PART_OF.iter().find_map(|name| said(name)).into_iter().collect()
            }
            None => Vec::new(),
        };
        let group = format!("{}: {}", hearing.source, said.join(", "));
        (!said.is_empty()).then(|| line(&group, TITLE_BYTES_MAX))
    }

    /// The claim as a signal: bounded, and with an identifier that follows from source, claim and start.
    pub(crate) fn raised(self, hearing: &Hearing<'_>, expires: Option<Timestamp>) -> Heard {
        let group = self.group(hearing);
        let start_ms = self.start.as_ms().to_be_bytes();
        let title = line(&self.title, TITLE_BYTES_MAX);
        let title = if title.is_empty() { format!("{} without a title", hearing.source) } else { title };
        // A title that was cut is kept whole where there is room.
        let text = if line(&self.title, usize::MAX) == title || self.title.is_empty() {
            self.text
        } else {
            format!("{}\n{}", self.title, self.text)
        };
        let signal = Signal {
            id: Id::digest(&[b"monitor", hearing.source.as_str().as_bytes(), self.fingerprint.bytes(), &start_ms]),
            fingerprint: self.fingerprint,
            detector: detector(self.detector),
            parameters: String::new(),
            status: SignalStatus::Confirmed,
            loudness: self.loudness,
            service: self.service,
            title,
            explanation: Explanation { text: clip(text.trim(), TEXT_BYTES_MAX), numbers: Vec::new() },
            facts: self.facts,
            confidence_permille: CONFIDENCE_PERMILLE,
            position: None,
            parties: Vec::new(),
            labels: self.labels,
            link: self.link.filter(|link| is_link(link)),
            // A source whose clock is fast does not make a thing happen after it was heard of.
            event_time: self.start.min(hearing.now),
            observed: hearing.now,
            drill: false,
            repeats: expires.is_some(),
            source: Some(hearing.source.clone()),
            group,
            annotations: self.annotations,
            declared: None,
        };
        let signal = if self.drill { signal.into_drill() } else { signal };
        Heard { change: SignalChange::Raised { signal: Arc::new(signal) }, expires }
    }
}

/// Labels that say what a thing is part of, and the formats whose clients mean that by them.
const PART_OF: [&str; 3] = ["component", "group", "class"];
const PART_OF_FORMATS: [&str; 2] = ["pagerduty", "webhook"];

/// A monitor says what it sees; doubting it is the business of whoever wrote its rule.
const CONFIDENCE_PERMILLE: u16 = 1_000;

/// The end of a claim, not later than it was heard of.
pub(crate) fn ended(hearing: &Hearing<'_>, fingerprint: Fingerprint, at: Timestamp) -> Heard {
    Heard { change: SignalChange::Ended { fingerprint, at: at.min(hearing.now) }, expires: None }
}

/// Whether this source made the claim, told by what its identifier follows from. False of an exercise, and where the source's clock
/// was ahead: what is not known to be its own is another's.
pub fn is_claim_of(signal: &Signal, source: &SourceId) -> bool {
    let start_ms = signal.event_time.as_ms().to_be_bytes();
    signal.id == Id::digest(&[b"monitor", source.as_str().as_bytes(), signal.fingerprint.bytes(), &start_ms])
}

/// Who says that a monitor is not heard of.
const SILENT_MONITOR: &str = "silent_monitor";

/// The claim that a monitor, which is to be heard of every so often, was not.
pub fn not_heard(source: &SourceId, last: Timestamp, every: Duration, now: Timestamp) -> SignalChange {
    let nobody = |_: &ServiceId| false;
    let hearing = Hearing {
        source,
        now,
        wall: now,
        resolve_timeout: every,
        words: NO_WORDS,
        group_by: None,
        is_service: &nobody,
    };
    let span = human_span(every);
    let claim = Report {
        detector: SILENT_MONITOR,
        loudness: Loudness::Critical,
        title: format!("{source} has not been heard of for {span}"),
        text: format!(
            "Nothing came from this monitor since {last}, and something is expected every {span}. What it watches is not watched."
        ),
        ..Report::new(&hearing, &[b"heartbeat"], last.plus(every))
    };
    claim.raised(&hearing, None).change
}

/// The end of that claim: it was heard of.
pub fn heard_again(source: &SourceId, now: Timestamp) -> SignalChange {
    SignalChange::Ended { fingerprint: fingerprint(source, &[b"heartbeat"]), at: now }
}

/// The claim that our own certificate runs out at `ends`. `since`: when it was to be said, so that it is one claim however often it is.
pub fn runs_out(ends: Timestamp, since: Timestamp, loudness: Loudness, now: Timestamp) -> SignalChange {
    let nobody = |_: &ServiceId| false;
    let source = own_source();
    let hearing = Hearing {
        source: &source,
        now,
        wall: now,
        resolve_timeout: Duration::ZERO,
        words: NO_WORDS,
        group_by: None,
        is_service: &nobody,
    };
    let title = if ends <= now {
        "our certificate has run out: nobody reaches us any more".to_owned()
    } else {
        format!("our certificate runs out in {}", human_span(ends.since(now)))
    };
    let text = format!(
        "The certificate of [tls] holds until {ends}. After that monitors and people are turned away by their own programs. Renew it and \
         have the configuration read anew (`quarterdeck reload`); that ends this."
    );
    let claim = Report {
        detector: CERTIFICATE,
        loudness,
        title,
        text,
        ..Report::new(&hearing, &[CERTIFICATE.as_bytes()], since)
    };
    claim.raised(&hearing, None).change
}

/// The end of that claim: another one is in force.
pub fn renewed(now: Timestamp) -> SignalChange {
    SignalChange::Ended { fingerprint: fingerprint(&own_source(), &[CERTIFICATE.as_bytes()]), at: now }
}

/// Who says that our certificate runs out.
const CERTIFICATE: &str = "certificate";

#[expect(clippy::expect_used, reason = "the name is a constant, used by a test")]
fn own_source() -> SourceId {
    SourceId::new("quarterdeck").expect("invariant: it is a name")
}

/// The claim's identity among all sources.
pub(crate) fn fingerprint(source: &SourceId, key: &[&[u8]]) -> Fingerprint {
    let parts: Vec<&[u8]> =
        [b"monitor".as_slice(), source.as_str().as_bytes()].into_iter().chain(key.iter().copied()).collect();
    Fingerprint::of(&parts)
}

#[expect(clippy::expect_used, reason = "the names are constants of this crate, each used by a test")]
fn detector(name: &'static str) -> DetectorId {
    DetectorId::new(name).expect("invariant: the names of formats are names")
}

/// A link that a person may be offered: `http` or `https`, in one word.
fn is_link(link: &str) -> bool {
    let scheme = link.starts_with("https://") || link.starts_with("http://");
    scheme && link.len() <= LABEL_BYTES_MAX && !link.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// The service that a monitor means. One named on purpose that does not exist is said in words: the claim must not be lost
/// for a spelling mistake, nor the mistake be hidden.
pub(crate) fn service(
    hearing: &Hearing<'_>,
    named: Option<&str>,
    hints: &[Option<&str>],
) -> (Option<ServiceId>, String) {
    let known = |text: &str| ServiceId::new(text).ok().filter(|service| (hearing.is_service)(service));
    if let Some(named) = named {
        let found = known(named);
        let note = if found.is_some() {
            String::new()
        } else {
            format!("\nIt names the service `{}`, which the catalogue does not have.", quote(named))
        };
        return (found, note);
    }
    (hints.iter().flatten().find_map(|hint| known(hint)), String::new())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A source `mon` at noon, that knows the services `rpc` and `bridge`.
    pub(crate) fn with_hearing<T>(run: impl FnOnce(&Hearing<'_>) -> T) -> T {
        let source = SourceId::new("mon").unwrap();
        let is_service = |service: &ServiceId| matches!(service.as_str(), "rpc" | "bridge");
        run(&Hearing {
            source: &source,
            now: "2026-11-20T21:20:00Z".parse().unwrap(),
            wall: "2026-11-20T21:20:00Z".parse().unwrap(),
            resolve_timeout: Duration::from_mins(5),
            words: NO_WORDS,
            group_by: None,
            is_service: &is_service,
        })
    }

    /// The signal of a claim.
    pub(crate) fn raised(heard: &Heard) -> &Signal {
        match &heard.change {
            SignalChange::Raised { signal } => signal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_long_title_is_cut_and_kept() {
        with_hearing(|hearing| {
            let title = "é".repeat(300);
            let claim =
                Report { title: title.clone(), text: "why".to_owned(), ..Report::new(hearing, &[b"k"], hearing.now) };
            let heard = claim.raised(hearing, None);
            assert!(raised(&heard).title.len() <= TITLE_BYTES_MAX);
            assert_eq!(raised(&heard).explanation.text, format!("{title}\nwhy"));
        });
    }

    #[test]
    fn a_refusal_is_heard_of() {
        with_hearing(|hearing| {
            let refused = vec![FormatError::at("alerts[3].labels.a", "no"); 20];
            let batch = Batch { heard: Vec::new(), refused };
            let heard = batch.refusal(hearing).unwrap();
            assert_eq!(raised(&heard).title, "mon sent 20 that we could not read");
            assert!(batch.refusals().ends_with("; and 4 more"), "{}", batch.refusals());
            assert_eq!(Batch::default().refusal(hearing), None);
        });
    }

    #[test]
    fn only_what_can_be_followed_is_a_link() {
        assert!(is_link("http://vm:19090/graph?g0.expr=up"));
        for bad in ["javascript:alert(1)", "https://a b", "", "//x", "ftp://x", "https://x\n"] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
