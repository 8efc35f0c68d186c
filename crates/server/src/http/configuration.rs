//! What is in force of the configuration, and having the file read anew.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use quarterdeck_api::{Configuration, ErrorBody};

use super::{Admin, Refused, Shared, Viewer};
use crate::{in_force::InForce, reload::ReloadError};

/// Its routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/configuration", get(show)).route("/api/v1/configuration/reload", post(reload))
}

/// What is in force.
#[utoipa::path(get, path = "/api/v1/configuration", tag = "configuration", security(("token" = [])), responses((status = 200, body = Configuration), (status = 401, body = ErrorBody)))]
pub async fn show(_: Viewer, State(app): State<Shared>) -> Json<Configuration> {
    Json(view(&app.live.now(), Vec::new()))
}

/// Reads the file anew. It is refused whole, and nothing changes; or it is in force whole, except for what needs a restart.
#[utoipa::path(post, path = "/api/v1/configuration/reload", tag = "configuration", security(("token" = [])),
    responses((status = 200, body = Configuration), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "there is no file, or an open incident would reach nobody in the end"),
        (status = 422, body = ErrorBody, description = "the file has faults, each with line and remedy"), (status = 503, body = ErrorBody)))]
pub async fn reload(Admin(caller): Admin, State(app): State<Shared>) -> Result<Json<Configuration>, Refused> {
    let done = app.reloader.reload(caller.actor()).await?;
    let warnings = done.warnings.iter().map(ToString::to_string).collect();
    Ok(Json(view(&done.in_force, warnings)))
}

fn view(in_force: &InForce, warnings: Vec<String>) -> Configuration {
    Configuration {
        digest: in_force.digest.clone(),
        since: in_force.since.to_string(),
        needs_restart: in_force.needs_restart.iter().map(|name| (*name).to_owned()).collect(),
        warnings,
    }
}

impl From<ReloadError> for Refused {
    fn from(error: ReloadError) -> Self {
        let hint = error.hint();
        let (status, code) = match error {
            ReloadError::Engine(error) => return error.into(),
            ReloadError::NoFile => (StatusCode::CONFLICT, "no_file"),
            ReloadError::Stranded(_) => (StatusCode::CONFLICT, "stranded"),
            ReloadError::Refused(_) | ReloadError::Detectors(_) => (StatusCode::UNPROCESSABLE_ENTITY, "configuration"),
            ReloadError::Parts(_) | ReloadError::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "defect"),
        };
        Self::new(status, code, with_causes(&error)).hint(hint)
    }
}

/// An error and what caused it, on one line each.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n{error}");
        cause = error.source();
    }
    text
}
