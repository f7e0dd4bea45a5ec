//! TLS: who shows which certificate.

use std::path::Path;
use std::sync::Arc;

use dicom_ul::pdu::AssociationRJResult;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::{Bench, sample};
use crate::sender::{Object, Reply, Sender, contexts_of};

/// A certificate and its key, as PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Identity {
    fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        hex::encode(Sha256::digest(&der))
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A connection with TLS, showing this.
async fn connect(
    port: u16,
    authority: &Authority,
    shows: Option<&Identity>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_title_is_called_by_whoever_shows_its_certificate_and_by_nobody_else() {
    let folder = hilum_servers::TestFolder::new().unwrap();
    let (authority, elsewhere) = (Authority::new(), Authority::new());
    let own = authority.issue("localhost");
    let (known, unknown, forged) =
        (authority.issue("known"), authority.issue("unknown"), elsewhere.issue("known"));
    let titles = format!(
        "[ae.WARD]\n[[ae.WARD.caller]]\ntitle = 'CR1'\ncertificates = ['{}']\n[ae.OPEN]\n",
        known.fingerprint()
    );
    let chain = written(folder.path(), "chain.pem", &own.certificate);
    let key = written(folder.path(), "key.pem", &own.key);
    let ca = written(folder.path(), "ca.pem", &authority.0.pem());
    let settings = [
        ("HILUM_DICOM_TLS_CERTIFICATE", &*chain),
        ("HILUM_DICOM_TLS_KEY", &*key),
        ("HILUM_DICOM_TLS_CLIENT_CA", &*ca),
        ("HILUM_DICOM_TLS_CLIENTS", "optional"),
        ("HILUM_DICOM_REQUEST_LIMIT_S", "3"),
    ];
    let bench = Bench::start_with(&titles, &settings).await;

    // Those that never come to speak hold nobody up.
    let mut half = TcpStream::connect(("127.0.0.1", bench.port)).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc").await.unwrap();
    let mut plain = TcpStream::connect(("127.0.0.1", bench.port)).await.unwrap();
    plain.write_all(b"\x01\0\0\0\0\xcd").await.unwrap();

    let object = Object::of(&sample("images/chest_mhh_19073f37.dcm"));
    let contexts = contexts_of(std::slice::from_ref(&object));
    for (called, shows, is_let_in) in [
        ("WARD", Some(&known), true),
        ("WARD", Some(&unknown), false),
        ("WARD", None, false),
        ("OPEN", None, true),
        ("OPEN", Some(&unknown), true),
    ] {
        let mut sender = Sender::on(connect(bench.port, &authority, shows).await.unwrap());
        match sender.associate(called, "CR1", &contexts).await {
            Reply::Accepted => {
                assert!(is_let_in, "{called}");
                assert_eq!(sender.store(&object).await.status, 0);
            }
            Reply::Rejected(rejected) => {
                assert!(!is_let_in && rejected.result == AssociationRJResult::Permanent, "{called}");
            }
        }
    }
    assert_eq!(bench.stored().await.len(), 3);
    // TLS 1.3 tells a client only later that its certificate is of no authority.
    let refused = match connect(bench.port, &authority, Some(&forged)).await {
        Err(_) => true,
        Ok(stream) => {
            let mut sender = Sender::on(stream);
            sender.send_bytes(b"\x01\0").await.is_err() || sender.receive().await.is_err()
        }
    };
    assert!(refused);
    let no_tls = "hilum_dicom_associations_total{ending=\"no-tls\"}";
    let counted =
        hilum_servers::wait_until(hilum_test_log::LIMIT, || async { bench.metric(no_tls).await == 3.0 });
    assert!(counted.await, "{}", bench.metric(no_tls).await);
}

#[tokio::test]
async fn settings_that_can_t_go_together_are_refused_with_words() {
    let folder = hilum_servers::TestFolder::new().unwrap();
    let titles =
        format!("[ae.WARD]\n[[ae.WARD.caller]]\ntitle = 'CR1'\ncertificates = ['{}']\n", "ab".repeat(32));
    let titles = written(folder.path(), "titles.toml", &titles);
    for (name, value, words) in [
        ("HILUM_DICOM_AES", &*titles, "HILUM_DICOM_TLS_CLIENT_CA"),
        ("HILUM_DICOM_TLS_KEY", "/nowhere", "HILUM_DICOM_TLS_CERTIFICATE"),
        ("HILUM_DICOM_TLS_CLIENT_CA", "/nowhere", "HILUM_DICOM_TLS_CERTIFICATE"),
    ] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hilum-dicom"));
        command.args(["--check", "--store-url", "file:///nowhere"]).env(name, value);
        let ended = command.output().await.unwrap();
        let said =
            String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
        assert!(!ended.status.success() && said.contains(words), "{name}: {said}");
    }
}
