//! Certificates for tests, made by the openssl command.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pbx_net::PairFiles;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A directory with an authority and what it has signed; removed with the value.
pub(crate) struct Pki {
    dir: PathBuf,
}

impl Pki {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("pbx-net-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let pki = Self { dir };
        let arguments = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca-{name} \
             -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem"
        );
        pki.openssl(&arguments);
        pki
    }

    /// A pair of this kind of key (`rsa:2048`, `ed25519`, `ec …`) for these subject alternative names.
    pub(crate) fn issue(&self, name: &str, kind: &str, san: &str, days: i32) -> PairFiles {
        let extensions = self.path(&format!("{name}.ext"));
        std::fs::write(&extensions, format!("subjectAltName={san}\n")).unwrap();
        self.openssl(&format!(
            "req -newkey {kind} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
        let validity = if days < 0 {
            "-not_before 20200101000000Z -not_after 20200201000000Z".to_owned()
        } else {
            format!("-days {days}")
        };
        let signed = self.try_openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial {validity} -extfile {name}.ext -out {name}.pem"
        ));
        // Older openssl cannot date a certificate back with x509.
        if !signed {
            self.issue_in_the_past(name);
        }
        PairFiles {
            certificate: self.path(&format!("{name}.pem")),
            private_key: self.path(&format!("{name}.key")),
        }
    }

    fn issue_in_the_past(&self, name: &str) {
        let text = "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n\
                    default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n";
        std::fs::write(self.path("ca.cnf"), text).unwrap();
        std::fs::write(self.path("index.txt"), "").unwrap();
        std::fs::write(self.path("serial"), "1000\n").unwrap();
        self.openssl(&format!(
            "ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in {name}.csr -extfile {name}.ext \
             -startdate 20200101000000Z -enddate 20200201000000Z -out {name}.pem -notext"
        ));
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    fn openssl(&self, arguments: &str) {
        assert!(self.try_openssl(arguments), "openssl {arguments}");
    }

    fn try_openssl(&self, arguments: &str) -> bool {
        run(&self.dir, arguments)
    }
}

fn run(dir: &Path, arguments: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(arguments.split_ascii_whitespace()).current_dir(dir);
    command.output().unwrap().status.success()
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
