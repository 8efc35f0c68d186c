//! `quarterdeck source`: over the typed client.

use clap::{Args, Subcommand};
use quarterdeck_api::{BeginAnew, Source};

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json, table},
};

/// See the sources of chain events; decide about one whose node shows another chain.
#[derive(Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// How each source is
    List,
    /// The chain that the node of an unfit source shows is the right one: follow it
    ///
    /// What was claimed on the blocks that the node lacks is taken back, and the source begins again at the node's head. The log says
    /// who decided that, and why.
    BeginAnew {
        /// Its name in the configuration
        id: String,
        /// On what ground
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

pub(crate) fn run(args: &SourceArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let json = args.server.json;
    runtime()?.block_on(async {
        match &args.verb {
            Verb::List => {
                let sources = client.sources().await?;
                match (json, sources.as_slice()) {
                    (true, all) => print_json(&all)?,
                    (false, []) => print("no sources")?,
                    (false, all) => print(&in_words(all))?,
                }
            }
            Verb::BeginAnew { id, reason } => {
                let source = client.begin_anew(id, &BeginAnew { reason: reason.clone() }).await?;
                if json {
                    print_json(&source)?;
                } else {
                    print(&format!("source {} begins again at the head of {}", source.id, source.endpoint))?;
                }
            }
        }
        Ok(Exit::Good)
    })
}

fn in_words(sources: &[Source]) -> String {
    let height = |height: Option<u64>| height.map_or_else(|| "-".to_owned(), |height| height.to_string());
    let row = |one: &Source| {
        vec![
            one.state.clone(),
            one.id.clone(),
            one.kind.clone(),
            one.chain_id.clone(),
            height(one.head),
            height(one.node_head),
            one.endpoint.clone(),
            one.gaps.first().cloned().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    table(&["STATE", "SOURCE", "KIND", "CHAIN", "SEEN", "HEAD", "NODE", "GAP"], &rows)
}
