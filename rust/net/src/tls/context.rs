//! What new TLS sessions are made with, and its replacement in service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pbx_switch::{Level, LogLine};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::client;
use super::pair::{Pair, PairError, Stamp};
use super::session::Session;
use crate::config::{NetConfig, PairFiles};
use crate::start_error::StartError;

/// How often files are looked at (config.md §2.1).
const CHECK_PERIOD: Duration = Duration::from_secs(30);

/// Our pair and the authorities we trust. Sessions keep what they began with.
#[derive(Debug)]
pub(crate) struct TlsContext {
    files: Option<PairFiles>,
    stamp: Option<Stamp>,
    pair: Option<Pair>,
    authorities: Option<PathBuf>,
    /// Made when the first session needs it: reading a system's store takes a while.
    client: Option<Arc<ClientConfig>>,
    check_at: Option<Instant>,
}

impl TlsContext {
    /// Reads everything that is named.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub(crate) fn new(now: Instant, config: &NetConfig) -> Result<Self, StartError> {
        let files = config.certificate.clone();
        let stamp = files.as_ref().map(Stamp::of);
        let pair =
            files.as_ref().map(Pair::load).transpose().map_err(|error| StartError::Tls(error.to_string()))?;
        let authorities = config.ca_certificates.clone();
        let client = match &authorities {
            Some(file) => Some(client::config(Some(file)).map_err(StartError::Tls)?),
            None => None,
        };
        let check_at = files.is_some().then(|| now + CHECK_PERIOD);
        Ok(Self { files, stamp, pair, authorities, client: client.map(Arc::new), check_at })
    }

    /// Whether TLS is spoken to those who come.
    pub(crate) fn has_pair(&self) -> bool {
        self.pair.is_some()
    }

    /// Seconds until our certificate ends, 0 when it has.
    pub(crate) fn expiry_secs(&self) -> Option<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.pair.as_ref().map(|pair| pair.not_after.saturating_sub(now))
    }

    /// A session with a peer that came. `None`: we have no pair.
    pub(crate) fn accept(&self) -> Option<Session> {
        Session::accept(Arc::clone(&self.pair.as_ref()?.config)).ok()
    }

    /// A session with a peer that must prove to be `name`, without one that it is `remote`.
    ///
    /// # Errors
    /// Why there can be none.
    pub(crate) fn connect(&mut self, remote: SocketAddr, name: Option<&str>) -> Result<Session, String> {
        let name = match name {
            Some(name) => ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?,
            None => ServerName::from(remote.ip().to_canonical()),
        };
        let config = self.client()?;
        Session::connect(config, name).map_err(|error| error.to_string())
    }

    fn client(&mut self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = &self.client {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(client::config(self.authorities.as_deref())?);
        Ok(Arc::clone(self.client.insert(config)))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.check_at
    }

    /// Looks whether the files changed, and puts what is in them in force if it can be.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<LogLine> {
        if self.check_at.is_none_or(|at| at > now) {
            return None;
        }
        self.check_at = Some(now + CHECK_PERIOD);
        let stamp = self.files.as_ref().map(Stamp::of);
        if stamp == self.stamp {
            return None;
        }
        self.replace()
    }

    /// Another generation of the configuration: reads everything again. What cannot be used leaves the old in force.
    pub(crate) fn reload(&mut self, now: Instant, config: &NetConfig) -> Vec<LogLine> {
        let mut lines = Vec::new();
        // The pair needs no listener to be missed later: a listener without one is refused before this.
        self.files.clone_from(&config.certificate);
        self.check_at = self.files.is_some().then(|| now + CHECK_PERIOD);
        lines.extend(self.replace());
        self.authorities.clone_from(&config.ca_certificates);
        match self.authorities.as_deref().map(|file| client::config(Some(file))) {
            Some(Ok(client)) => self.client = Some(Arc::new(client)),
            Some(Err(cause)) => {
                lines.push(line(Level::Error, "tls_authorities_rejected", vec![("cause", cause)]));
            }
            None => self.client = None,
        }
        lines
    }

    fn replace(&mut self) -> Option<LogLine> {
        let files = self.files.as_ref()?;
        self.stamp = Some(Stamp::of(files));
        match Pair::load(files) {
            Ok(pair) => {
                self.pair = Some(pair);
                Some(self.loaded())
            }
            Err(error) => Some(rejected(&error)),
        }
    }

    fn loaded(&self) -> LogLine {
        let file = self.files.as_ref().map(|files| files.certificate.display().to_string());
        let expiry = self.expiry_secs().unwrap_or_default();
        let level = if expiry == 0 { Level::Warn } else { Level::Info };
        line(
            level,
            "tls_pair_loaded",
            vec![("certificate", file.unwrap_or_default()), ("expires_secs", expiry.to_string())],
        )
    }
}

fn rejected(error: &PairError) -> LogLine {
    line(Level::Error, "tls_pair_rejected", vec![("cause", error.to_string())])
}

fn line(level: Level, event: &'static str, fields: Vec<(&'static str, String)>) -> LogLine {
    LogLine { level, event, fields }
}
