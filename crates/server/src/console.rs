//! Pages.
use axum::Router;
use crate::http::Shared;
/// Routes.
pub fn routes() -> Router<Shared> { Router::new() }
