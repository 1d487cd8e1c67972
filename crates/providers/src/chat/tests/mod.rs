mod chat_webhook;
mod discord;
mod mattermost;
mod shared;
mod slack;

use serde_json::{Value, json};

use super::*;

/// A delivery with everything at its simplest; tests change what they are about.
struct Scene {
    provider_id: &'static str,
    address: Address,
    token: Option<&'static str>,
    service_url: Option<&'static str>,
    text: String,
    overrides: Value,
    custom_data: Value,
    credentials: Value,
    bases: BaseUrls,
}

impl Scene {
    fn new(provider_id: &'static str, kind: &str, endpoint: &Value) -> Self {
        Self {
            provider_id,
            address: Address::parse(kind, endpoint).unwrap(),
            token: Some("xoxb-canary-token"),
            service_url: None,
            text: "Hello".to_owned(),
            overrides: json!({}),
            custom_data: json!({}),
            credentials: json!({}),
            bases: BaseUrls::default(),
        }
    }

    fn based(mut self, provider_id: &str, base: &str) -> Self {
        self.bases.set(provider_id, base.parse().unwrap()).unwrap();
        self
    }

    fn prepare(&self) -> Result<Prepared, Failure> {
        prepare(&ChatDelivery {
            provider_id: self.provider_id,
            address: &self.address,
            token: self.token,
            tenant: Some("tenant-1"),
            service_url: self.service_url,
            text: &self.text,
            overrides: &self.overrides,
            custom_data: &self.custom_data,
            credentials: &self.credentials,
            delivery_id: "65f1c0ffee00000000000001",
            bases: &self.bases,
        })
    }

    fn prepared(&self) -> Prepared {
        self.prepare().unwrap()
    }

    fn body(&self) -> Value {
        serde_json::from_slice(&self.prepared().request.body).unwrap()
    }

    fn answer(&self, status: u16, headers: &[(&'static str, &str)], body: &str) -> Outcome {
        interpret(
            self.provider_id,
            &self.address,
            Ok(Response::new(status, headers, body.to_owned())),
        )
    }
}

/// An outcome in a few words, for tables: kind, level, code, health.
fn summary(outcome: &Outcome) -> String {
    let kind = match outcome {
        Outcome::Delivered { id, .. } => return format!("delivered {}", id.as_deref().unwrap_or("-")),
        Outcome::Accepted { id, .. } => return format!("accepted {}", id.as_deref().unwrap_or("-")),
        Outcome::Rejected(_) => "rejected".to_owned(),
        Outcome::RetryAt { after: None, .. } => "retry".to_owned(),
        Outcome::RetryAt { after: Some(after), .. } => format!("retry after {}", after.as_secs_f64()),
        Outcome::Unknown(_) => "unknown".to_owned(),
    };
    let failure = outcome.failure().unwrap();
    let health = match &failure.health {
        None => String::new(),
        Some(Health::NeedsReauth) => " needs_reauth".to_owned(),
        Some(Health::Revoked) => " revoked".to_owned(),
        Some(Health::Broken) => " broken".to_owned(),
        Some(Health::Degraded { missing_scope }) => format!(" degraded {}", missing_scope.as_deref().unwrap_or("-")),
    };
    format!("{kind} {} {}{health}", failure.level.as_str(), failure.code)
}
