//! Answers that say no.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use quarterdeck_api::ErrorBody;
use quarterdeck_core::incident::{Refusal, evidence_refusal::EvidenceRefusal};
use quarterdeck_store::StoreError;

use crate::{
    engine::{EngineError, LoadError},
    history::HistoryError,
};

/// An answer that says no: what is wrong is the caller's to fix (4xx) or ours (5xx).
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    body: ErrorBody,
    /// After how many seconds to ask again.
    pub(super) retry_after: Option<u64>,
}

impl Refused {
    /// With a stable code and a sentence.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorBody { code: code.to_owned(), message: message.into(), hint: String::new() };
        Self { status, body, retry_after: None }
    }
    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.body.hint);
        self
    }
    /// Status 400: the request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
    /// Status 404: what it names is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
    /// The caller may ask again at once.
    #[must_use]
    pub const fn passing(mut self) -> Self {
        self.retry_after = Some(1);
        self
    }
    /// What it says.
    pub const fn body(&self) -> &ErrorBody {
        &self.body
    }
    /// Status and message, for pages that show them.
    pub fn parts(&self) -> (StatusCode, &str) {
        (self.status, &self.body.message)
    }

    /// What to do about it; may be empty.
    pub fn remedy(&self) -> &str {
        &self.body.hint
    }
}

/// Goes with every refusal, for formats with error bodies of their own.
#[derive(Clone)]
pub struct Message(pub String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let message = Message(self.body.message.clone());
        let mut answer = (self.status, Json(self.body)).into_response();
        answer.extensions_mut().insert(message);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Evidence(EvidenceRefusal::NoSuch { .. } | EvidenceRefusal::NoSuchSignal { .. }) => {
                StatusCode::NOT_FOUND
            }
            Refusal::Evidence(EvidenceRefusal::Erased { .. }) => StatusCode::GONE,
            Refusal::Evidence(EvidenceRefusal::Size { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::NoSuchIncident { .. }
            | Refusal::NoSuchPage { .. }
            | Refusal::NoSuchClaim { .. }
            | Refusal::NoSuchMessage { .. }
            | Refusal::NoSuchTask { .. }
            | Refusal::NoSuchCheck { .. }
            | Refusal::NoSuchSilence { .. } => StatusCode::NOT_FOUND,
            Refusal::BadField { .. } => StatusCode::BAD_REQUEST,
            Refusal::BadText { .. }
            | Refusal::NothingSaid { .. }
            | Refusal::NoSuchPerson { .. }
            | Refusal::SilencesAll
            | Refusal::TooManyMatchers { .. }
            | Refusal::SilenceOver { .. }
            | Refusal::BadMatcher { .. }
            | Refusal::TooManySilences
            | Refusal::NoSuchService { .. }
            | Refusal::LongComment { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::WrongPhase { .. }
            | Refusal::WentOn { .. }
            | Refusal::SetAside { .. }
            | Refusal::PageSettled { .. }
            | Refusal::NothingAsked { .. }
            | Refusal::TooManyAsks { .. }
            | Refusal::BadMerge { .. }
            | Refusal::BadMessage { .. }
            | Refusal::KeyUsed { .. }
            | Refusal::RoomFull { .. }
            | Refusal::TooManyPins { .. }
            | Refusal::TaskOver { .. }
            | Refusal::NotClaimed { .. }
            | Refusal::Held { .. }
            | Refusal::TooManyTasks { .. }
            | Refusal::ChecksFail { .. }
            | Refusal::TooManyValidations { .. }
            | Refusal::Evidence(
                EvidenceRefusal::Full { .. }
                | EvidenceRefusal::TooMuch { .. }
                | EvidenceRefusal::TooManyEntries { .. }
                | EvidenceRefusal::UnderHold { .. }
                | EvidenceRefusal::NotHeld { .. }
                | EvidenceRefusal::TooManyHolds { .. },
            )
            | Refusal::NotRestricted { .. }
            | Refusal::TooLong { .. } => StatusCode::CONFLICT,
            Refusal::OnlyAPerson { .. } | Refusal::Restricted { .. } => StatusCode::FORBIDDEN,
            Refusal::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
        };
        let refused = Self::new(status, refusal.code(), refusal.to_string());
        match refusal.hint() {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let mut refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_durable", error.to_string())
            .hint("nothing was kept; send it again");
        refused.retry_after = Some(1);
        refused
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Damaged { .. } => {
                tracing::error!(%error, "a stored history cannot be followed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", error.to_string())
            }
        }
    }
}

impl From<HistoryError> for Refused {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NoSuch { id } => Refusal::NoSuchIncident { id }.into(),
            HistoryError::Store { source, .. } => source.into(),
            HistoryError::Unreadable { .. } | HistoryError::OutOfOrder { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "a history cannot be read");
                // Which event it is, and what is wrong with it.
                let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", format!("{error}{why}"))
            }
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a read failed");
        let mut refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string());
        refused.retry_after = Some(1);
        refused
    }
}
