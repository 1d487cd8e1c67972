//! What the connections count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    provider: String,
    result: &'static str,
}

/// Counters of the connections; clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct ConnectMetrics {
    exchanges: Family<Ended, Counter>,
    revocations: Family<Ended, Counter>,
}

impl ConnectMetrics {
    /// Adds the counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "token_exchanges",
            "Exchanges of refresh tokens by provider and result",
            self.exchanges.clone(),
        );
        registry.register(
            "token_revocations",
            "Calls that revoke tokens of deleted connections, by provider and result",
            self.revocations.clone(),
        );
    }

    pub(crate) fn exchanged(&self, provider: &str, result: &'static str) {
        count(&self.exchanges, provider, result);
    }

    pub(crate) fn revoked(&self, provider: &str, result: &'static str) {
        count(&self.revocations, provider, result);
    }
}

fn count(family: &Family<Ended, Counter>, provider: &str, result: &'static str) {
    let ended = Ended {
        provider: provider.to_owned(),
        result,
    };
    family.get_or_create(&ended).inc();
}
