//! What the engine counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    provider: String,
    state: &'static str,
}

/// Counters of the engine; clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct EngineMetrics {
    accepted: Counter,
    attempts: Family<Outcome, Counter>,
    repeated: Counter,
    parked: Counter,
    in_flight: Gauge,
    ready: Gauge,
}

impl EngineMetrics {
    /// Adds the counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("events_accepted", "Triggers that made an event", self.accepted.clone());
        registry.register(
            "delivery_attempts",
            "Attempts by provider and what became of the delivery",
            self.attempts.clone(),
        );
        registry.register(
            "deliveries_repeated",
            "Attempts made again because a process died with one under way: possible duplicates",
            self.repeated.clone(),
        );
        registry.register(
            "tasks_parked",
            "Tasks that this version does not understand",
            self.parked.clone(),
        );
        registry.register(
            "tasks_in_flight",
            "Tasks that this process works on",
            self.in_flight.clone(),
        );
        registry.register("tasks_ready", "Tasks that wait to be claimed", self.ready.clone());
    }

    pub(crate) fn accepted(&self, events: u64) {
        self.accepted.inc_by(events);
    }

    pub(crate) fn attempted(&self, provider: &str, state: &'static str) {
        self.attempts
            .get_or_create(&Outcome {
                provider: provider.to_owned(),
                state,
            })
            .inc();
    }

    pub(crate) fn repeated(&self) {
        self.repeated.inc();
    }

    pub(crate) fn parked(&self) {
        self.parked.inc();
    }

    pub(crate) fn in_flight(&self, count: usize) {
        self.in_flight.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn ready(&self, count: i64) {
        self.ready.set(count);
    }
}
