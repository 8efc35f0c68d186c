//! What guards the watched wallets is shown as it is in force, and a reload changes it in place.

use serde_json::json;

use crate::harness::{Deck, VIEWER};

const CUSTODY: &str = r#"
[[service]]
id = "custody"
users = 1
addresses = [{ chain = 1, address = "0x1111111111111111111111111111111111111111", role = "wallet", label = "hot" }]
"#;
const POLICY: &str = "\n[[wallet]]\nwallets = [\"hot\"]\ndestinations = [\"ours\"]\nday_max_usd = 5_000\n";

#[tokio::test]
async fn a_policy_is_in_force_from_the_reload_on_and_shown() {
    let deck = Deck::start().await;
    assert_eq!(deck.get("/api/v1/wallets", VIEWER).await, json!([]));
    deck.configure(|text| format!("{text}{CUSTODY}")).await;
    let usual = [
        "told if 50 % of what it holds leaves in one transaction, as for every wallet",
        "told if 50 % of what it holds leaves within an hour, as for every wallet",
    ];
    let shown = deck.get("/api/v1/wallets", VIEWER).await;
    assert_eq!(
        (&shown[0]["label"], &shown[0]["has_policy"], &shown[0]["lines"]),
        (&json!("hot"), &json!(false), &json!(usual))
    );
    deck.configure(|text| format!("{text}{POLICY}")).await;
    let shown = deck.get("/api/v1/wallets", VIEWER).await;
    assert_eq!(shown[0]["has_policy"], json!(true));
    assert_eq!(
        shown[0]["lines"],
        json!(["sends only to any watched address", usual[0], usual[1], "at most $5,000 within a day"])
    );
    deck.finish().await;
}
