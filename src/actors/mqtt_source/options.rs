//! From a broker's URL and settings to the client's options.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::tokio_rustls::rustls;
use rumqttc::{AckMode, Broker, MqttOptions, QoS, SessionMode, TlsConfiguration, Transport};
use url::Url;

use super::any_certificate::AnyCertificate;

/// The protocol's own limit. A lower one would drop the connection on a large message, and the
/// broker would deliver that message again for ever; what is too large for a reception, the rules of ingest refuse.
const PACKET_BYTES_MAX: usize = 268_435_455 + 5;

/// How one source connects. Never holds more than one broker.
#[derive(Clone)]
pub struct SourceSettings {
    /// The name in logs, in the API and of the session file; unique.
    pub tag: Arc<str>,
    /// `mqtt`, `tcp`, `mqtts`, `ssl`, `ws` or `wss`; may hold credentials.
    pub broker: String,
    /// Wins over the URL's.
    pub username: Option<String>,
    /// Wins over the URL's.
    pub password: Option<String>,
    /// Whether the broker's certificate must be valid (`rejectUnauthorized`).
    pub verify_certificate: bool,
    /// Topic filters, none covering another.
    pub topics: Vec<String>,
    /// Of the subscriptions.
    pub qos: QoS,
    /// Replaces the client id of the session file.
    pub client_id: Option<String>,
    /// Folder of the session files.
    pub session_dir: PathBuf,
    /// Clocks of the connection.
    pub pace: Pace,
}

/// Times and bounds of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the first byte to the broker's consent; whole seconds.
    pub connect_timeout: Duration,
    /// Two of these without a sign of life end a connection; whole seconds.
    pub keep_alive: Duration,
    /// Longest pause between two attempts.
    pub retry_pause_max: Duration,
    /// Pause between two scans of the watchdog.
    pub scan_every: Duration,
    /// Messages that may wait here for room in Intake. Beyond, nothing more is read; the broker
    /// ends such a connection after a while, keeps the session and delivers later.
    pub held_max: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            retry_pause_max: Duration::from_secs(30),
            scan_every: crate::ingest::watchdog::SCAN_EVERY,
            held_max: 10_000,
        }
    }
}

impl SourceSettings {
    /// Takes the broker's URL apart.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn endpoint(&self) -> Result<Endpoint, SourceError> {
        let login = Login { user: self.username.as_deref(), password: self.password.as_deref() };
        Endpoint::parse(&self.tag, &self.broker, login)
    }
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings")
            .field("tag", &self.tag)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// Why a source cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is not one.
    #[error("could not read the broker's URL of source `{tag}`")]
    BrokerUrl {
        /// The source.
        tag: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Another scheme than the six.
    #[error("source `{tag}` cannot use the scheme `{scheme}`; mqtt, mqtts, ws and wss are known")]
    Scheme {
        /// The source.
        tag: String,
        /// As given.
        scheme: String,
    },
    /// The client refused the options.
    #[error("could not set up source `{tag}`: {reason}")]
    Options {
        /// The source.
        tag: String,
        /// The client's words.
        reason: String,
    },
    /// No thread.
    #[error("could not start the thread of source `{tag}`")]
    Thread {
        /// The source.
        tag: String,
        /// From the system.
        source: std::io::Error,
    },
}

/// Credentials beside the URL.
#[derive(Clone, Copy, Default)]
pub struct Login<'a> {
    /// User name.
    pub user: Option<&'a str>,
    /// Password.
    pub password: Option<&'a str>,
}

/// A broker's URL taken apart.
#[derive(Clone)]
pub struct Endpoint {
    transport: Wire,
    host: String,
    port: u16,
    /// Without credentials; what a web socket connects to, and what may be shown.
    url: String,
    credentials: Option<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Endpoint {
    /// Reads a broker's URL; `user` and `password` win over the URL's. `tag` is for errors.
    ///
    /// # Errors
    /// Not a URL, no host, or another scheme than the known ones.
    pub fn parse(tag: &str, url: &str, login: Login<'_>) -> Result<Self, SourceError> {
        let refuse = |source| SourceError::BrokerUrl { tag: tag.to_owned(), source };
        let parsed = Url::parse(url).map_err(refuse)?;
        let (transport, port) = match parsed.scheme() {
            "mqtt" | "tcp" => (Wire::Tcp, 1883),
            "mqtts" | "ssl" | "tls" => (Wire::Tls, 8883),
            "ws" => (Wire::Ws, 80),
            "wss" => (Wire::Wss, 443),
            other => {
                return Err(SourceError::Scheme { tag: tag.into(), scheme: other.to_owned() });
            }
        };
        let host = parsed.host_str().filter(|host| !host.is_empty());
        Ok(Self {
            transport,
            host: host.ok_or_else(|| refuse(url::ParseError::EmptyHost))?.to_owned(),
            port: parsed.port().unwrap_or(port),
            url: without_credentials(&parsed),
            credentials: credentials(login, &parsed),
        })
    }

    /// The host without the brackets of an IPv6 address: what a certificate names.
    fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// Returns the URL for logs and the API: the user is shown, the password is not.
    pub fn masked(&self) -> String {
        match (&self.credentials, self.url.split_once("://")) {
            (Some((user, _)), Some((scheme, rest))) => format!("{scheme}://{user}:****@{rest}"),
            _ => self.url.clone(),
        }
    }

    /// Builds the client's options for `client_id`, with a session that the broker keeps.
    ///
    /// # Errors
    /// The system's certificates cannot be read, or the client refuses the options.
    pub fn options(
        &self,
        settings: &SourceSettings,
        client_id: &str,
    ) -> Result<MqttOptions, SourceError> {
        let mut options = self
            .plain_options(client_id, settings.verify_certificate)
            .map_err(|reason| SourceError::Options { tag: settings.tag.to_string(), reason })?;
        options
            .set_session_mode(SessionMode::Persistent)
            .set_ack_mode(AckMode::Manual)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_max_request_batch(64)
            .set_keep_alive(u16::try_from(settings.pace.keep_alive.as_secs()).unwrap_or(u16::MAX));
        Ok(options)
    }

    /// Builds options with nothing set but where to connect and as whom; the client's words on
    /// failure.
    pub fn plain_options(&self, client_id: &str, verify: bool) -> Result<MqttOptions, String> {
        let mut options = match self.transport {
            Wire::Tcp => MqttOptions::new(client_id, (self.bare_host(), self.port)),
            Wire::Tls => {
                let mut options = MqttOptions::new(client_id, (self.bare_host(), self.port));
                options.set_transport(Transport::tls_with_config(tls(verify)?));
                options
            }
            Wire::Ws => {
                let broker = Broker::websocket(&*self.url).map_err(|error| error.to_string())?;
                MqttOptions::new(client_id, broker)
            }
            Wire::Wss => {
                MqttOptions::websocket_with_tls_config(client_id, &*self.url, tls(verify)?)
                    .map_err(|error| error.to_string())?
            }
        };
        if self.bare_host() != self.host {
            // The client joins host and port by a colon, which an IPv6 address needs brackets for.
            let address = format!("{}:{}", self.host, self.port);
            options.set_socket_connector(move |_, network| {
                rumqttc::default_socket_connect(address.clone(), network)
            });
        }
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user.clone(), password.clone());
        }
        Ok(options)
    }
}

fn credentials(login: Login<'_>, url: &Url) -> Option<(String, String)> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into();
    let of_url = Some(url.username()).filter(|user| !user.is_empty()).map(decode);
    let user: String = login.user.map(str::to_owned).or(of_url)?;
    let password = login.password.map(str::to_owned).or_else(|| url.password().map(decode));
    Some((user, password.unwrap_or_default()))
}

fn without_credentials(url: &Url) -> String {
    let mut bare = url.clone();
    // Both fail only for URLs without a host, which were refused before.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.to_string()
}

/// The system's roots, or no verification at all (`rejectUnauthorized: false`).
fn tls(verify: bool) -> Result<TlsConfiguration, String> {
    if verify {
        return TlsConfiguration::try_default_rustls().map_err(|error| error.to_string());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(AnyCertificate::new(&provider));
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(broker: &str) -> SourceSettings {
        SourceSettings {
            tag: "t".into(),
            broker: broker.to_owned(),
            username: None,
            password: None,
            verify_certificate: false,
            topics: Vec::new(),
            qos: QoS::AtLeastOnce,
            client_id: None,
            session_dir: PathBuf::new(),
            pace: Pace::default(),
        }
    }

    #[test]
    fn every_scheme_has_its_port_and_transport() {
        for (broker, host, port, is_tls) in [
            ("mqtt://h", "h", 1883, false),
            ("tcp://h:99", "h", 99, false),
            ("mqtts://h", "h", 8883, true),
            ("ssl://h", "h", 8883, true),
        ] {
            let settings = settings(broker);
            let options = settings.endpoint().unwrap().options(&settings, "id").unwrap();
            assert_eq!(options.broker().tcp_address(), Some((host, port)), "{broker}");
            assert_eq!(matches!(options.transport(), Transport::Tls(_)), is_tls, "{broker}");
        }
        let settings = settings("wss://u:p@h/mqtt");
        let options = settings.endpoint().unwrap().options(&settings, "id").unwrap();
        assert_eq!(options.broker().websocket_url(), Some("wss://h/mqtt"));
        assert!(matches!(options.transport(), Transport::Wss(_)));
    }

    #[test]
    fn a_password_is_used_but_never_shown() {
        let mut settings = settings("mqtt://us%40r:s%3Acret@host:1884");
        let endpoint = settings.endpoint().unwrap();
        assert_eq!(endpoint.credentials, Some(("us@r".to_owned(), "s:cret".to_owned())));
        assert_eq!(endpoint.masked(), "mqtt://us@r:****@host:1884");
        settings.username = Some("other".to_owned());
        settings.password = Some("word".to_owned());
        let endpoint = settings.endpoint().unwrap();
        assert_eq!(endpoint.credentials, Some(("other".to_owned(), "word".to_owned())));
        assert!(!format!("{settings:?}").contains("word"));
    }

    #[test]
    fn what_is_no_broker_is_refused_by_name() {
        for (broker, expected) in [
            ("http://h", "cannot use the scheme `http`"),
            ("nonsense", "could not read the broker's URL"),
            ("mqtt://", "could not read the broker's URL"),
        ] {
            let Err(error) = settings(broker).endpoint() else { panic!("{broker}") };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
