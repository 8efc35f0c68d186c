//! A form with a file, as browsers send it (`multipart/form-data`, RFC 7578), or the same form without one. The body is bounded before it
//! is read here; what is no form is refused and never guessed at. Tests: below.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::Response,
};

use super::sorry;
use crate::{
    auth::Role,
    http::{self, Refused, Shared, caller},
};

/// Fields and files of a form: ours has six.
const PARTS_MAX: usize = 32;

/// What was filled in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Upload {
    /// What was typed, by field.
    pub typed: BTreeMap<String, String>,
    /// The file that was chosen.
    pub file: Option<File>,
}

/// A file that was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Its name on the visitor's machine.
    pub name: String,
    /// What the browser takes it for.
    pub media_type: Option<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl FromRequest<Shared> for Upload {
    type Rejection = Response;
    async fn from_request(request: Request, app: &Shared) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let (parts, body) = request.into_parts();
        let who = caller(&parts, app, Role::Viewer).ok();
        let read = http::Bytes::from_request(Request::from_parts(parts, body), app).await;
        let bad = || Refused::new(StatusCode::BAD_REQUEST, "bad_form", "the form cannot be read");
        read.and_then(|http::Bytes(body)| Self::read(&kind, &body).ok_or_else(bad))
            .map_err(|refused| sorry(app, who.as_ref(), &refused))
    }
}

impl Upload {
    fn read(kind: &str, body: &[u8]) -> Option<Self> {
        let Some(parameters) = kind.strip_prefix("multipart/form-data") else {
            let typed = url::form_urlencoded::parse(body).into_owned().collect();
            return Some(Self { typed, file: None });
        };
        let boundary = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?.trim_matches('"');
        let delimiter = format!("--{boundary}");
        let between = format!("\r\n{delimiter}");
        let mut rest = body.strip_prefix(delimiter.as_bytes())?;
        let mut upload = Self::default();
        for _ in 0..PARTS_MAX {
            if rest.starts_with(b"--") {
                return Some(upload);
            }
            let part = rest.strip_prefix(b"\r\n")?;
            let (head, content) = split(part, b"\r\n\r\n")?;
            let (content, after) = split(content, between.as_bytes())?;
            upload.take(head, content)?;
            rest = after;
        }
        None
    }

    fn take(&mut self, head: &[u8], content: &[u8]) -> Option<()> {
        let Ok(head) = std::str::from_utf8(head) else { return None };
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let disposition = field("content-disposition")?;
        let name = parameter(disposition, "name")?;
        match parameter(disposition, "filename") {
            // A form whose file was not chosen sends an empty one without a name.
            Some(file) if file.is_empty() && content.is_empty() => {}
            Some(file) => {
                let media_type = field("content-type").map(ToOwned::to_owned);
                self.file = Some(File { name: file, media_type, bytes: content.to_vec() });
            }
            None => {
                let Ok(text) = std::str::from_utf8(content) else { return None };
                self.typed.insert(name, text.to_owned());
            }
        }
        Some(())
    }
}

/// What is before and after the first of these bytes.
fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    let (before, rest) = bytes.split_at_checked(place)?;
    Some((before, rest.get(at.len()..)?))
}

/// The value of `name="…"`, in which browsers write a quote as `%22`.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let (_, rest) = disposition.split_once(&format!("; {name}=\""))?;
    Some(rest.split_once('"')?.0.replace("%22", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x9";

    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, content) in parts {
            body.extend(format!("------x9\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"------x9--\r\n");
        body
    }

    #[test]
    fn fields_and_the_file_come_as_they_were_sent() {
        let bytes: &[u8] = b"\r\n--\0\xff\r\n----x8\r\n";
        let file = "name=\"file\"; filename=\"a %22log%22.txt\"\r\nContent-Type: text/plain";
        let read = Upload::read(KIND, &form(&[("name=\"what\"", "a löng line".as_bytes()), (file, bytes)])).unwrap();
        assert_eq!(read.typed, BTreeMap::from([("what".to_owned(), "a löng line".to_owned())]));
        let want =
            File { name: "a \"log\".txt".to_owned(), media_type: Some("text/plain".to_owned()), bytes: bytes.to_vec() };
        assert_eq!(read.file, Some(want));
        let none = "name=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        assert_eq!(Upload::read(KIND, &form(&[(none, b"")])).unwrap(), Upload::default());
        let plain = Upload::read("application/x-www-form-urlencoded", b"what=a+log&text=x%0Ay").unwrap();
        assert_eq!(plain.typed["text"], "x\ny");
    }

    #[test]
    fn what_is_no_form_is_none() {
        let whole = form(&[("name=\"what\"", b"a log")]);
        assert!(Upload::read(KIND, &whole).is_some());
        for cut in 0..whole.len() - 4 {
            assert_eq!(Upload::read(KIND, &whole[..cut]), None, "cut to {cut}");
        }
        assert_eq!(Upload::read("multipart/form-data", &whole), None);
        assert_eq!(Upload::read(KIND, &form(&[("filename=\"x\"", b"")])), None, "without a name");
        assert_eq!(Upload::read(KIND, &form(&[("name=\"what\"", &[0xff])])), None, "no text");
        let many: Vec<(&str, &[u8])> = vec![("name=\"what\"", b"a"); PARTS_MAX + 1];
        assert_eq!(Upload::read(KIND, &form(&many)), None);
    }
}
