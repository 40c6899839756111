//! Encryption of a connection, as `sslmode` in its text says.
//!
//! `disable`: none. `prefer` (the default): where the server offers it. `require`: or else no connection. Wherever it is used, the server's
//! certificate must be of its host's name and signed by an authority that the machine trusts, or by one of the file in `SSL_CERT_FILE`:
//! encryption towards nobody in particular keeps nobody out.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::feed::history::StoreError;

/// What encrypts connections to this server.
///
/// # Errors
/// The machine's authorities cannot be read although they are needed.
pub(super) fn connector(config: &Config) -> Result<MakeRustlsConnect, StoreError> {
    let roots = if may_encrypt(config) { authorities(config)? } else { RootCertStore::empty() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring knows the versions that rustls was built for");
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn may_encrypt(config: &Config) -> bool {
    let is_remote = |host: &Host| matches!(host, Host::Tcp(_));
    config.get_ssl_mode() != SslMode::Disable && config.get_hosts().iter().any(is_remote)
}

fn authorities(config: &Config) -> Result<RootCertStore, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() && config.get_ssl_mode() == SslMode::Require {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(StoreError::Unusable(format!(
            "sslmode=require, and no certificate authority that this machine trusts: {why}; name a file in SSL_CERT_FILE"
        )));
    }
    Ok(roots)
}
