//! The shape of the file, as serde reads it. What the values mean is in `resolve`. What may be there only once keeps its place in
//! the text, so that a second one can be told with both lines.

use std::collections::BTreeMap;

use quarterdeck_core::priority::Weights;
use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default)]
    pub(super) server: Server,
    #[serde(default)]
    pub(super) tls: Option<TlsSection>,
    #[serde(default)]
    pub(super) store: StoreSection,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) response: Response,
    #[serde(default)]
    pub(super) weights: Weights,
    pub(super) heartbeat: Option<HeartbeatSection>,
    #[serde(default)]
    pub(super) token: Vec<TokenSection>,
    #[serde(default)]
    pub(super) person: Vec<PersonSection>,
    #[serde(default)]
    pub(super) channel: BTreeMap<String, BTreeMap<String, toml::Value>>,
    #[serde(default)]
    pub(super) chat: BTreeMap<String, BTreeMap<String, toml::Value>>,
    #[serde(default)]
    pub(super) schedule: Vec<ScheduleSection>,
    #[serde(default)]
    pub(super) policy: Vec<PolicySection>,
    #[serde(default)]
    pub(super) role: Vec<RoleSection>,
    #[serde(default)]
    pub(super) restrict: Vec<RestrictSection>,
    #[serde(default)]
    pub(super) service: Vec<ServiceSection>,
    #[serde(default)]
    pub(super) wallet: Vec<WalletSection>,
    #[serde(default)]
    pub(super) asset: Vec<AssetSection>,
    #[serde(default)]
    pub(super) list: Vec<ListSection>,
    #[serde(default)]
    pub(super) models: ModelsSection,
    #[serde(default)]
    pub(super) source: Vec<SourceSection>,
    #[serde(default)]
    pub(super) integration: Vec<IntegrationSection>,
    #[serde(default)]
    pub(super) validation: ValidationSection,
    #[serde(default)]
    pub(super) check: Vec<CheckSection>,
    #[serde(default)]
    pub(super) severity_words: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) detectors: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) listen: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) data: Option<String>,
    #[serde(default)]
    pub(super) behind_proxy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) remind_days: Option<Vec<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSection {
    pub(super) kind: Option<String>,
    pub(super) url: Option<String>,
    pub(super) authorities: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) origin: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) default_policy: Option<String>,
    pub(super) window: Option<String>,
    pub(super) reopen: Option<String>,
    pub(super) reopen_at: Option<String>,
    pub(super) still_firing: Option<String>,
    pub(super) open_at: Option<String>,
    pub(super) bundle: Option<String>,
    pub(super) silence_notice: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatSection {
    pub(super) url: String,
    pub(super) every: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenSection {
    pub(super) name: Spanned<String>,
    pub(super) role: String,
    pub(super) person: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) token: Option<String>,
    pub(super) signals_a_minute: Option<u32>,
    pub(super) open_incidents: Option<u32>,
    pub(super) apart: Option<u32>,
    pub(super) services: Option<Vec<String>>,
    pub(super) facts: Option<Vec<String>>,
    pub(super) loudest: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonSection {
    pub(super) id: Spanned<String>,
    pub(super) name: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) contacts: Vec<ContactSection>,
    #[serde(default)]
    pub(super) accounts: Vec<AccountSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountSection {
    pub(super) chat: String,
    pub(super) account: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactSection {
    pub(super) channel: Spanned<String>,
    #[serde(default)]
    pub(super) address: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleSection {
    pub(super) id: Spanned<String>,
    pub(super) zone: String,
    pub(super) rotations: Vec<RotationSection>,
    #[serde(default)]
    pub(super) overrides: Vec<OverrideSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationSection {
    pub(super) people: Vec<String>,
    pub(super) start: String,
    pub(super) hours: Option<u32>,
    pub(super) wall_hours: Option<u32>,
    pub(super) days: Option<u32>,
    pub(super) weeks: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideSection {
    pub(super) from: Spanned<String>,
    pub(super) until: String,
    pub(super) person: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySection {
    pub(super) id: Spanned<String>,
    pub(super) tiers: Vec<TierSection>,
    pub(super) rounds: Option<u32>,
    pub(super) fallback: String,
    pub(super) acknowledgement: Option<String>,
    pub(super) page_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierSection {
    #[serde(default)]
    pub(super) schedules: Vec<String>,
    #[serde(default)]
    pub(super) people: Vec<String>,
    pub(super) delay: String,
}

/// A role that must not be empty for long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleSection {
    pub(super) role: Spanned<String>,
    #[serde(default)]
    pub(super) empty: BTreeMap<String, String>,
    pub(super) policy: Option<String>,
    #[serde(default)]
    pub(super) people: Vec<String>,
    #[serde(default)]
    pub(super) schedules: Vec<String>,
}

/// Which incidents are restricted from the start, and who is inside.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestrictSection {
    #[serde(default)]
    pub(super) services: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) detectors: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) key_compromise: bool,
    #[serde(default)]
    pub(super) members: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceSection {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) criticality: Option<String>,
    #[serde(default)]
    pub(super) users: u64,
    #[serde(default)]
    pub(super) revenue_per_hour_usd: u64,
    #[serde(default)]
    pub(super) assets_usd: u64,
    #[serde(default)]
    pub(super) regulated: bool,
    #[serde(default)]
    pub(super) depends_on: Vec<String>,
    pub(super) policy: Option<String>,
    #[serde(default)]
    pub(super) addresses: Vec<AddressSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressSection {
    pub(super) chain: u64,
    pub(super) address: Spanned<String>,
    pub(super) role: String,
    pub(super) label: Option<String>,
}

/// The policy of one or several watched wallets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WalletSection {
    pub(super) wallets: Vec<Spanned<String>>,
    pub(super) destinations: Option<Vec<String>>,
    pub(super) transaction_max_usd: Option<u64>,
    pub(super) hour_max_usd: Option<u64>,
    pub(super) day_max_usd: Option<u64>,
    pub(super) transaction_max_percent: Option<u32>,
    pub(super) hour_max_percent: Option<u32>,
    pub(super) day_max_percent: Option<u32>,
    #[serde(default)]
    pub(super) limits: Vec<UnitsSection>,
    pub(super) hours: Option<HoursSection>,
    pub(super) new_counterparty_above_usd: Option<u64>,
    #[serde(default)]
    pub(super) nonce_gaps: bool,
}

/// Limits in units of an asset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitsSection {
    pub(super) asset: Spanned<String>,
    pub(super) transaction: Option<String>,
    pub(super) hour: Option<String>,
    pub(super) day: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursSection {
    pub(super) zone: String,
    pub(super) days: Option<Vec<String>>,
    pub(super) from: String,
    pub(super) until: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetSection {
    pub(super) chain: u64,
    pub(super) token: Option<String>,
    pub(super) symbol: Spanned<String>,
    pub(super) decimals: u8,
    pub(super) usd: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListSection {
    pub(super) name: Spanned<String>,
    pub(super) as_of: String,
    pub(super) file: String,
}

/// Files of learned models, by what they find.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelsSection {
    pub(super) theft: Option<String>,
}

/// A source: which keys it has, its kind says.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct SourceSection(pub(super) BTreeMap<String, Spanned<toml::Value>>);

impl SourceSection {
    /// The text of a key that every kind has, with its place.
    pub(super) fn text(&self, key: &str) -> Option<Spanned<String>> {
        let value = self.0.get(key)?;
        value.get_ref().as_str().map(|text| Spanned::new(value.span(), text.to_owned()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidationSection {
    pub(super) watch: Option<String>,
    pub(super) max_age: Option<String>,
    pub(super) every: Option<String>,
    pub(super) failures: Option<u32>,
    pub(super) timeout: Option<String>,
}

/// A check of any kind. Which keys a kind takes is said in `resolve/checks.rs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckSection {
    pub(super) name: Spanned<String>,
    pub(super) kind: String,
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) services: Vec<String>,
    #[serde(default)]
    pub(super) severities: Vec<String>,
    #[serde(rename = "for")]
    pub(super) span: Option<String>,
    pub(super) url: Option<String>,
    pub(super) method: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) status: Vec<u16>,
    pub(super) expect: Option<String>,
    #[serde(default)]
    pub(super) allow_http: bool,
    pub(super) timeout: Option<String>,
    pub(super) source: Option<String>,
    pub(super) params: Option<toml::Value>,
    pub(super) chain: Option<u64>,
    pub(super) wallet: Option<String>,
    pub(super) asset: Option<String>,
    pub(super) at_least: Option<toml::Value>,
    pub(super) at_most: Option<toml::Value>,
}

impl CheckSection {
    /// The keys that are there, of those that not every kind takes.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let all = [
            ("for", self.span.is_some()),
            ("url", self.url.is_some()),
            ("method", self.method.is_some()),
            ("headers", !self.headers.is_empty()),
            ("status", !self.status.is_empty()),
            ("expect", self.expect.is_some()),
            ("allow_http", self.allow_http),
            ("timeout", self.timeout.is_some()),
            ("source", self.source.is_some()),
            ("params", self.params.is_some()),
            ("chain", self.chain.is_some()),
            ("wallet", self.wallet.is_some()),
            ("asset", self.asset.is_some()),
            ("at_least", self.at_least.is_some()),
            ("at_most", self.at_most.is_some()),
        ];
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntegrationSection {
    pub(super) id: Spanned<String>,
    pub(super) key: String,
    pub(super) heartbeat: Option<String>,
    pub(super) signals_a_minute: Option<u32>,
    pub(super) open_incidents: Option<u32>,
    pub(super) apart: Option<u32>,
    pub(super) services: Option<Vec<String>>,
    pub(super) facts: Option<Vec<String>>,
    pub(super) loudest: Option<String>,
    pub(super) group_by: Option<Vec<String>>,
}
