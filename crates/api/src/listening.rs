//! A stream of server-sent events (WHATWG HTML, section 9.2), as the client reads it: names and data, one event after the other.

/// Bytes of one event at most: a message of a room is about 20 kB.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Why nothing more is heard.
#[derive(Debug, thiserror::Error)]
pub enum Deaf {
    /// The connection is lost.
    #[error("the connection is lost")]
    Lost(#[source] reqwest::Error),
    /// No server of ours says so much at once.
    #[error("an event of more than {EVENT_BYTES_MAX} bytes")]
    TooLong,
}

/// A stream that is open.
#[derive(Debug)]
pub struct Listening {
    answer: reqwest::Response,
    heard: Vec<u8>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its name.
    pub name: String,
    /// Its data, line by line.
    pub data: String,
}

impl Listening {
    pub(crate) const fn new(answer: reqwest::Response) -> Self {
        Self { answer, heard: Vec::new() }
    }

    /// The next event; none: the stream is over. Signs of life are passed over.
    pub async fn next(&mut self) -> Result<Option<Heard>, Deaf> {
        loop {
            if let Some(end) = self.heard.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.heard.drain(..end + 2).collect();
                if let Some(heard) = read(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(heard));
                }
                continue;
            }
            if self.heard.len() > EVENT_BYTES_MAX {
                return Err(Deaf::TooLong);
            }
            match self.answer.chunk().await.map_err(Deaf::Lost)? {
                Some(more) => self.heard.extend_from_slice(&more),
                None => return Ok(None),
            }
        }
    }
}

/// An event from its lines; none: it has no name, as signs of life.
fn read(event: &str) -> Option<Heard> {
    let field = |name: &str, line: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let name = event.lines().find_map(|line| field("event", line))?;
    let data: Vec<String> = event.lines().filter_map(|line| field("data", line)).collect();
    Some(Heard { name, data: data.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_name_and_its_data_line_by_line() {
        let heard = read("event: message\ndata: one\ndata: two\n\n").unwrap();
        assert_eq!(heard, Heard { name: "message".to_owned(), data: "one\ntwo".to_owned() });
        assert_eq!(read(":\n\n"), None);
        assert_eq!(read("data: nobody\n\n"), None);
    }
}
