//! `corescope check`: looks at configuration and database without changing anything, and says what
//! is wrong and how to mend it.

use std::fmt::Write as _;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use crate::causes::chain;
use crate::config::{Config, Role, mask_broker_url};
use crate::db;

use super::serve::ConfigArgs;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Below this much free space the volume is called full soon.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// Options of `check`.
#[derive(clap::Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read every page of the database as well (minutes on a large file).
    #[arg(long)]
    thorough: bool,
    /// Do not try to reach the brokers.
    #[arg(long)]
    offline: bool,
}

/// What was found, in the order of looking.
#[derive(Debug, Default)]
pub struct Findings {
    lines: String,
    errors: usize,
}

impl Findings {
    fn ok(&mut self, text: &str) {
        let _ = writeln!(self.lines, "ok       {text}");
    }

    fn warn(&mut self, text: &str, mend: &str) {
        let _ = writeln!(self.lines, "warning  {text}\n         → {mend}");
    }

    fn error(&mut self, text: &str, mend: &str) {
        self.errors += 1;
        let _ = writeln!(self.lines, "ERROR    {text}\n         → {mend}");
    }
}

/// Prints what was found.
///
/// # Errors
/// How many errors there are; warnings are none.
pub fn run(args: &CheckArgs) -> Result<(), String> {
    let config = args.config.load()?;
    let mut findings = Findings::default();
    check_config(&config, &mut findings);
    check_database(&config, args.thorough, &mut findings);
    if !args.offline && config.role != Role::Server {
        check_brokers(&config, &mut findings);
    }
    print!("{}", findings.lines);
    match findings.errors {
        0 => Ok(()),
        1 => Err("1 error".to_owned()),
        count => Err(format!("{count} errors")),
    }
}

fn check_config(config: &Config, findings: &mut Findings) {
    match &config.file {
        Some(path) => findings.ok(&format!("configuration {}", path.display())),
        None => findings.ok("no configuration file: defaults and environment"),
    }
    for warning in &config.warnings {
        findings.warn(warning, "make the two agree");
    }
    match &config.api_key {
        None => findings.warn(
            "no apiKey: everything that writes is switched off",
            "set apiKey to 16 characters or more if you want to post packets or control migrations",
        ),
        Some(key) if key.weakness().is_some() => findings.error(
            "the apiKey is weak: requests with it are refused",
            "set one of 16 characters or more that is no well-known word",
        ),
        Some(_) => findings.ok("the apiKey is strong"),
    }
    if config.cors_allowed_origins.iter().any(|origin| origin == "*") {
        findings.warn(
            "corsAllowedOrigins allows every origin",
            "list the origins that need it; the live feed ignores the asterisk",
        );
    }
}

fn check_database(config: &Config, is_thorough: bool, findings: &mut Findings) {
    let path = &config.db_path;
    check_volume(path, findings);
    if !path.exists() {
        findings.ok(&format!("{} does not exist yet: it is created", path.display()));
        return;
    }
    match db::inspect(path, is_thorough) {
        Err(error) => findings.error(
            &chain(&error),
            "give the path of a CoreScope database, or of a file that does not exist yet",
        ),
        Ok(found) => tell_database(path, &found, findings),
    }
    if let Some(pid) = db::lock::holder(path) {
        findings.warn(
            &format!("process {pid} writes to it"),
            "stop it before you start another, or start with --role server",
        );
    }
}

fn tell_database(path: &Path, found: &db::Inspection, findings: &mut Findings) {
    let size_mb = found.file_bytes >> 20;
    findings.ok(&format!("{} ({size_mb} MB, {})", path.display(), found.journal_mode));
    if let Some(damage) = &found.damage {
        findings.error(
            &format!("it is damaged: {damage}"),
            "stop every process that uses it and restore a backup, or try sqlite3's .recover",
        );
    }
    if !found.missing.is_empty() {
        findings.ok(&format!("an upgrade adds at once: {}", found.missing.join(", ")));
    }
    if !found.missing_indexes.is_empty() {
        let names = found.missing_indexes.join(", ");
        findings.ok(&format!("an upgrade builds while it runs: {names}"));
    }
    if found.wal_bytes > 100 << 20 {
        findings.warn(
            &format!("its write-ahead log has {} MB", found.wal_bytes >> 20),
            "a reader may hold it back; it shrinks when every process that uses it has ended",
        );
    }
}

fn check_volume(path: &Path, findings: &mut Findings) {
    let folder =
        path.ancestors().skip(1).find(|folder| folder.exists() || folder.as_os_str().is_empty());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(volume) if volume.f_bavail * volume.f_frsize < FREE_BYTES_MIN => findings.warn(
            &format!("{} MB are free on its volume", (volume.f_bavail * volume.f_frsize) >> 20),
            "make room: upgrades and checkpoints need some",
        ),
        Ok(volume) => {
            findings.ok(&format!("{} MB are free", (volume.f_bavail * volume.f_frsize) >> 20));
        }
        Err(error) => findings.error(
            &format!("{}: {error}", folder.display()),
            "make the folder and give the process access to it",
        ),
    }
}

fn check_brokers(config: &Config, findings: &mut Findings) {
    for source in &config.mqtt_sources {
        let (tag, broker) = (source.tag(), mask_broker_url(source.broker.expose()));
        match reach(source.broker.expose()) {
            Ok(()) => findings.ok(&format!("broker {tag} answers at {broker}")),
            Err(error) => findings.error(
                &format!("broker {tag} at {broker}: {error}"),
                "start it, or correct the source's broker; the others are not affected",
            ),
        }
        if source.qos > 0 {
            findings.ok(&format!(
                "broker {tag}: with Mosquitto set max_queued_messages 0, else it keeps 1000 \
                 messages for us while we are away and drops the rest"
            ));
        }
    }
}

fn reach(broker: &str) -> Result<(), String> {
    let url = url::Url::parse(broker).map_err(|error| error.to_string())?;
    let host = url.host_str().ok_or("the address has no host")?;
    let port = url.port().unwrap_or(match url.scheme() {
        "mqtts" | "ssl" | "tls" => 8883,
        "ws" => 80,
        "wss" => 443,
        _ => 1883,
    });
    let addresses = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}
