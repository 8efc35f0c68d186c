//! Who may look into a restricted incident, what others are told of it, and who looked.

use super::*;
use crate::{
    incident::{AccessCommand, Part, Phase, ResponseRole, RolesCommand},
    limits::{CODE_NAME_BYTES_MAX, MEMBERS_MAX},
    policy::Whom,
    setting::RestrictFrom,
};

fn bob() -> Actor {
    Actor::Person(name("bob"))
}

fn restrict(code_name: &str, members: &[&str]) -> Command {
    let members = members.iter().map(|whom| (*whom).to_owned()).collect();
    let (code_name, reason) = (code_name.to_owned(), "one of us may be in it".to_owned());
    Command::Access(AccessCommand::Restrict { by: ann(), code_name, reason, members })
}

fn lets_in(whom: &str) -> Command {
    let (whom, reason) = (whom.to_owned(), "she knows the key".to_owned());
    Command::Access(AccessCommand::LetIn { by: ann(), whom, reason })
}

fn puts_out(whom: &str) -> Command {
    let (whom, reason) = (whom.to_owned(), "a party to it".to_owned());
    Command::Access(AccessCommand::PutOut { by: ann(), whom, reason })
}

fn breaks_glass(by: Actor) -> Command {
    Command::Access(AccessCommand::BreakGlass { by, reason: "nobody inside answers".to_owned() })
}

fn reads(person: &str, part: Part) -> Command {
    Command::Access(AccessCommand::Read { by: name(person), part })
}

impl Desk {
    fn restricted(code_name: &str, members: &[&str]) -> (Self, IncidentId) {
        let mut desk = Self::new();
        let id = desk.open(about("web", "the signer's laptop"));
        desk.duties();
        desk.settle(id, &delivered());
        assert_eq!(desk.ask(id, restrict(code_name, members)), "restricted");
        (desk, id)
    }

    fn inside(&self, id: IncidentId) -> Vec<&'static str> {
        let all = ["ann", "bob", "boss", "mute"];
        let is_in = |who: &&str| self.incident(id).admits(&Actor::Person(name(who)), &self.setting.roster);
        all.into_iter().filter(is_in).collect()
    }
}

#[test]
fn outside_it_is_a_code_name_a_severity_and_a_phase() {
    let (desk, id) = Desk::restricted("BLUE  HERON", &[]);
    let row = desk.board.row(id).unwrap();
    assert_eq!((&*row.title, row.restricted, row.phase), ("BLUE HERON", true, Phase::Triggered));
    assert_eq!((row.service.as_ref(), row.signals, row.acknowledged_by.as_ref()), (None, 0, None));
    let inside = IncidentRow::inside(desk.incident(id));
    assert_eq!((&*inside.title, inside.signals), ("the signer's laptop", 1));
    assert_eq!(desk.incident(id).name_outside(), "BLUE HERON");
}

#[test]
fn inside_are_those_who_were_let_in_and_whoever_is_needed_since() {
    let (mut desk, id) = Desk::restricted("", &[]);
    assert_eq!(desk.inside(id), ["ann"], "whoever restricts it; who was paged before is not");
    assert_eq!(desk.incident(id).restriction().unwrap().code_name, crate::code_name::of(id));
    assert_eq!(desk.ask(id, lets_in("bob")), "let_in");
    assert_eq!(desk.ask(id, lets_in("bob")), "", "he is in");
    assert_eq!(desk.inside(id), ["ann", "bob"]);
    assert_eq!(desk.ask(id, puts_out("bob")), "put_out");
    assert_eq!(desk.inside(id), ["ann"]);
    let said = desk.after(300);
    let want = "tier 1 of round 1, NotAcknowledged; impossible: person `bob` was put out of it; page boss by mail";
    assert!(said.starts_with(want), "whoever was put out is not paged: {said}");
    assert_eq!(desk.inside(id), ["ann", "boss"], "whoever is paged comes in");
    assert_eq!(desk.ask(id, puts_out("boss")), "put_out");
    desk.settle(id, &delivered());
    assert!(desk.after(300).contains("page ann"));
    assert_eq!(desk.ask(id, lets_in("policy:all")), "let_in");
    assert_eq!(desk.inside(id), ["ann"], "everybody whom the policy can page, but who was put out");
    assert_eq!(desk.ask(id, lets_in("boss")), "let_in");
    assert_eq!(desk.ask(id, puts_out("policy:all")), "put_out");
    assert_eq!(desk.inside(id), ["ann", "boss"]);
    let role = RolesCommand::Take { by: ann(), role: ResponseRole::Scribe, person: name("mute") };
    desk.ask(id, Command::Roles(role));
    assert_eq!(desk.inside(id), ["ann", "boss", "mute"], "whoever takes a role comes in");
    let token = Actor::Token("ci".to_owned());
    assert!(!desk.incident(id).admits(&token, &desk.setting.roster), "a token is nobody");
}

/// Who was paged before is not inside by that, nor by what the escalation pages them for later: they could make it do so themselves.
#[test]
fn whoever_knew_of_it_before_comes_in_only_if_somebody_wants_them() {
    let mut desk = Desk::new();
    let id = desk.open(about("web", "the signer's laptop"));
    desk.duties();
    desk.settle(id, &delivered());
    let by = || Actor::Person(name("boss"));
    let (code_name, reason, members) = (String::new(), "ann may be in it".to_owned(), vec![]);
    desk.ask(id, Command::Access(AccessCommand::Restrict { by: by(), code_name, reason, members }));
    let mut worse = about("web", "worse");
    worse.facts.theft = true;
    worse.fingerprint = Fingerprint::of(&[b"worse"]);
    desk.raise(worse);
    assert!(desk.duties().contains("page ann by push (SeverityRose)"), "she is paged");
    assert_eq!(desk.inside(id), ["boss"], "and is not inside");
    let ask = RolesCommand::Ask { by: by(), whom: "ann".to_owned(), role: None, reason: "your laptop".to_owned() };
    desk.ask(id, Command::Roles(ask));
    assert_eq!(desk.inside(id), ["ann", "boss"]);
    desk.ask(id, puts_out("ann"));
    let role = RolesCommand::Take { by: by(), role: ResponseRole::Scribe, person: name("ann") };
    assert!(desk.refused(id, Command::Roles(role)).to_string().contains("they were put out of it"));
}

#[test]
fn who_is_put_out_has_no_role_in_it_and_is_not_on_it() {
    let (mut desk, id) = Desk::restricted("", &["bob"]);
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: bob() }));
    assert_eq!(desk.incident(id).roles().len(), 1, "whoever answers first commands");
    assert_eq!(desk.ask(id, puts_out("bob")), "role_given_up; put_out");
    assert_eq!((desk.incident(id).phase(), desk.incident(id).roles().len()), (Phase::Triggered, 0));
    let said = desk.duties();
    assert!(
        said.starts_with(
            "tier 1 of round 1, AcknowledgementExpired; impossible: person `bob` was put out of it; page boss by mail"
        ),
        "nobody is on it: {said}"
    );
}

#[test]
fn an_administrator_comes_in_with_a_reason_that_stays() {
    let (mut desk, id) = Desk::restricted("", &[]);
    let boss = || Actor::Person(name("boss"));
    assert_eq!(desk.ask(id, breaks_glass(boss())), "glass_broken");
    assert_eq!(desk.ask(id, breaks_glass(boss())), "", "once inside there is no glass");
    assert_eq!(desk.inside(id), ["ann", "boss"]);
    assert_eq!(desk.refused(id, breaks_glass(Actor::Token("root".to_owned()))).code(), "only_a_person");
    let lift = AccessCommand::Lift { by: ann(), reason: "it was published".to_owned() };
    assert_eq!(desk.ask(id, Command::Access(lift.clone())), "restriction_lifted");
    assert_eq!(desk.inside(id).len(), 4);
    assert_eq!(desk.refused(id, Command::Access(lift)).code(), "not_restricted");
    assert_eq!(desk.refused(id, lets_in("bob")).code(), "not_restricted");
    assert_eq!(desk.refused(id, puts_out("bob")).code(), "not_restricted");
    assert_eq!(desk.refused(id, breaks_glass(boss())).code(), "not_restricted");
}

#[test]
fn every_reading_is_an_event_and_looking_again_at_once_is_the_same_reading() {
    let (mut desk, id) = Desk::restricted("", &[]);
    assert_eq!(desk.ask(id, reads("ann", Part::Timeline)), "read");
    desk.wait(60);
    assert_eq!(desk.ask(id, reads("ann", Part::Timeline)), "");
    assert_eq!(desk.ask(id, reads("ann", Part::Room)), "read", "another part");
    desk.wait(540);
    assert_eq!(desk.ask(id, reads("ann", Part::Timeline)), "read");
    let reading = desk.incident(id).readings()[&(name("ann"), Part::Timeline)];
    assert_eq!((reading.times, reading.last.since(reading.first)), (2, Duration::from_mins(10)));
}

#[test]
fn bad_requests_are_refused_by_field_and_value() {
    let mut desk = Desk::new();
    let id = desk.open(about("web", "x"));
    let refused = |desk: &mut Desk, command| desk.refused(id, command).to_string();
    assert!(refused(&mut desk, restrict("", &["nobody"])).starts_with("field `whom` with value `nobody`"));
    let long = "x".repeat(CODE_NAME_BYTES_MAX + 1);
    assert!(refused(&mut desk, restrict(&long, &[])).contains("it is 61 bytes: want at most 60"));
    let silent =
        AccessCommand::Restrict { by: ann(), code_name: String::new(), reason: " ".to_owned(), members: vec![] };
    assert_eq!(desk.refused(id, Command::Access(silent)).code(), "bad_text");
    let by = Actor::Token("ci".to_owned());
    let (code_name, reason, members) = (String::new(), "x".to_owned(), vec![]);
    let token = AccessCommand::Restrict { by, code_name, reason, members };
    assert_eq!(desk.refused(id, Command::Access(token)).code(), "only_a_person");
    desk.ask(id, restrict("", &[]));
    assert!(refused(&mut desk, puts_out("policy:all")).contains("they were not let in"));
    for number in 0..MEMBERS_MAX {
        let other = person(&format!("p{number}"), &["push"]);
        desk.setting.roster.people.insert(other.id.clone(), other);
    }
    for number in 0..MEMBERS_MAX - 1 {
        assert_eq!(desk.ask(id, lets_in(&format!("p{number}"))), "let_in");
    }
    assert!(refused(&mut desk, lets_in("boss")).contains("field `members` with value `101`: want at most 100"));
    assert_eq!(desk.ask(id, restrict("", &["ann"])), "", "twice is once: a form was sent again");
    assert!(refused(&mut desk, restrict("OTHER", &[])).contains("it is restricted already, as "));
}

#[test]
fn what_is_restricted_is_not_merged_with_what_is_not() {
    let (mut desk, id) = Desk::restricted("", &[]);
    let open = desk.open(about("mail", "no mail"));
    let merge = |into| Command::Life(LifeCommand::MergeInto { by: ann(), into });
    assert_eq!(desk.refused(open, merge(id)).code(), "bad_merge");
    assert_eq!(desk.refused(id, merge(open)).code(), "bad_merge");
}

#[test]
fn a_rule_of_the_house_restricts_from_the_first_event_on() {
    let mut desk = Desk::new();
    let rule = RestrictFrom {
        services: [name("web")].into(),
        detectors: [].into(),
        key_compromise: true,
        members: vec![Whom::Person(name("boss"))],
    };
    desk.setting.rules.restrict = vec![rule];
    let mild = RestrictFrom::fits(&desk.setting.rules.restrict[0], &about("web", "slow"), Some(&name("web")));
    assert!(!mild, "no key is claimed");
    let mut signal = about("mail", "a key is out");
    signal.facts.key_compromise = true;
    let other = desk.open(signal);
    assert!(desk.incident(other).restriction().is_none(), "another service");
    let mut signal = about("web", "the admin key is out");
    signal.facts.key_compromise = true;
    signal.fingerprint = Fingerprint::of(&[b"key"]);
    let id = desk.open(signal);
    assert!(desk.incident(id).restriction().is_some());
    assert_eq!(desk.inside(id), ["boss"]);
    desk.duties();
    assert_eq!(desk.inside(id), ["ann", "boss"], "whom it pages comes in");
}
