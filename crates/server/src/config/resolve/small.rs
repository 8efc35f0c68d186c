//! For tests: the smallest configuration that is good, with more in it.

use std::path::Path;

use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;

use crate::config::{self, Configuration};

/// One person, one channel, one policy, one source.
const HOUSE: &str = r#"
[[person]]
id = "ana"
contacts = [{ channel = "file", address = "ana" }]
[channel.file]
kind = "file"
path = "pages.txt"
[[policy]]
id = "all"
tiers = [{ people = ["ana"], delay = "5m" }]
fallback = "ana"
[[source]]
id = "node"
chain = 1
http = "http://127.0.0.1:8545"
"#;

/// It with this at its end, or its mistakes in words.
pub(super) fn read(more: &str) -> Result<Configuration, Vec<String>> {
    let parts = Parts::new(SystemClock::new()).unwrap();
    config::parse(&format!("{HOUSE}\n{more}"), Path::new("/tmp"), &parts)
        .map_err(|error| error.mistakes().iter().map(ToString::to_string).collect())
}
