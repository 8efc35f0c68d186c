//! The API's own description. Checked in as `openapi.json`; a test fails on a difference that nobody reviewed.

use axum::{Json, Router, routing::get};
use quarterdeck_formats::FORMATS;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{
    Shared, alertmanager, bulk, checks, commands, configuration, declare, erase, evidence, health, incidents, ingest,
    log, oncall, room, signals, silences, sources, stream, tasks, wallets,
};

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(title = "Quarterdeck", description = "Incident command for crypto operations.", license(name = "Apache-2.0")),
    paths(
        incidents::list, incidents::show, incidents::timeline, incidents::review,
        declare::declare, commands::command, commands::acknowledge, commands::mitigate, commands::resolve, commands::reopen,
        commands::escalate, commands::note, commands::take_role, commands::state_facts, commands::merge,
        commands::reviewed, room::show, room::events, bulk::commands, erase::erase, erase::erase_signal, erase::erase_silence,
        signals::list, signals::show, signals::detectors,
        sources::sources, sources::kinds, sources::begin_anew, wallets::wallets,
        checks::checks, evidence::list, evidence::bundle, evidence::keep, evidence::take, evidence::verify, tasks::list, tasks::held, oncall::now, oncall::next,
        log::head, log::inclusion, log::consistency,
        configuration::show, configuration::reload,
        health::live, health::ready, health::seeing, health::health, health::metrics,
        stream::events,
        silences::list, silences::create, silences::end, silences::end_many,
        ingest::ingest, ingest::enqueue, ingest::heartbeat,
        alertmanager::alerts, alertmanager::post_alerts, alertmanager::groups, alertmanager::status,
        alertmanager::receivers, alertmanager::list_silences, alertmanager::post_silence, alertmanager::silence,
        alertmanager::delete_silence,
    ),
    modifiers(&Token, &Formats, &Names)
)]
pub struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        // An integration's key, or a token, as the password.
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// Describes the address of every format of THE LIST by itself.
struct Formats;

impl Modify for Formats {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let Some(any) = description.paths.paths.remove("/ingest/{format}") else { return };
        for format in FORMATS {
            let mut item = any.clone();
            if let Some(operation) = &mut item.post {
                operation.summary = Some(format.title().to_owned());
                operation.description = None;
                if format.accepted().is_some() {
                    operation.description = Some("Answers and refusals are those of the format.".to_owned());
                    for answer in operation.responses.responses.values_mut() {
                        if let RefOr::T(answer) = answer {
                            answer.content.clear();
                        }
                    }
                }
                if let Some(RefOr::T(body)) = &mut operation.request_body {
                    body.description = Some(format.doc().to_owned());
                }
            }
            description.paths.paths.insert(format!("/ingest/{}", format.id()), item);
        }
    }
}

/// Names every operation after its method and path: functions of two files may have one name, operations may not.
struct Names;

impl Modify for Names {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let words: Vec<&str> = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty()).collect();
            let operations = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
                }
            }
        }
    }
}

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/openapi.json", get(|| async { Json(Description::openapi()) }))
}

/// The description as it is checked in.
pub fn text() -> Result<String, serde_json::Error> {
    Description::openapi().to_pretty_json()
}
