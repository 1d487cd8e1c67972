//! Deliveries of channels whose providers this version does not speak to: dev mode shows them all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use campanile_model::Ctx;
use campanile_providers::{Failure, Level, Outcome};
use campanile_store::deliveries::Attempt;
use campanile_store::integrations::Integration;
use campanile_store::outbox::Kept;
use campanile_store::{Batch, StoreError};
use serde_json::{Value, json};

use super::{Posted, files};
use crate::Engine;

/// Whether addresses of this type belong to such a channel.
pub(super) fn is_for(kind: &str) -> bool {
    matches!(kind, "email" | "sms" | "push")
}

/// Keeps the message in dev mode's outbox, or says that it cannot be sent.
pub(super) async fn post(
    engine: &Engine,
    ctx: &Ctx,
    attempt: &Attempt,
    integration: &Integration,
    kind: &str,
    mut address: Value,
    batch: &mut Batch,
) -> Result<Posted, StoreError> {
    let store = engine.store();
    if !engine.settings().outbox || integration.send_real {
        let text = format!("This server cannot send through {} yet", integration.provider_id);
        return Ok(Posted {
            outcome: Outcome::Rejected(Failure::new(Level::Integration, "provider_not_supported", text)),
            called: false,
            kept: false,
            moved: None,
        });
    }
    let subscriber = store.subscribers_by_id(ctx, vec![attempt.subscriber_id]).await?;
    let overrides = store.attempt_overrides(attempt)?;
    let mut body = json!({
        "subject": attempt.subject,
        "overrides": campanile_providers::mask_overrides(&overrides["provider"]),
    });
    // The plain-text part of a mail is content, and shown as such.
    if let Some(text) = address.as_object_mut().and_then(|address| address.remove("text")) {
        body["text"] = text;
    }
    let files = files::read(engine, ctx, attempt, &address).await?;
    if !files.is_empty() {
        body["attachments"] = files.iter().map(shown).collect();
    }
    let kept = Kept {
        id: store.new_id(),
        channel: kind.to_owned(),
        provider_id: attempt.provider_id.clone(),
        integration_identifier: integration.identifier.clone(),
        subscriber_id: subscriber
            .first()
            .map(|one| one.subscriber_id.clone())
            .unwrap_or_default(),
        content: attempt.content.clone(),
        // There is no request yet: what it will be made of.
        request: json!({
            "method": "",
            "url": "",
            "headers": {},
            "body": body,
        }),
        recipient: json!({ "type": kind, "endpoint": address }),
        created_at: store.now(),
    };
    store.keep_in_outbox(batch, ctx, &kept);
    Ok(Posted {
        outcome: Outcome::Delivered {
            id: Some(format!("outbox:{}", kept.id)),
            details: json!({ "outbox": kept.id }),
        },
        called: true,
        kept: true,
        moved: None,
    })
}

/// A file as the outbox shows it; with its content when that is small.
fn shown(file: &files::File) -> Value {
    const LARGEST: usize = 16 << 10;
    let mut shown = file.about.clone();
    if file.content.len() <= LARGEST {
        shown["file"] = STANDARD.encode(&file.content).into();
    }
    shown
}
