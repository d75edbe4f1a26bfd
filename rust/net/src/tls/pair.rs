//! Our certificate chain with its key, as read from two PEM files.

use std::error::Error;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server;
use super::validity::not_after;
use crate::config::PairFiles;

/// A pair that cannot be used. Says which file and why, never what is in it.
#[derive(Debug)]
pub(crate) enum PairError {
    /// The file cannot be read or holds nothing of the kind.
    Unreadable {
        /// `ssl_certificate` or `ssl_private_key`.
        key: &'static str,
        file: PathBuf,
        cause: String,
    },
    /// Both are there, but do not belong together or are of a kind we cannot use.
    Unusable { file: PathBuf, cause: String },
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { key, file, cause } => write!(f, "{key} \"{}\": {cause}", file.display()),
            Self::Unusable { file, cause } => {
                write!(
                    f,
                    "ssl_private_key \"{}\": the certificate pair cannot be used: {cause}",
                    file.display()
                )
            }
        }
    }
}

impl Error for PairError {}

/// A pair in force.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) config: Arc<ServerConfig>,
    /// When the first certificate ends, seconds since 1970.
    pub(crate) not_after: u64,
}

impl Pair {
    pub(crate) fn load(files: &PairFiles) -> Result<Self, PairError> {
        let chain = chain(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&files.private_key)
            .map_err(|cause| unreadable("ssl_private_key", &files.private_key, cause.to_string()))?;
        let unusable = |cause: String| PairError::Unusable { file: files.private_key.clone(), cause };
        let not_after =
            not_after(&chain[0]).ok_or_else(|| unusable("the certificate is malformed".to_owned()))?;
        let config = server::config(chain, key).map_err(|cause| unusable(cause.to_string()))?;
        Ok(Self { config: Arc::new(config), not_after })
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let error = |cause: String| unreadable("ssl_certificate", file, cause);
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|cause| error(cause.to_string()))?;
    if chain.is_empty() {
        return Err(error("there is no certificate in it".to_owned()));
    }
    Ok(chain)
}

fn unreadable(key: &'static str, file: &Path, cause: String) -> PairError {
    PairError::Unreadable { key, file: file.to_owned(), cause }
}

/// What tells that one of the files is another than before, without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

impl Stamp {
    pub(crate) fn of(files: &PairFiles) -> Self {
        let of = |meta: &Metadata| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
        Self([&files.certificate, &files.private_key].map(|file| fs::metadata(file).ok().as_ref().map(of)))
    }
}
