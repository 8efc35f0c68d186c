//! `quarterdeck declare`: an incident of its own, from a title and a guess.

use anyhow::Context as _;
use clap::Args;
use quarterdeck_api::{Declare, Declared, Facts, client::ClientError};
use quarterdeck_core::id::IdSource as _;
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_ledger::hash::to_hex;

use crate::{
    incident::{Server, head, possible, runtime},
    output::{Exit, print, print_json, say},
};

/// Open an incident: a title and a guess of how bad it is. Facts can come later.
#[derive(Args)]
pub(crate) struct DeclareArgs {
    #[command(flatten)]
    server: Server,
    /// One line: what is wrong with what
    title: String,
    /// How bad, as a guess: SEV1 to SEV5 [default: SEV3]
    #[arg(long)]
    severity: Option<String>,
    /// The service it is about [default: not known, the default policy pages]
    #[arg(long)]
    service: Option<String>,
    /// An exercise
    #[arg(long)]
    drill: bool,
    /// Money at risk, in whole US dollars
    #[arg(long, value_name = "USD", default_value_t = 0)]
    money_at_risk: u64,
    /// People and institutions who feel it
    #[arg(long)]
    users: Option<u64>,
    /// Funds are leaving now
    #[arg(long)]
    theft: bool,
    /// A key or a privileged role is in the wrong hands
    #[arg(long)]
    key_compromise: bool,
    /// We cannot undo it
    #[arg(long)]
    irreversible: bool,
    /// Asked again with the same key, it is the same incident [default: a new one each time]
    #[arg(long)]
    key: Option<String>,
}

/// Cents in a dollar.
const CENTS: u64 = 100;

impl DeclareArgs {
    fn wanted(&self) -> Declare {
        let fresh = || to_hex(&SystemIds.fresh());
        Declare {
            title: self.title.clone(),
            severity: self.severity.clone(),
            service: self.service.clone(),
            facts: Facts {
                money_at_risk_cents: self.money_at_risk.saturating_mul(CENTS),
                users: self.users,
                irreversible: self.irreversible,
                key_compromise: self.key_compromise,
                theft: self.theft,
            },
            drill: self.drill,
            key: Some(self.key.clone().unwrap_or_else(fresh)),
        }
    }
}

pub(crate) fn run(args: &DeclareArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let wanted = args.wanted();
    let answered = runtime()?.block_on(client.declare(&wanted));
    if let (Err(ClientError::Reach { .. } | ClientError::Answer { .. }), Some(key)) = (&answered, &wanted.key) {
        say(&format!("hint: it may be open all the same; ask again with --key {key}, and it is declared once"));
    }
    let declared = answered.context("declare an incident")?;
    if args.server.json {
        print_json(&declared)?;
    } else {
        print(&in_words(&declared))?;
    }
    Ok(Exit::Good)
}

fn in_words(declared: &Declared) -> String {
    let mut lines = head(&declared.summary);
    lines.push(declared.fate.clone());
    lines.extend(possible(&declared.offers));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        declare: DeclareArgs,
    }

    #[test]
    fn what_is_typed_is_the_request_of_the_api_and_each_time_another() {
        let typed =
            |line: &[&str]| Line::try_parse_from(["declare"].iter().chain(line)).map(|line| line.declare.wanted());
        let one =
            typed(&["signer silent", "--severity", "sev2", "--service", "bridge", "--money-at-risk", "5"]).unwrap();
        assert_eq!(
            (one.title.as_str(), one.severity.as_deref(), one.facts.money_at_risk_cents),
            ("signer silent", Some("sev2"), 500)
        );
        let other = typed(&["signer silent"]).unwrap();
        assert!(one.key.is_some() && one.key != other.key && !other.drill);
        assert_eq!(typed(&["x", "--drill", "--key", "k"]).unwrap().key.as_deref(), Some("k"));
        assert!(typed(&[]).is_err(), "a title is needed");
    }
}
