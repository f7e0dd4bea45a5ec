//! TLS of the port, from the files that the operator names (PS3.15, annex B): TLS 1.2 and 1.3 with today's ciphers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientCertificates, Config};
use crate::entities::{Certificate, Entities};

/// What takes TLS connections, or the want of it on a port without TLS.
pub struct Tls(pub(crate) Option<TlsAcceptor>);

/// The settings of TLS can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A title can never be called.
    #[error(
        "the title {title} asks its callers for certificates, and the door can't ask for them; set HILUM_DICOM_TLS_CERTIFICATE, \
         HILUM_DICOM_TLS_KEY and HILUM_DICOM_TLS_CLIENT_CA"
    )]
    NoCertificates {
        /// Which.
        title: String,
    },
    /// One of two settings is missing.
    #[error("{there} is set and {missing} is not; set both, or neither for a port without TLS")]
    Half {
        /// Which is set.
        there: &'static str,
        /// Which is not.
        missing: &'static str,
    },
    /// A file is no PEM of what it should be.
    #[error("cannot read {what} from {path}; it must be a PEM file")]
    File {
        /// What.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate can't be used.
    #[error("cannot use the certificates of {path}")]
    Certificates {
        /// Where they are.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The authority can't be used.
    #[error("cannot use the authority of {path}")]
    Authority {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

impl Tls {
    /// That of the settings. Whoever is to show a certificate must be asked for it.
    ///
    /// # Errors
    /// When the settings contradict each other or the titles, or a file can't be used.
    pub fn prepare(config: &Config, entities: &Entities) -> Result<Self, TlsError> {
        match entities.wants_certificates() {
            Some(title) if config.tls_client_ca.is_none() => {
                Err(TlsError::NoCertificates { title: title.to_owned() })
            }
            _ => Ok(Self(acceptor(config)?)),
        }
    }
}

fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, TlsError> {
    let (chain, key) = match (&config.tls_certificate, &config.tls_key) {
        (None, None) => return check_plain(config).map(|()| None),
        (Some(chain), Some(key)) => (chain, key),
        (Some(_), None) => {
            return Err(TlsError::Half {
                there: "HILUM_DICOM_TLS_CERTIFICATE",
                missing: "HILUM_DICOM_TLS_KEY",
            });
        }
        (None, Some(_)) => {
            return Err(TlsError::Half {
                there: "HILUM_DICOM_TLS_KEY",
                missing: "HILUM_DICOM_TLS_CERTIFICATE",
            });
        }
    };
    Ok(Some(TlsAcceptor::from(Arc::new(server_config(config, chain, key)?))))
}

fn server_config(config: &Config, chain: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|source| TlsError::Certificates { path: chain.to_owned(), source })?;
    let builder = match &config.tls_client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("the authority of clients", path)? {
                roots.add(root).map_err(|source| TlsError::Certificates { path: path.to_owned(), source })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match config.tls_clients {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.map_err(|source| TlsError::Authority { path: path.to_owned(), source })?,
            )
        }
    };
    let own = certificates("the certificate", chain)?;
    let read = PrivateKeyDer::from_pem_file(key);
    let key = read.map_err(|source| TlsError::File { what: "the key", path: key.to_owned(), source })?;
    let built = builder.with_single_cert(own, key);
    let built = built.map_err(|source| TlsError::Certificates { path: chain.to_owned(), source })?;
    Ok(built)
}

fn check_plain(config: &Config) -> Result<(), TlsError> {
    match config.tls_client_ca {
        Some(_) => {
            Err(TlsError::Half { there: "HILUM_DICOM_TLS_CLIENT_CA", missing: "HILUM_DICOM_TLS_CERTIFICATE" })
        }
        None => Ok(()),
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File { what, path: path.to_owned(), source };
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if all.is_empty() {
        return Err(failed(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(all)
}

/// What a client showed whose authority is trusted.
pub(crate) fn shown(chain: Option<&[CertificateDer<'_>]>) -> Option<Certificate> {
    let own = chain?.first()?;
    Some(Certificate(Sha256::digest(own.as_ref()).into()))
}
