//! Alerts as Prometheus posts them, in the list of formats. Tests: `tests/list.rs`.

use super::{POSTED, answer::error_body, parse_alerts};
use crate::{
    bounds::FormatError,
    format::{IngestFormat, Reply},
    heard::{Batch, Hearing},
};

/// The format: what Prometheus posts to `/api/v2/alerts`.
pub struct Prometheus;

impl IngestFormat for Prometheus {
    fn id(&self) -> &'static str {
        "prometheus"
    }
    fn title(&self) -> &'static str {
        "Alerts of a Prometheus, as it posts them to `/api/v2/alerts`, which is the same."
    }
    fn doc(&self) -> &'static str {
        "an array of alerts; one that is not repeated ends by itself"
    }
    fn example(&self) -> &'static str {
        r#"[{"labels": {"alertname": "NodeDown", "instance": "eth-1"}, "annotations": {"summary": "eth-1 is down"}}]"#
    }
    fn read(&self, bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
        parse_alerts(bytes, hearing)
    }
    fn accepted(&self) -> Option<Reply> {
        Some(Reply { status: 200, body: String::new() })
    }
    fn refused(&self, refusals: &str) -> Option<Reply> {
        Some(Reply { status: 400, body: error_body(refusals) })
    }
    fn repeats(&self) -> Option<&'static str> {
        Some(POSTED)
    }
}
