//! silences
use axum::Router; use super::Shared;
/// Routes.
pub fn routes() -> Router<Shared> { Router::new() }
