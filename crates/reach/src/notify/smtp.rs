//! Mail, over SMTP with TLS.
//!
//! The conversation is led step by step, because a page needs to know which step broke: until the message is on its way,
//! whatever fails means that nothing was delivered; once it is, silence means that we do not know. The Message-ID follows from
//! the page, so a repeated attempt is the same mail to every program on the way; the mails of one incident refer to one
//! another. Tests: `compliance.rs` and `compliance/mailbox.rs`.

use std::{
    fmt, io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use lettre::{
    message::{Mailbox, header},
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use quarterdeck_core::incident::Severity;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{sleep, timeout},
};
use url::Host;

use super::{
    Message, MessageKind, Notifier, NotifierKind, Parts, Receipt, SendError, SettingError, SettingSpec, Settings,
    exchange::{self, CA_FILE, TIMEOUT},
    words::{Secret, headline, idempotency_key, invitation, link, origin, paragraphs, quote},
};

/// Characters of a subject: longer ones are folded away by every mail program.
const SUBJECT_CHARS_MAX: usize = 200;
/// Bytes that a server may say in one conversation, certificates included: a real one says a few thousand.
const CONVERSATION_BYTES_MAX: u64 = 256 * 1024;
/// How long we wait to be seen off once the message is taken.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

/// RFC 3834: nobody's absence note is wanted.
const AUTO_SUBMITTED: header::HeaderName = header::HeaderName::new_from_ascii_str("Auto-Submitted");
/// For people's filters.
const INCIDENT: header::HeaderName = header::HeaderName::new_from_ascii_str("X-Quarterdeck-Incident");
/// RFC 2156: shown as urgent.
const IMPORTANCE: header::HeaderName = header::HeaderName::new_from_ascii_str("Importance");

/// The kind.
pub struct Smtp;

impl NotifierKind for Smtp {
    fn id(&self) -> &'static str {
        "smtp"
    }
    fn title(&self) -> &'static str {
        "Mail over SMTP"
    }
    fn address(&self) -> &'static str {
        "a mailbox: `alice@example.com` or `Alice <alice@example.com>`"
    }
    fn check_address(&self, address: &str) -> Result<(), String> {
        address.parse::<Mailbox>().map(drop).map_err(|error| error.to_string())
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            const fn setting(name: &'static str, required: bool, secret: bool, doc: &'static str) -> SettingSpec {
                SettingSpec { name, doc, required, secret }
            }
            &[
                setting("host", true, false, "The mail server's name or address."),
                setting("port", false, false, "Without it, 587 for starttls, 465 for implicit, 25 for none."),
                setting(
                    "tls",
                    false,
                    false,
                    "`starttls` (the default; a server that does not offer it is refused), `implicit`, or `none`, which is \
                     only for a server on this machine.",
                ),
                setting("from", true, false, "The sender's mailbox: `Quarterdeck <pager@example.com>`."),
                setting("user", false, false, "The account, where the server wants one."),
                setting("password", false, true, "The account's password."),
                setting("hello", false, false, "The name we greet the server with. Without it, our address."),
                CA_FILE,
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, _parts: &Parts) -> Result<Arc<dyn Notifier>, SettingError> {
        settings.check(self)?;
        Ok(Arc::new(Sender::new(self.id(), settings)?))
    }
}

/// How a conversation is kept private.
enum Privacy {
    StartTls(TlsParameters),
    Implicit(TlsParameters),
    None,
}

struct Sender {
    host: String,
    port: u16,
    privacy: Privacy,
    from: Mailbox,
    hello: ClientId,
    account: Option<Credentials>,
    secrets: Vec<Secret>,
    timeout: Duration,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Sender {
    fn new(kind: &'static str, settings: &Settings) -> Result<Self, SettingError> {
        let bad = |name: &'static str, reason: String| SettingError::Bad { kind, name, reason };
        let host = settings.get("host").unwrap_or_default().to_owned();
        let parsed = Host::parse(&host).map_err(|error| bad("host", format!("`{host}`: {error}")))?;
        let (privacy, default_port) = match settings.get("tls").unwrap_or("starttls") {
            "starttls" => (Privacy::StartTls(trust(kind, settings, &host)?), 587),
            "implicit" => (Privacy::Implicit(trust(kind, settings, &host)?), 465),
            "none" if exchange::is_loopback(&parsed) => (Privacy::None, 25),
            "none" => return Err(bad("tls", format!("`none` is only for this machine, not for `{host}`"))),
            other => return Err(bad("tls", format!("`{other}`: want starttls, implicit or none"))),
        };
        let port = match settings.get("port") {
            None => default_port,
            Some(text) => text.parse().map_err(|_| bad("port", format!("`{text}`: want 1 to 65535")))?,
        };
        let from = settings.get("from").unwrap_or_default();
        let from = from.parse::<Mailbox>().map_err(|error| bad("from", format!("`{from}` is no mailbox: {error}")))?;
        let (account, secrets) = match (settings.get("user"), settings.get("password")) {
            (Some(user), Some(password)) => {
                let secrets =
                    [password.to_owned(), BASE64.encode(password), BASE64.encode(format!("\0{user}\0{password}"))];
                (Some(Credentials::new(user.to_owned(), password.to_owned())), secrets.map(|s| Secret::new(&s)).into())
            }
            (None, None) => (None, Vec::new()),
            (Some(_), None) => return Err(bad("password", "want one for the user".to_owned())),
            (None, Some(_)) => return Err(bad("user", "want one for the password".to_owned())),
        };
        let hello = settings.get("hello").map_or_else(ClientId::default, |name| ClientId::Domain(name.to_owned()));
        Ok(Self { host, port, privacy, from, hello, account, secrets, timeout: exchange::timeout(kind, settings)? })
    }

    /// The mail of a message.
    fn compose(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let to = message.address.parse::<Mailbox>();
        let to = to.map_err(|error| SendError::permanent(format!("the person's address is no mailbox: {error}")))?;
        let domain = self.from.email.domain();
        let thread = format!("<{}@{domain}>", message.incident);
        let date = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(message.at.as_ms()).unwrap_or(0));
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .date(date)
            .message_id(Some(format!("<{}@{domain}>", idempotency_key(message))))
            .in_reply_to(thread.clone())
            .references(thread)
            .subject(headline(message, SUBJECT_CHARS_MAX))
            .raw_header(header::HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
            .raw_header(header::HeaderValue::new(INCIDENT, message.incident.to_string()))
            .header(header::MIME_VERSION_1_0)
            .header(header::ContentType::TEXT_PLAIN);
        if message.kind == MessageKind::Page && message.severity >= Severity::Sev2 {
            mail = mail.raw_header(header::HeaderValue::new(IMPORTANCE, "high".to_owned()));
        }
        mail.body(body(message)).map_err(|error| SendError::permanent(format!("write the mail: {error}")))
    }

    /// Everything up to the moment when the server says "go ahead". Nothing has been delivered if this fails.
    async fn introduce(&self, connection: &mut AsyncSmtpConnection, mail: &lettre::Message) -> Result<(), SendError> {
        if let Some(account) = &self.account {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, account).await.map_err(|error| self.refused("sign in", &error))?;
        }
        let envelope = mail.envelope();
        let mut options = Vec::new();
        if !envelope.to().iter().chain(envelope.from()).all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(SendError::permanent(format!("{} takes no address with such letters", self.host)));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let sender = Mail::new(envelope.from().cloned(), options);
        connection.command(sender).await.map_err(|error| self.refused("name the sender", &error))?;
        for to in envelope.to() {
            let to = Rcpt::new(to.clone(), Vec::new());
            connection.command(to).await.map_err(|error| self.refused("name the recipient", &error))?;
        }
        connection.command(Data).await.map_err(|error| self.refused("begin the message", &error))?;
        Ok(())
    }

    /// A conversation under TLS, where it is wanted, with nothing said yet but who we are.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let host = (self.host.trim_matches(['[', ']']), self.port);
        if let Privacy::Implicit(trust) = &self.privacy {
            let connected =
                AsyncSmtpConnection::connect_tokio1(host, Some(self.timeout), &self.hello, Some(trust.clone()), None);
            return connected.await.map_err(|error| self.refused("connect", &error));
        }
        let stream = TcpStream::connect(host)
            .await
            .map_err(|error| SendError::retry(format!("connect to {}:{}: {}", self.host, self.port, error.kind())))?;
        let stream = Box::new(Bounded { stream, left: CONVERSATION_BYTES_MAX });
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello)
            .await
            .map_err(|error| self.refused("greet", &error))?;
        if let Privacy::StartTls(trust) = &self.privacy {
            if !connection.can_starttls() {
                return Err(SendError::permanent(format!(
                    "{}:{} offers no STARTTLS; mail is not sent in the clear",
                    self.host, self.port
                )));
            }
            connection.starttls(trust.clone(), &self.hello).await.map_err(|error| self.refused("start TLS", &error))?;
        }
        Ok(connection)
    }

    /// What a failed step means: a 5xx is final, anything else before the message may go better next time.
    fn refused(&self, step: &str, error: &lettre::transport::smtp::Error) -> SendError {
        let reason = self.reason(step, error);
        // No mechanism in common is the client's own error, and a matter of configuration.
        if error.is_permanent() || error.is_client() { SendError::permanent(reason) } else { SendError::retry(reason) }
    }

    fn reason(&self, step: &str, error: &lettre::transport::smtp::Error) -> String {
        let words = std::error::Error::source(error).map(|source| quote(&source.to_string(), &self.secrets));
        let words = words.map(|words| format!(": {words}")).unwrap_or_default();
        let code = error.status().map_or_else(|| "no proper answer".to_owned(), |code| format!("{code}"));
        format!("{step} at {}:{}: {code}{words}", self.host, self.port)
    }

    /// What came of the message itself, once it was on its way.
    fn judge(
        &self,
        answer: Result<lettre::transport::smtp::response::Response, lettre::transport::smtp::Error>,
    ) -> Result<Receipt, SendError> {
        match answer {
            Ok(response) => {
                let words = response.message().collect::<Vec<_>>().join(" ");
                let text = format!("{} answered {}: {}", self.host, response.code(), quote(&words, &self.secrets));
                Ok(Receipt { text })
            }
            Err(error) if error.is_permanent() || error.is_transient() => {
                Err(self.refused("hand over the message", &error))
            }
            Err(error) => Err(SendError::unknown(self.reason("hand over the message", &error))),
        }
    }
}

#[async_trait]
impl Notifier for Sender {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let mail = self.compose(message)?;
        let mut deadline = pin!(sleep(self.timeout));
        let late = |step: &str| {
            format!("{step} at {}:{}: nothing within {} ms", self.host, self.port, self.timeout.as_millis())
        };
        let mut connection = tokio::select! {
            connected = self.connect() => connected?,
            () = &mut deadline => return Err(SendError::retry(late("reach the server"))),
        };
        tokio::select! {
            ready = self.introduce(&mut connection, &mail) => ready?,
            () = &mut deadline => return Err(SendError::retry(late("sign in and name the recipient"))),
        }
        let bytes = mail.formatted();
        let answer = tokio::select! {
            answer = connection.message(&bytes) => answer,
            () = &mut deadline => return Err(SendError::unknown(late("hand over the message"))),
        };
        let receipt = self.judge(answer)?;
        // The message is taken; how the server takes leave changes nothing.
        if !matches!(timeout(FAREWELL_TIMEOUT, connection.quit()).await, Ok(Ok(_))) {
            tracing::debug!(host = %self.host, "the mail server did not say goodbye");
        }
        Ok(receipt)
    }
}

/// Whom to trust at `host`: the public authorities, and those of `ca_file`.
fn trust(kind: &'static str, settings: &Settings, host: &str) -> Result<TlsParameters, SettingError> {
    let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
    if let Some(pem) = exchange::ca_pem(kind, settings)? {
        let reason = "it holds a certificate that cannot be used".to_owned();
        let bad = SettingError::Bad { kind, name: CA_FILE.name, reason };
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| bad)?);
    }
    let bad_host =
        |error| SettingError::Bad { kind, name: "host", reason: format!("`{host}` cannot be verified: {error}") };
    builder.build_rustls().map_err(bad_host)
}

fn body(message: &Message) -> String {
    let mut text = headline(message, usize::MAX);
    for paragraph in paragraphs(message) {
        text.push_str("\n\n");
        text.push_str(&paragraph);
    }
    if let Some(url) = link(message) {
        text.extend(["\n\n", invitation(message), ": ", url.as_str()]);
    }
    text.push_str("\n\n-- \n");
    text.push_str(&origin(message));
    text.push('\n');
    text
}

/// A connection that ends once the server has said too much.
#[derive(Debug)]
struct Bounded {
    stream: TcpStream,
    left: u64,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server says too much")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let more = u64::try_from(buffer.filled().len().saturating_sub(before)).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(more);
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.stream.peer_addr()
    }
}
