//! Whether a peer is the SIP domain we meant to reach (RFC 5922 §7).

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

/// Checks the chain as everywhere, and the name as SIP wants it.
#[derive(Debug)]
pub(super) struct SipVerifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl SipVerifier {
    pub(super) fn new(roots: RootCertStore, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, algorithms }
    }
}

impl ServerCertVerifier for SipVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let is_named = match server_name {
            ServerName::DnsName(name) => has_identity(end_entity, name.as_ref()),
            _ => verify_server_name(&certificate, server_name).is_ok(),
        };
        if is_named {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// RFC 5922 §7.1: the hosts of `sip:` URIs without a user are the identities; without any, the DNS names are.
/// §7.2: letter case does not matter, and no wildcard matches.
fn has_identity(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return false };
    let mut uris = certificate.valid_uri_names().filter_map(sip_domain).peekable();
    if uris.peek().is_some() {
        return uris.any(|domain| domain.eq_ignore_ascii_case(name));
    }
    certificate.valid_dns_names().any(|domain| domain.eq_ignore_ascii_case(name))
}

fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, domain) = uri.split_once(':')?;
    (scheme.eq_ignore_ascii_case("sip") && !domain.contains('@')).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sip_uris_without_user_name_a_domain() {
        assert_eq!(sip_domain("sip:example.com"), Some("example.com"));
        assert_eq!(sip_domain("SIP:example.com"), Some("example.com"));
        assert_eq!(sip_domain("sip:alice@example.com"), None);
        assert_eq!(sip_domain("sips:example.com"), None);
        assert_eq!(sip_domain("https:example.com"), None);
    }
}
