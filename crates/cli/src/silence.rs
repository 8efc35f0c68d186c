//! `quarterdeck silence`: over the typed client.

use std::time::Duration;

use clap::{Args, Subcommand};
use quarterdeck_api::{EndSilences, Matcher, SetSilence, Silence, SilenceEnded};
use quarterdeck_core::time::Timestamp;
use quarterdeck_formats::alertmanager::filter::parse_matcher;
use quarterdeck_host::clock::{Clock as _, SystemClock};
use quarterdeck_server::config::duration;

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json, table},
};

/// List silences, set one, end one.
///
/// While a silence is in force, the signals it means open no incident, join none and page nobody. They are recorded all the same.
#[derive(Args)]
pub(crate) struct SilenceArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Silences in force and to come
    List {
        /// Also those lately over
        #[arg(long)]
        all: bool,
    },
    /// Keep signals quiet for a while
    Set {
        /// All must hold: `service=rpc`, `alertname=~Node.*`, `!=`, `!~`
        #[arg(required = true, value_name = "MATCHER", value_parser = matcher)]
        matchers: Vec<Matcher>,
        /// For how long: `30m`, `2h`, `1h30m`, `3d`
        #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse)]
        span: Duration,
        /// Why, for those who wonder later why nobody was paged
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// From this instant on, such as 2026-07-01T22:00:00Z [default: now]
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        from: Option<Timestamp>,
    },
    /// End them now
    End {
        /// sil_…
        #[arg(required_unless_present = "text", value_name = "SILENCE")]
        ids: Vec<String>,
        /// Those in force and to come that have this in what they mean, in their reason or in who set them
        #[arg(long)]
        text: Option<String>,
    },
}

fn matcher(text: &str) -> Result<Matcher, String> {
    let matcher = parse_matcher(text).map_err(|error| {
        let said = error.to_string();
        said.strip_prefix("filter: ").unwrap_or(&said).to_owned()
    })?;
    Ok(Matcher {
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
        is_regex: matcher.is_regex(),
        is_not: !matcher.is_equal(),
    })
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "want an instant such as 2026-07-01T22:00:00Z".to_owned())
}

pub(crate) fn run(args: &SilenceArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let json = args.server.json;
    runtime()?.block_on(async {
        let after = match &args.verb {
            Verb::List { all } => {
                let mut silences = client.silences().await?;
                silences.retain(|silence| *all || silence.state != "expired");
                return list(&silences, json);
            }
            Verb::Set { matchers, span, reason, from } => {
                let begins = from.unwrap_or_else(|| SystemClock::new().now());
                let wanted = SetSilence {
                    matchers: matchers.clone(),
                    starts: from.map(|from| from.to_string()),
                    ends: begins.plus(*span).to_string(),
                    comment: reason.clone(),
                };
                client.set_silence(&wanted).await?
            }
            Verb::End { ids, text } => {
                let mut wanted = ids.clone();
                if let Some(text) = text {
                    let standing = client.silences().await?.into_iter().filter(|one| one.state != "expired");
                    wanted.extend(standing.filter(|one| speaks_of(one, text)).map(|one| one.id));
                }
                return ended(&client.end_silences(&EndSilences { silences: wanted }).await?, json);
            }
        };
        if json {
            print_json(&after)?;
        } else {
            print(&in_words(&after))?;
        }
        Ok(Exit::Good)
    })
}

fn list(silences: &[Silence], json: bool) -> anyhow::Result<Exit> {
    if json {
        print_json(&silences)?;
    } else if silences.is_empty() {
        print("no silences")?;
    } else {
        print(&rows(silences))?;
    }
    Ok(Exit::Good)
}

/// Whether it has this in what it means, in its reason or in who set it, in whatever case.
fn speaks_of(silence: &Silence, text: &str) -> bool {
    let owner = silence.owner.as_deref().unwrap_or_default();
    let said = [&means(silence), &silence.comment, &silence.created_by, owner].map(str::to_lowercase);
    said.iter().any(|part| part.contains(&text.to_lowercase()))
}

fn ended(all: &[SilenceEnded], json: bool) -> anyhow::Result<Exit> {
    if json {
        print_json(&all)?;
    } else if all.is_empty() {
        print("no silences like this")?;
    } else {
        let said = |one: &SilenceEnded| match (&one.ended, &one.refused) {
            (Some(silence), _) => in_words(silence),
            (None, Some(refused)) => format!("{}: not ended: {}", one.silence, refused.message),
            (None, None) => format!("{}: the answer says nothing of it", one.silence),
        };
        print(&all.iter().map(said).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(if all.iter().all(|one| one.ended.is_some()) { Exit::Good } else { Exit::Finding })
}

fn rows(silences: &[Silence]) -> String {
    let row = |one: &Silence| {
        vec![
            state(one).to_owned(),
            one.id.clone(),
            one.starts.clone(),
            one.ends.clone(),
            one.holds.to_string(),
            one.created_by.clone(),
            means(one),
            one_line(&one.comment),
        ]
    };
    let rows: Vec<Vec<String>> = silences.iter().map(row).collect();
    table(&["STATE", "SILENCE", "FROM", "UNTIL", "HOLDS", "WHO", "MEANS", "WHY"], &rows)
}

fn in_words(silence: &Silence) -> String {
    let lines = [
        format!("{} {}", silence.id, one_line(&silence.comment)),
        format!("{}, from {} until {}, by {}", state(silence), silence.starts, silence.ends, silence.created_by),
        format!("means signals with {}", means(silence)),
        format!("holds back {} now", silence.holds),
    ];
    lines.join("\n")
}

/// As a person says it.
fn state(silence: &Silence) -> &str {
    match silence.state.as_str() {
        "active" => "in force",
        "pending" => "to come",
        "expired" => "over",
        other => other,
    }
}

fn means(silence: &Silence) -> String {
    silence.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A reason may have many lines; a row has one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_read_as_a_table() {
        let silence = Silence {
            id: "sil_1".to_owned(),
            state: "active".to_owned(),
            matchers: vec![matcher("service=rpc").unwrap(), matcher("alertname!~\"Node .*\"").unwrap()],
            starts: "2026-07-01T12:00:00.000Z".to_owned(),
            ends: "2026-07-01T14:00:00.000Z".to_owned(),
            created_by: "bo".to_owned(),
            comment: "moving\nthe node".to_owned(),
            owner: Some("bo".to_owned()),
            holds: 3,
        };
        insta::assert_snapshot!(rows(std::slice::from_ref(&silence)), @r#"
        STATE     SILENCE  FROM                      UNTIL                     HOLDS  WHO  MEANS                               WHY
        in force  sil_1    2026-07-01T12:00:00.000Z  2026-07-01T14:00:00.000Z  3      bo   service="rpc" alertname!~"Node .*"  moving the node
        "#);
        insta::assert_snapshot!(in_words(&silence), @r#"
        sil_1 moving the node
        in force, from 2026-07-01T12:00:00.000Z until 2026-07-01T14:00:00.000Z, by bo
        means signals with service="rpc" alertname!~"Node .*"
        holds back 3 now
        "#);
    }

    #[test]
    fn what_is_no_matcher_is_told_with_its_text() {
        assert!(matcher("service").unwrap_err().starts_with("bad matcher format: `service`: want ="));
        assert!(instant("tomorrow").is_err());
    }
}
