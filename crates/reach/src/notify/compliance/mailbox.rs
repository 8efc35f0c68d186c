//! A mail server that does as it is told: RFC 5321 with STARTTLS and AUTH PLAIN, as far as a conversation needs.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Notifier, kind, notifier,
    provider::{CERTIFICATE_FILE, acceptor},
};

/// Where in the conversation the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Greeting,
    Auth,
    Recipient,
    Data,
    Body,
    Quit,
}

/// What it does there instead of the usual.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    Say(&'static str),
    Silence,
    Close,
    /// Says one line that does not end.
    Flood,
}

type Mails = Arc<Mutex<Vec<String>>>;

pub(super) struct Mailbox {
    address: SocketAddr,
    mails: Mails,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    StartTls,
    Implicit,
    Nothing,
}

impl Mailbox {
    /// Offers STARTTLS and keeps to the script.
    pub(super) async fn start(script: Vec<(Stage, Turn)>) -> Self {
        Self::listen(script, Offer::StartTls).await
    }
    /// TLS from the first byte.
    pub(super) async fn start_implicit() -> Self {
        Self::listen(Vec::new(), Offer::Implicit).await
    }
    /// Offers no TLS.
    pub(super) async fn start_bare() -> Self {
        Self::listen(Vec::new(), Offer::Nothing).await
    }

    async fn listen(script: Vec<(Stage, Turn)>, offer: Offer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Mails::default();
        let server = Server { script: script.into_iter().collect(), mails: Arc::clone(&mails), acceptor: acceptor() };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // `None` is a client that left early, which is its right.
                let _: Option<()> = match offer {
                    Offer::Nothing => server.converse(stream, true, false).await,
                    Offer::Implicit => match server.acceptor.accept(stream).await {
                        Ok(stream) => server.converse(stream, true, false).await,
                        Err(_) => None,
                    },
                    Offer::StartTls => server.upgrade(stream).await,
                };
            }
        });
        Self { address, mails, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
    pub(super) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
    /// A notifier that writes here, with a password in which the sentinel stands.
    pub(super) fn notifier(&self, tls: &str, more: &[(&str, &str)]) -> Arc<dyn Notifier> {
        let port = self.port().to_string();
        let mut settings = vec![
            ("host", "localhost"),
            ("port", port.as_str()),
            ("tls", tls),
            ("from", "Quarterdeck <pager@example.com>"),
            ("user", "u"),
            ("password", "s3ntinel-pass"),
            ("ca_file", CERTIFICATE_FILE),
        ];
        settings.extend(more);
        notifier(kind("smtp").unwrap(), &settings)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Server {
    script: BTreeMap<Stage, Turn>,
    mails: Mails,
    acceptor: TlsAcceptor,
}

impl Server {
    /// The part in the clear, then the rest under TLS.
    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Option<()> {
        let mut stream = BufReader::new(stream);
        self.turn(&mut stream, Stage::Greeting, "220 mail.example.com ready\r\n").await?;
        loop {
            let line = line(&mut stream).await?;
            if line.starts_with("EHLO ") {
                say(&mut stream, "250-mail.example.com\r\n250 STARTTLS\r\n").await?;
            } else if line == "STARTTLS" {
                say(&mut stream, "220 go ahead\r\n").await?;
                let stream = self.acceptor.accept(stream.into_inner()).await.ok()?;
                return self.converse(stream, false, true).await;
            } else {
                assert_eq!(line, "QUIT", "before TLS, nothing else may be said");
                return None;
            }
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, greet: bool, private: bool) -> Option<()> {
        let mut stream = BufReader::new(stream);
        if greet {
            self.turn(&mut stream, Stage::Greeting, "220 mail.example.com ready\r\n").await?;
        }
        loop {
            let line = line(&mut stream).await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            match verb.as_str() {
                "EHLO" => say(&mut stream, "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n").await?,
                "AUTH" => self.turn(&mut stream, Stage::Auth, "235 2.7.0 welcome\r\n").await?,
                "MAIL" => say(&mut stream, "250 2.1.0 ok\r\n").await?,
                "RCPT" => self.turn(&mut stream, Stage::Recipient, "250 2.1.5 ok\r\n").await?,
                "DATA" => {
                    self.turn(&mut stream, Stage::Data, "354 go on\r\n").await?;
                    let mail = mail(&mut stream).await?;
                    self.mails.lock().unwrap().push(mail);
                    self.turn(&mut stream, Stage::Body, "250 2.0.0 queued as 4D2 s3ntinel-pass\r\n").await?;
                }
                "QUIT" => return self.turn(&mut stream, Stage::Quit, "221 bye\r\n").await,
                other => panic!("the client said `{other}` (private: {private})"),
            }
        }
    }

    /// Does what the script says at this stage, or says the usual. None: the conversation is over.
    async fn turn<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        stage: Stage,
        usual: &str,
    ) -> Option<()> {
        match self.script.get(&stage) {
            None => say(stream, usual).await,
            Some(Turn::Say(line)) => say(stream, line).await,
            Some(Turn::Close) => None,
            Some(Turn::Silence) => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.ok()?;
                None
            }
            Some(Turn::Flood) => {
                while stream.get_mut().write_all(&[b'2'; 16_384]).await.is_ok() {}
                None
            }
        }
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.get_mut().write_all(text.as_bytes()).await.ok()?;
    stream.get_mut().flush().await.ok()
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}

/// A message up to its full stop, with the doubled stops undone.
async fn mail<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == ".\r\n" {
            return Some(mail);
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
