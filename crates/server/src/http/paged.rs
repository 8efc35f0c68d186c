//! A list that goes on: the items as a JSON array, and where the next page is in the header `Link`, as RFC 8288 has it. An array
//! has no room for a cursor, and what reads the array today goes on reading it.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// Its items.
    pub items: Vec<T>,
    /// The address of the next page; none: this is the last.
    pub next: Option<String>,
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut answer = Json(self.items).into_response();
        // An address is written by `address`, which leaves nothing in it that a header cannot carry.
        if let Some(link) = self.next.and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok()) {
            answer.headers_mut().insert(header::LINK, link);
        }
        answer
    }
}

/// A path with the parameters that are there.
pub fn address(path: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_told_beside_the_array() {
        let next = Some(address("/api/v1/signals", &[("status", None), ("before", Some("a b>"))]));
        let answer = Paged { items: vec![1, 2], next }.into_response();
        assert_eq!(answer.headers()[header::LINK], "</api/v1/signals?before=a+b%3E>; rel=\"next\"");
        let last = Paged::<u8> { items: Vec::new(), next: None }.into_response();
        assert!(!last.headers().contains_key(header::LINK));
    }
}
