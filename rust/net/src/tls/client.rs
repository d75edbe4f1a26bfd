//! How we go out: the peer must prove its name to an authority we trust (RFC 5922).

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::verifier::SipVerifier;

/// Trusts the authorities of a file, or of the system.
///
/// # Errors
/// What is wrong with the file. A system without a store trusts nobody.
pub(super) fn config(authorities: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let error = |cause: String| format!("tls_ca_certificates \"{}\": {cause}", file.display());
            let found: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|cause| error(cause.to_string()))?;
            roots.add_parsable_certificates(found);
            if roots.is_empty() {
                return Err(error("there is no certificate of an authority in it".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = SipVerifier::new(roots, provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // A session that is resumed proves no name again.
    config.resumption = Resumption::disabled();
    Ok(config)
}
