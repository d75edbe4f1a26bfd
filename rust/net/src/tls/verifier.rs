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
        let ServerName::DnsName(name) = server_name else {
            return verify_server_name(&certificate, server_name).map(|()| ServerCertVerified::assertion());
        };
        let presented = identities(end_entity);
        if presented.iter().any(|identity| identity.eq_ignore_ascii_case(name.as_ref())) {
            return Ok(ServerCertVerified::assertion());
        }
        let expected = server_name.to_owned();
        Err(CertificateError::NotValidForNameContext { expected, presented }.into())
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
/// §7.2: no wildcard matches, so one is compared as it stands.
fn identities(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let domains: Vec<String> =
        certificate.valid_uri_names().filter_map(sip_domain).map(str::to_owned).collect();
    if domains.is_empty() { certificate.valid_dns_names().map(str::to_owned).collect() } else { domains }
}

fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, domain) = uri.split_once(':')?;
    let domain = domain.split([';', '?', ':']).next().filter(|_| !domain.contains('@'));
    domain.filter(|_| scheme.eq_ignore_ascii_case("sip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sip_uris_without_user_name_a_domain() {
        assert_eq!(sip_domain("sip:example.com"), Some("example.com"));
        assert_eq!(sip_domain("SIP:example.com:5061;transport=tls"), Some("example.com"));
        assert_eq!(sip_domain("sip:alice@example.com"), None);
        assert_eq!(sip_domain("sips:example.com"), None);
        assert_eq!(sip_domain("https:example.com"), None);
    }
}
