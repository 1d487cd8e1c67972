//! One trigger for a topic: how fast its members are notified, what that takes in memory, and what other triggers feel of
//! it meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Bench, Latency, latency};
use crate::fake_slack::Delivered;
use crate::load;
use crate::setup::Api;
use crate::{Result, progress};

/// Subscribers of one call.
const PEOPLE: usize = 500;
/// Subscriptions of one call.
const SUBSCRIPTIONS: usize = 100;
/// How often the last member is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// No fan-out takes longer.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) struct FanOut {
    /// Members of a topic, and how many of them were notified per second.
    pub(crate) curve: Vec<(usize, f64)>,
    /// While the largest topic was notified.
    pub(crate) peak_mb: f64,
    /// Other triggers before the largest topic, and while it is notified.
    pub(crate) before: Latency,
    pub(crate) during: Latency,
    pub(crate) delivered: Delivered,
}

pub(crate) async fn run(bench: &mut Bench<'_>) -> Result<FanOut> {
    let crowd = bench.options.crowd;
    let sizes: Vec<usize> = [crowd / 100, crowd / 10, crowd]
        .into_iter()
        .filter(|size| *size > 0)
        .collect();
    fill(bench, &sizes).await?;
    bench.server.settle().await?;
    let mut curve = Vec::new();
    let mut peak_mb = 0.0;
    for (number, size) in sizes.iter().enumerate() {
        bench.server.forget_peak()?;
        let event = format!("alone-{number}");
        let begun = trigger(bench, *size, &event).await?;
        notified(bench, *size, &event, begun).await?;
        let per_second = load::rate(*size, begun.elapsed());
        progress(&format!("a topic of {size}: {per_second:.0} notifications per second"));
        curve.push((*size, per_second));
        peak_mb = bench.server.memory()?.peak_mb;
        bench.server.settle().await?;
    }
    let (before, delivered_before) = latency::run(bench).await?;
    bench.server.settle().await?;
    let begun = trigger(bench, crowd, "beside").await?;
    let (during, delivered_during) = latency::run(bench).await?;
    if is_notified(&mut Api::open(&bench.server).await?, crowd, "beside").await? {
        progress("the fan-out ended before the other triggers did: take a larger --crowd or fewer --seconds");
    }
    notified(bench, crowd, "beside", begun).await?;
    Ok(FanOut {
        curve,
        peak_mb,
        before,
        during,
        delivered: Delivered {
            expected: delivered_before.expected + delivered_during.expected,
            lost: delivered_before.lost + delivered_during.lost,
            duplicates: delivered_before.duplicates + delivered_during.duplicates,
        },
    })
}

fn member(number: usize) -> String {
    format!("member-{number:06}")
}

/// The people, a topic of each size, and a workflow with an in-app step.
async fn fill(bench: &Bench<'_>, sizes: &[usize]) -> Result<()> {
    let mut api = Api::open(&bench.server).await?;
    let everybody: Vec<usize> = (0..bench.options.crowd).collect();
    for some in everybody.chunks(PEOPLE) {
        let people: Vec<Value> = some
            .iter()
            .map(|number| json!({ "subscriberId": member(*number) }))
            .collect();
        api.create("/v1/subscribers/bulk", &json!({ "subscribers": people }))
            .await?;
    }
    for size in sizes {
        for some in everybody.get(..*size).unwrap_or_default().chunks(SUBSCRIPTIONS) {
            let ids: Vec<String> = some.iter().map(|number| member(*number)).collect();
            let path = format!("/v2/topics/crowd-{size}/subscriptions");
            api.create(&path, &json!({ "subscriberIds": ids })).await?;
        }
    }
    let workflow = json!({
        "name": "fan-out", "workflowId": "fan-out", "active": true,
        "steps": [{
            "name": "In-app", "type": "in_app",
            "controlValues": {"subject": "Hello {{subscriber.subscriberId}}", "body": "{{payload.text}}"},
        }],
    });
    api.create("/v2/workflows", &workflow).await
}

async fn trigger(bench: &Bench<'_>, size: usize, event: &str) -> Result<Instant> {
    let body = json!({
        "name": "fan-out", "transactionId": event, "payload": { "text": "to all of you" },
        "to": { "type": "Topic", "topicKey": format!("crowd-{size}") },
    });
    let mut api = Api::open(&bench.server).await?;
    let begun = Instant::now();
    api.create("/v1/events/trigger", &body).await?;
    Ok(begun)
}

/// Waits until the member who comes last is notified.
async fn notified(bench: &Bench<'_>, size: usize, event: &str, begun: Instant) -> Result<()> {
    let mut api = Api::open(&bench.server).await?;
    while !is_notified(&mut api, size, event).await? {
        if begun.elapsed() > PATIENCE {
            return Err(format!("a topic of {size} was not notified within {PATIENCE:?}"));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Members are gone through in the order in which they were made.
async fn is_notified(api: &mut Api, size: usize, event: &str) -> Result<bool> {
    let last = member(size - 1);
    let path = format!("/v1/notifications?transactionId={event}&subscriberIds={last}&limit=1");
    let page = api.get(&path).await?;
    Ok(page["data"].as_array().is_some_and(|found| !found.is_empty()))
}
