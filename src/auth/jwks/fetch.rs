//! One GET, with everything bounded.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::config::JwksUrl;

/// The largest issuers publish some 20 KB.
const BODY_BYTES_MAX: u64 = 256 << 10;

/// From the look-up of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches the text of one key set.
pub(super) struct Fetcher {
    agent: Agent,
    url: String,
}

impl Fetcher {
    pub(super) fn new(url: &JwksUrl) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            // The system's own list, so that an operator can add an authority of theirs.
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(!url.is_plain())
            // A redirect would lead where no operator has said that keys come from.
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .user_agent(concat!("copresence/", env!("CARGO_PKG_VERSION")))
            .accept("application/json");
        // This machine is reached directly; others as the environment's HTTPS_PROXY says.
        let config = if url.is_plain() { config.proxy(None) } else { config };
        Self { agent: config.build().into(), url: url.as_str().to_owned() }
    }

    /// The body of a 200. The error is for the log and holds nothing of the body.
    pub(super) fn fetch(&self) -> Result<String, String> {
        let mut response = self.agent.get(&self.url).call().map_err(|e| e.to_string())?;
        if response.status() != 200 {
            return Err(format!("the answer was {}", response.status().as_u16()));
        }
        response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_string().map_err(|e| e.to_string())
    }
}
