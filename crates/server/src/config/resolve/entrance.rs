//! Where we listen, and what protects it: nothing is open to others, and unencrypted, unless somebody says that a proxy stands in
//! front. Tests: below, and `tests/it/encryption.rs`.

use std::{net::SocketAddr, time::Duration};

use super::Mistakes;
use crate::{config::shape::File, doors::tls::Encryption};

/// Where the console listens unless told otherwise: loopback, so that nothing is open by accident.
pub const LISTEN: &str = "127.0.0.1:7117";

/// Where we listen, and with what it is encrypted.
pub(super) struct Entrance {
    pub(super) listen: Option<SocketAddr>,
    pub(super) encryption: Option<Encryption>,
}

impl Entrance {
    /// What links begin with where the file does not say.
    pub(super) fn base_url(&self, listen: SocketAddr) -> String {
        let scheme = if self.encryption.is_some() { "https" } else { "http" };
        format!("{scheme}://{listen}")
    }
}

pub(super) fn entrance(file: &File, mistakes: &mut Mistakes<'_>) -> Entrance {
    let listen = file.server.listen.as_deref().unwrap_or(LISTEN);
    let listen = mistakes.take(
        listen.parse::<SocketAddr>().map_err(|error| format!("`{listen}`: {error}")),
        ("server", 0, "listen"),
        "write an address and a port, for example `127.0.0.1:7117`",
    );
    let protected = file.tls.is_some() || file.server.behind_proxy;
    if let Some(open) = listen.filter(|listen| !listen.ip().to_canonical().is_loopback() && !protected) {
        let what = format!("others can reach {open}, and tokens would go there unencrypted");
        let remedy = "add `[tls]` with `certificate` and `key`; or set `behind_proxy = true` where a proxy that \
                      encrypts stands in front and nobody else reaches this port; or listen on 127.0.0.1";
        mistakes.add("server", 0, "listen", what, remedy);
    }
    Entrance { listen, encryption: encryption(file, mistakes) }
}

fn encryption(file: &File, mistakes: &mut Mistakes<'_>) -> Option<Encryption> {
    let section = file.tls.as_ref()?;
    let (certificate, key) = (mistakes.folder().join(&section.certificate), mistakes.folder().join(&section.key));
    // A new certificate under the same name is another configuration.
    if let Ok(held) = std::fs::read_to_string(&certificate) {
        mistakes.has_read(&section.certificate, &held);
    }
    let remedy = "name PEM files: the certificate followed by those up to its authority, and its key; paths are relative to \
                  this file";
    let remind = remind(section.remind_days.as_deref().unwrap_or(REMIND_DAYS), mistakes);
    mistakes.take(Encryption::read(&certificate, &key, remind), ("tls", 0, "certificate"), remedy)
}

/// When to tell that a certificate runs out: time to order one, to get one, and to run.
const REMIND_DAYS: &[u32] = &[21, 7, 1];
/// Reminders at most: each is a page.
const REMINDERS_MAX: usize = 10;
/// Days before at most: public certificates hold for about a year.
const REMIND_DAYS_MAX: u32 = 365;

fn remind(days: &[u32], mistakes: &mut Mistakes<'_>) -> Vec<Duration> {
    let fits =
        |days: &[u32]| days.len() <= REMINDERS_MAX && days.iter().all(|days| (1..=REMIND_DAYS_MAX).contains(days));
    if days.is_empty() || !fits(days) {
        let what = format!("`{days:?}`: want 1 to {REMINDERS_MAX} numbers of days, each 1 to {REMIND_DAYS_MAX}");
        mistakes.add("tls", 0, "remind_days", what, "for example `remind_days = [21, 7, 1]`");
    }
    let mut days = days.to_vec();
    days.sort_unstable_by(|one, other| other.cmp(one));
    days.dedup();
    days.into_iter().map(|days| Duration::from_hours(24 * u64::from(days))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use quarterdeck_host::clock::SystemClock;
    use quarterdeck_reach::notify::Parts;

    use crate::config::parse;

    const REST: &str = r#"
[[person]]
id = "ana"
contacts = [{ channel = "hook" }]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
secret = "sixteen characters and more"
[[policy]]
id = "all"
tiers = [{ people = ["ana"], delay = "5m" }]
fallback = "ana"
"#;

    /// What is said about a file that begins like this: `base_url` of a good one, line and text of each mistake.
    fn said(begins: &str) -> Result<String, Vec<(usize, String)>> {
        let parts = Parts::new(SystemClock::new()).unwrap();
        // The loopback certificate of the notifiers' tests.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reach/tests/data");
        parse(&format!("{begins}{REST}"), &folder, &parts).map(|read| read.base_url).map_err(|error| {
            error.mistakes().iter().map(|mistake| (mistake.line.unwrap_or(0), mistake.what.clone())).collect()
        })
    }

    #[test]
    fn nothing_is_open_to_others_unencrypted_unless_told() {
        let tls = "[tls]\ncertificate = \"loopback.cert.pem\"\nkey = \"loopback.key.pem\"\n";
        for listen in ["0.0.0.0:7117", "[::]:7117", "10.0.0.5:7117", "[::ffff:10.0.0.5]:7117"] {
            let server = format!("[server]\nlisten = \"{listen}\"\n");
            let open = format!("others can reach {listen}, and tokens would go there unencrypted");
            assert_eq!(said(&server), Err(vec![(2, open)]));
            assert_eq!(said(&format!("{server}behind_proxy = true\n")), Ok(format!("http://{listen}")));
            assert_eq!(said(&format!("{server}behind_proxy = false\n{tls}")), Ok(format!("https://{listen}")));
        }
        for listen in ["127.0.0.1:7117", "127.8.9.1:7117", "[::1]:7117", "[::ffff:127.0.0.1]:7117"] {
            assert_eq!(said(&format!("[server]\nlisten = \"{listen}\"\n")), Ok(format!("http://{listen}")));
        }
    }

    #[test]
    fn reminders_are_days_within_bounds() {
        let tls = "[tls]\ncertificate = \"loopback.cert.pem\"\nkey = \"loopback.key.pem\"\nremind_days = ";
        assert!(said(&format!("{tls}[30, 3]\n")).is_ok());
        for wrong in ["[]", "[0]", "[366]", "[1,2,3,4,5,6,7,8,9,10,11]"] {
            let mistakes = said(&format!("{tls}{wrong}\n")).unwrap_err();
            assert!(
                matches!(mistakes.as_slice(), [(4, what)] if what.contains("want 1 to 10")),
                "{wrong}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn a_certificate_that_cannot_serve_is_told_with_its_line() {
        for (certificate, key, want) in [
            ("none.pem", "loopback.key.pem", "none.pem`: "),
            ("loopback.cert.pem", "none.pem", "none.pem`: "),
            ("README.md", "loopback.key.pem", "has no certificate"),
            ("loopback.cert.pem", "loopback.cert.pem", "loopback.cert.pem`: "),
        ] {
            let mistakes = said(&format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n")).unwrap_err();
            let [(2, what)] = mistakes.as_slice() else { panic!("{certificate}, {key}: {mistakes:?}") };
            assert!(what.contains(want), "{certificate}, {key}: {what}");
        }
    }
}
