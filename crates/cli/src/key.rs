//! `quarterdeck key`

use clap::Args;
use quarterdeck_core::id::IdSource as _;
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_server::auth;
use serde_json::json;

use crate::output::{Exit, print, print_json};

/// Make a key for a monitor, or a token for a person.
///
/// 128 bits of the system's randomness in 32 hex digits, which is also the shape that PagerDuty's clients demand of a routing key.
/// Nothing is kept: put it into the configuration, for a token only its SHA-256.
#[derive(Args)]
pub(crate) struct Key {
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Key) -> anyhow::Result<Exit> {
    let key = auth::hex(&SystemIds.fresh());
    let sha256 = auth::hex(&auth::digest(&key));
    if args.json {
        print_json(&json!({ "key": key, "sha256": sha256 }))?;
    } else {
        print(&format!("key    {key}\nsha256 {sha256}"))?;
    }
    Ok(Exit::Good)
}
