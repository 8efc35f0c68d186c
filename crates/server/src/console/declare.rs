//! The short form by which somebody declares an incident, one key or one touch away from every page. What is refused is shown on it with
//! what was typed. A form that is sent twice opens one incident: it brings a key of its own. Tests: `tests/console/pages.rs`.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_api as api;
use quarterdeck_core::{id::IdSource as _, incident::Severity};
use quarterdeck_host::randomness::SystemIds;

use super::{
    Filled, On,
    filled::{dollars, whole},
    frame, page,
    pages::{self, Choice, DeclareForm},
};
use crate::{
    auth::{Caller, hex},
    http::{
        Refused, Responder, Shared,
        declare::{self, GUESS},
        extract::shortened,
    },
};

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/declare", get(show).post(act))
}

async fn show(On(Responder(visitor)): On<Responder>, State(app): State<Shared>) -> Response {
    let form = DeclareForm { severity: GUESS.to_string(), key: hex(&SystemIds.fresh()), ..DeclareForm::default() };
    render(&app, &visitor, form, None)
}

async fn act(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    Filled(form): Filled<DeclareForm>,
) -> Response {
    let done = match read(&form) {
        Ok(declare) => declare::open(&app, &visitor, declare).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(declared) => Redirect::to(&format!("/incidents/{}", declared.summary.id)).into_response(),
        Err(refused) => render(&app, &visitor, form, Some(&refused)),
    }
}

fn render(app: &Shared, visitor: &Caller, form: DeclareForm, refused: Option<&Refused>) -> Response {
    let in_force = app.live.now();
    let services = in_force.setting.catalogue.services.values();
    let services = services.map(|one| Choice { value: one.id.to_string(), label: one.title.clone() }).collect();
    let template = pages::Declare {
        frame: frame(app, Some(visitor), "declare"),
        refused: refused.map(|refused| refused.body().clone()),
        guesses: Severity::ALL.iter().rev().map(|one| (one.to_string(), meaning(*one))).collect(),
        services,
        form,
    };
    page(refused.map_or(StatusCode::OK, |refused| refused.parts().0), &template)
}

/// What a guess means, for hands that have no time to look it up.
const fn meaning(severity: Severity) -> &'static str {
    match severity {
        Severity::Sev1 => "funds, keys or the whole business",
        Severity::Sev2 => "a service or much money is at stake",
        Severity::Sev3 => "somebody must look now",
        Severity::Sev4 => "it can wait for the day",
        Severity::Sev5 => "worth a look in working hours",
    }
}

/// The request that a filled form means.
fn read(form: &DeclareForm) -> Result<api::Declare, Refused> {
    let wrong = |message: String| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_number", message);
    let ticked = |value: &str| !value.is_empty();
    let money = dollars(&form.money).ok_or_else(|| {
        wrong(format!("`{}` is no amount of US dollars", shortened(&form.money)))
            .hint("write it like 2500000 or 2,500,000.50")
    })?;
    let users = match form.users.trim() {
        "" => None,
        text => Some(whole(text).ok_or_else(|| wrong(format!("`{}` is no whole number", shortened(text))))?),
    };
    let facts = api::Facts {
        money_at_risk_cents: money.cents(),
        users,
        irreversible: ticked(&form.irreversible),
        key_compromise: ticked(&form.key_compromise),
        theft: ticked(&form.theft),
    };
    Ok(api::Declare {
        title: form.title.clone(),
        severity: Some(form.severity.clone()),
        service: Some(form.service.clone()).filter(|service| !service.is_empty()),
        facts,
        drill: ticked(&form.drill),
        key: Some(form.key.clone()).filter(|key| !key.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_form_is_the_request_of_the_api() {
        let form = DeclareForm {
            title: "signer silent".to_owned(),
            severity: "SEV2".to_owned(),
            money: "$1,000".to_owned(),
            theft: "yes".to_owned(),
            key: "k".to_owned(),
            ..DeclareForm::default()
        };
        let request = read(&form).unwrap();
        assert_eq!((request.facts.money_at_risk_cents, request.facts.theft, request.drill), (100_000, true, false));
        assert_eq!((request.service, request.key.as_deref()), (None, Some("k")));
        let refused = read(&DeclareForm { users: "many".to_owned(), ..form }).expect_err("refused");
        assert_eq!(refused.parts().1, "`many` is no whole number");
    }
}
