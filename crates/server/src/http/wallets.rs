//! The watched wallets and what each is guarded by. Tests: `tests/it/wallets.rs`.

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{ErrorBody, Wallet};
use quarterdeck_core::catalogue::{Service, WatchedAddress};
use quarterdeck_detect::detectors::account::wallet_policy;

use super::{Shared, Viewer};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/wallets", get(wallets))
}

/// Every watched address of role `wallet` or `multisig`, with the lines of its policy that are in force.
#[utoipa::path(get, path = "/api/v1/wallets", tag = "sources", security(("token" = [])), responses((status = 200, body = Vec<Wallet>), (status = 401, body = ErrorBody)))]
pub async fn wallets(_: Viewer, State(app): State<Shared>) -> Json<Vec<Wallet>> {
    Json(all(&app))
}

/// Every watched wallet, by service and in the order of the configuration.
pub fn all(app: &Shared) -> Vec<Wallet> {
    let in_force = app.live.now();
    let (catalogue, params) = (&in_force.setting.catalogue, in_force.detectors.get(wallet_policy::ID));
    let view = |(service, wallet): (&Service, &WatchedAddress)| Wallet {
        label: wallet.label.clone(),
        service: service.id.to_string(),
        chain: wallet.chain.to_string(),
        address: wallet.address.to_string(),
        role: wallet.role.word().to_owned(),
        has_policy: catalogue.wallet_policy(wallet.chain, wallet.address.clone()).is_some(),
        lines: wallet_policy::guarded_by(catalogue, wallet, params),
    };
    catalogue.wallets().map(view).collect()
}
