//! `quarterdeck check`

use std::{path::PathBuf, time::Duration};

use clap::Args;
use quarterdeck_core::{
    catalogue::{Service, WatchedAddress},
    incident::Severity,
    policy::{Contact, Hole, holes},
    time::Timestamp,
};
use quarterdeck_detect::detectors::{DETECTORS, account::wallet_policy};
use quarterdeck_host::{
    clock::{Clock as _, SystemClock},
    zones::{Release, Zones},
};
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::hears,
    config::{self, Configuration},
    loops::certificate,
};
use serde_json::{Value, json};

use crate::output::{Exit, complain, print, print_json};

/// Check a configuration, and that every page ends at a person.
///
/// Tells every fault with its line and a remedy. Then, for every service, severity and hour of the coming fortnight: does a
/// page end at a person with a working channel? Last, whether every detector hears its own canary.
#[derive(Args)]
pub(crate) struct Check {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// How far ahead pages are followed: two weeks of any rotation.
const AHEAD: Duration = Duration::from_hours(14 * 24);

pub(crate) fn run(args: &Check) -> anyhow::Result<Exit> {
    let rules = Zones::find().put_in_force();
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone())?;
    let configuration = match config::load(&args.config, &parts) {
        Ok(configuration) => configuration,
        Err(error) => {
            if args.json {
                let faults: Vec<_> = error
                    .mistakes()
                    .iter()
                    .map(|f| json!({"line": f.line, "path": f.path, "what": f.what, "remedy": f.remedy}))
                    .collect();
                let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                let causes: Vec<String> = causes.map(ToString::to_string).collect();
                print_json(&json!({ "good": false, "error": causes.join(": "), "faults": faults }))?;
            } else {
                complain(&error.into());
            }
            return Ok(Exit::Usage);
        }
    };
    let now = clock.now();
    let ways = ways(&configuration, now);
    let deaf: Vec<&str> = DETECTORS.iter().filter(|kind| !hears(**kind)).map(|kind| kind.id()).collect();
    let good = deaf.is_empty() && ways.iter().all(|way| way.holes.iter().all(|hole| hole.saved));
    if args.json {
        let of_way = |way: &Way| {
            json!({
                "service": way.service, "policy": way.policy, "pages_at": way.pages_at.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "holes": way.holes.iter().map(|hole| json!({"from": hole.from, "until": hole.until, "saved": hole.saved, "what": describe(hole)})).collect::<Vec<_>>(),
            })
        };
        print_json(&json!({
            "good": good, "from": now, "until": now.plus(AHEAD), "ways": ways.iter().map(of_way).collect::<Vec<_>>(),
            "detectors": configuration.detectors.keys().collect::<Vec<_>>(), "deaf_detectors": deaf,
            "wallets": wallets(&configuration).into_iter().map(|(wallet, guarded_by)| json!({"wallet": wallet, "guarded_by": guarded_by})).collect::<Vec<_>>(),
            "zone_rules": zone_rules_json(&rules, now),
            "certificate": configuration.encryption.as_ref().map(|one| json!({
                "ends": one.ends.to_string(), "days": one.ends.since(now).as_secs() / 86_400, "warning": certificate::fault(Some(one), now),
            })),
            "warnings": configuration.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&format!("{}\n{}", in_words(&configuration, &ways, &deaf), zone_rules(&rules, now)))?;
        if let Some(encryption) = &configuration.encryption {
            let holds = format!("certificate: holds until {}", encryption.ends);
            let warning = certificate::fault(Some(encryption), now).map(|fault| format!("warning: {fault}"));
            print(&warning.unwrap_or(holds))?;
        }
    }
    Ok(if good { Exit::Good } else { Exit::Finding })
}

/// Which rules of time zones are in force, and which are not because they are older.
type ZoneRules = (Release, Option<Release>);

fn zone_rules((in_force, passed_over): &ZoneRules, now: Timestamp) -> String {
    let older =
        passed_over.as_ref().map_or(String::new(), |older| format!("; {} is older and not used", older.at(now)));
    let stale = if in_force.is_of_this_year(now) {
        ""
    } else {
        "\nwarning: the zone rules are not of this year\nhint: update the system's package `tzdata`, or this program"
    };
    format!("zone rules: {}{older}{stale}", in_force.at(now))
}

fn zone_rules_json((in_force, passed_over): &ZoneRules, now: Timestamp) -> Value {
    let release = |release: &Release| {
        let days = release.written.map(|written| now.since(written).as_secs() / 86_400);
        json!({ "release": release.name, "folder": release.folder, "age_days": days })
    };
    json!({ "in_force": release(in_force), "older": passed_over.as_ref().map(release) })
}

/// The way of a service's pages through the fortnight.
struct Way {
    service: String,
    policy: String,
    pages_at: Vec<Severity>,
    holes: Vec<Hole>,
}

fn ways(configuration: &Configuration, now: Timestamp) -> Vec<Way> {
    let setting = &configuration.setting;
    let working = |contact: &Contact| configuration.channels.contains_key(&contact.channel);
    let mut named: Vec<(String, &quarterdeck_core::id::PolicyId)> =
        setting.catalogue.services.values().map(|service| (service.id.to_string(), &service.policy)).collect();
    named.push(("(signals about no known service)".to_owned(), &setting.default_policy));
    let way = |(service, policy): (String, &quarterdeck_core::id::PolicyId)| {
        let policy = setting.roster.policies.get(policy)?;
        let pages_at = Severity::ALL.into_iter().rev().filter(|severity| *severity >= policy.page_at).collect();
        let holes = holes(&setting.roster, policy, now, now.plus(AHEAD), &working);
        Some(Way { service, policy: policy.id.to_string(), pages_at, holes })
    };
    named.into_iter().filter_map(way).collect()
}

/// What each watched wallet is guarded by.
fn wallets(configuration: &Configuration) -> Vec<(String, String)> {
    let (catalogue, params) = (&configuration.setting.catalogue, configuration.detectors.get(wallet_policy::ID));
    let line = |(service, wallet): (&Service, &WatchedAddress)| {
        let lines = wallet_policy::guarded_by(catalogue, wallet, params);
        let lines = if lines.is_empty() { "nothing: its detector is off".to_owned() } else { lines.join("; ") };
        (format!("{} of {}, {} on {}", wallet.label, service.id, wallet.address, wallet.chain), lines)
    };
    catalogue.wallets().map(line).collect()
}

fn describe(hole: &Hole) -> String {
    let missing: Vec<String> = hole.missing.iter().map(ToString::to_string).collect();
    let tier = hole.tier.map_or_else(|| "the fallback".to_owned(), |tier| format!("tier {}", tier + 1));
    format!("policy `{}`, {tier} reaches nobody: {}", hole.policy, missing.join("; "))
}

fn in_words(configuration: &Configuration, ways: &[Way], deaf: &[&str]) -> String {
    let mut lines = Vec::new();
    for warning in &configuration.warnings {
        lines.push(format!("warning: {warning}"));
    }
    for way in ways {
        let severities: Vec<String> = way.pages_at.iter().map(ToString::to_string).collect();
        let lost = way.holes.iter().filter(|hole| !hole.saved).count();
        let verdict = match (lost, way.holes.len()) {
            (0, 0) => "every page of the coming fortnight ends at a person".to_owned(),
            (0, saved) => format!("every page ends at a person; {saved} stretches only thanks to the fallback"),
            (lost, _) => format!("{lost} stretches in which a page ends at NOBODY"),
        };
        lines.push(format!("{}: {} by policy `{}`: {verdict}", way.service, severities.join(" "), way.policy));
        for hole in &way.holes {
            let word = if hole.saved { "warning" } else { "error" };
            lines.push(format!("  {word}: {} to {}: {}", hole.from, hole.until, describe(hole)));
        }
    }
    for (wallet, guarded_by) in wallets(configuration) {
        lines.push(format!("wallet {wallet}: {guarded_by}"));
    }
    for detector in deaf {
        lines.push(format!("error: detector `{detector}` does not hear its canary"));
    }
    lines.push(format!(
        "detectors on: {}, channels: {}, sources: {}",
        configuration.detectors.len(),
        configuration.channels.len(),
        configuration.sources.len()
    ));
    lines.join("\n")
}
