//! What somebody declares: a title and a guess of how bad it is; facts come later. It becomes a signal, by which an incident of its own
//! opens. Asked again with the same key, title, service and kind it is the same declaration: a double click or a retried request opens
//! nothing. Tests: below, and `board/tests/declared.rs`.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    id::{Id, Name, ServiceId, SourceId},
    incident::{Actor, Refusal, Severity, text::says_something},
    limits::{DECLARATION_KEY_BYTES_MAX, SERVICES_NAMED_MAX, TITLE_BYTES_MAX},
    setting::Setting,
    signal::{DECLARED, Declared, Explanation, Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

/// What somebody declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Who declares it.
    pub by: Actor,
    /// The token that they use, by whose bounds it is judged.
    pub source: SourceId,
    /// One line: what is wrong with what.
    pub title: String,
    /// How bad they guess it is.
    pub severity: Severity,
    /// The service it is about, if they know.
    pub service: Option<ServiceId>,
    /// What they know of its impact.
    pub facts: Facts,
    /// An exercise.
    pub drill: bool,
    /// Made by the asker, once for each time that they mean to declare something.
    pub key: String,
}

impl Declaration {
    /// The signal that it becomes.
    pub fn signal(self, setting: &Setting, now: Timestamp) -> Result<Arc<Signal>, Refusal> {
        self.check(setting)?;
        let Self { by, source, title, severity, service, facts, drill, key } = self;
        let title = title.trim().to_owned();
        let named = service.as_ref().map_or("", ServiceId::as_str);
        let parts =
            [DECLARED.as_bytes(), source.as_str().as_bytes(), key.as_bytes(), title.as_bytes(), named.as_bytes()];
        let signal = Signal {
            id: Id::digest(&parts),
            fingerprint: Fingerprint::of(&parts),
            detector: Name::new(DECLARED).unwrap_or_else(|_| Name::unnamed()),
            parameters: String::new(),
            status: SignalStatus::Confirmed,
            // The guess speaks in the place of a source's own opinion: it is not counted twice.
            loudness: Loudness::Info,
            service,
            title,
            explanation: Explanation {
                text: format!("Declared by {by}, who guesses {severity}."),
                numbers: Vec::new(),
            },
            facts,
            confidence_permille: 1_000,
            position: None,
            parties: Vec::new(),
            labels: BTreeMap::new(),
            link: None,
            event_time: now,
            observed: now,
            drill: false,
            repeats: false,
            source: Some(source),
            group: None,
            annotations: None,
            declared: Some(Declared { severity, by }),
        };
        Ok(Arc::new(if drill { signal.into_drill() } else { signal }))
    }

    fn check(&self, setting: &Setting) -> Result<(), Refusal> {
        let Self { title, service, key, .. } = self;
        let bad = |field, value: &str, want: String| Refusal::bad_field(field, value, want);
        if title.trim().len() > TITLE_BYTES_MAX {
            return Err(Refusal::BadText { field: "title", bytes: title.trim().len(), max: TITLE_BYTES_MAX });
        }
        if !says_something(title) {
            return Err(bad("title", title, "want one line: what is wrong with what".to_owned()));
        }
        if title.chars().any(char::is_control) {
            return Err(bad("title", title, "want one line, without line ends or other control characters".to_owned()));
        }
        if key.is_empty() || key.len() > DECLARATION_KEY_BYTES_MAX {
            let want = format!("want 1 to {DECLARATION_KEY_BYTES_MAX} bytes, made anew for each declaration");
            return Err(bad("key", key, want));
        }
        let services = &setting.catalogue.services;
        if let Some(unknown) = service.as_ref().filter(|service| !services.contains_key(*service)) {
            let named: Vec<&str> = services.keys().take(SERVICES_NAMED_MAX).map(ServiceId::as_str).collect();
            let more = if services.len() > named.len() { " and more" } else { "" };
            let known = if named.is_empty() {
                "no service is configured: leave it out".to_owned()
            } else {
                format!("there is no such service; leave it out, or give one of {}{more}", named.join(", "))
            };
            return Err(bad("service", unknown.as_str(), known));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::Roster, priority::Weights, setting::Rules};

    fn setting() -> Setting {
        Setting {
            roster: Roster::default(),
            catalogue: Arc::default(),
            rules: Rules::default(),
            default_policy: "p".parse().unwrap(),
            weights: Weights::default(),
        }
    }

    fn declaration(title: &str) -> Declaration {
        Declaration {
            by: Actor::Person("ana".parse().unwrap()),
            source: "token.ana".parse().unwrap(),
            title: title.to_owned(),
            severity: Severity::Sev2,
            service: None,
            facts: Facts::default(),
            drill: false,
            key: "k1".to_owned(),
        }
    }

    fn made(declaration: Declaration) -> Arc<Signal> {
        declaration.signal(&setting(), Timestamp::default()).unwrap()
    }

    #[test]
    fn the_same_is_the_same_and_anything_else_is_not() {
        let one = made(declaration("signer does not sign"));
        let later = declaration(" signer does not sign ").signal(&setting(), Timestamp::from_secs(60)).unwrap();
        assert_eq!((one.id, one.fingerprint), (later.id, later.fingerprint));
        let others = [
            declaration("another thing"),
            Declaration { key: "k2".to_owned(), ..declaration("signer does not sign") },
            Declaration { source: "token.bo".parse().unwrap(), ..declaration("signer does not sign") },
            Declaration { drill: true, ..declaration("signer does not sign") },
        ];
        for other in others {
            assert_ne!(made(other).id, one.id);
        }
        assert_eq!(one.declared.as_ref().unwrap().to_string(), "declared SEV2 by ana");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value() {
        let refused =
            |declaration: Declaration| declaration.signal(&setting(), Timestamp::default()).unwrap_err().to_string();
        assert_eq!(
            refused(declaration(" ... ")),
            "field `title` with value ` ... `: want one line: what is wrong with what"
        );
        assert_eq!(refused(declaration(&"x".repeat(241))), "title is 241 bytes: want 1 to 240");
        assert!(refused(declaration("two\nlines")).contains("want one line, without line ends"));
        let long = Declaration { key: "k".repeat(200), ..declaration("x") };
        assert!(refused(long).contains("want 1 to 128 bytes"));
        let nowhere = Declaration { service: Some("bridge".parse().unwrap()), ..declaration("x") };
        assert_eq!(refused(nowhere), "field `service` with value `bridge`: no service is configured: leave it out");
    }
}
