//! Whose turn it is: the named recipients first, then the members of the topics, or everybody. Nobody is held in memory but
//! the next chunk, and how far the plan has come is in its task.

use std::collections::HashMap;
use std::time::Duration;

use campanile_model::{Ctx, Id, Time};
use campanile_store::StoreError;
use campanile_store::events::Event;
use campanile_store::notifications::ByTopic;
use campanile_store::subscribers::Subscriber;
use campanile_store::subscriptions::{MemberRules, Rule};
use serde_json::Value;

use crate::recipients::{Recipient, Recipients};
use crate::task::Plan;
use crate::{Engine, conditions};

/// Recipients planned in one commit: as many as others wait for without noticing.
const CHUNK: usize = 50;
/// Clocks of nodes differ: who was stored a little after a broadcast by another node's clock may have been before it.
const SKEW: Duration = Duration::from_mins(1);

/// The recipients that are planned next.
#[derive(Default)]
pub(crate) struct Chunk {
    /// Those who are named.
    pub(super) named: Vec<Recipient>,
    /// Those who were found.
    pub(super) found: Vec<Subscriber>,
    /// Where they were found.
    pub(super) topic: Option<ByTopic>,
    /// What the subscriptions of each of them say; who is not in it has none that says anything.
    pub(super) rules: HashMap<Id, Vec<Vec<Rule>>>,
    /// Topics that are not there.
    pub(super) missing: Vec<String>,
    /// Where the plan goes on, unless this was the last chunk.
    pub(super) rest: Option<Plan>,
}

/// Reads the chunk that the plan has come to.
pub(super) async fn chunk(
    engine: &Engine,
    ctx: &Ctx,
    event: &Event,
    recipients: &Recipients,
    plan: &Plan,
) -> Result<Chunk, StoreError> {
    let end = (plan.from + CHUNK).min(recipients.to.len());
    let named = recipients.to.get(plan.from..end).unwrap_or_default();
    if !named.is_empty() {
        let rest = Plan {
            from: end,
            ..Plan::begin(event.id)
        };
        return Ok(Chunk {
            named: named.to_vec(),
            rest: (end < recipients.to.len() || recipients.is_stream()).then_some(rest),
            ..Chunk::default()
        });
    }
    let after = plan.after.as_deref().and_then(|id| id.parse().ok());
    if recipients.everybody {
        everybody(engine, ctx, event, plan, after).await
    } else {
        members(engine, ctx, event, recipients, plan, after).await
    }
}

/// The first chunk of an event that is not stored.
pub(super) async fn first(
    engine: &Engine,
    ctx: &Ctx,
    event: &Event,
    recipients: &Recipients,
) -> Result<Chunk, StoreError> {
    chunk(engine, ctx, event, recipients, &Plan::begin(event.id)).await
}

/// One recipient alone, as the first chunk that has them would; nobody when they are none.
pub(super) async fn only(
    engine: &Engine,
    ctx: &Ctx,
    event: &Event,
    recipients: &Recipients,
    id: &str,
) -> Result<Chunk, StoreError> {
    let store = engine.store();
    if let Some(named) = recipients.to.iter().find(|one| one.id == id) {
        return Ok(Chunk {
            named: vec![named.clone()],
            ..Chunk::default()
        });
    }
    let Some(found) = store.subscriber(ctx, id).await? else {
        return Ok(Chunk::default());
    };
    if recipients.everybody {
        return Ok(Chunk {
            found: vec![found],
            ..Chunk::default()
        });
    }
    if recipients.left_out().contains(id) {
        return Ok(Chunk::default());
    }
    let mut missing = Vec::new();
    for key in &recipients.topics {
        let Some(topic) = store.topic(ctx, key).await? else {
            missing.push(key.clone());
            continue;
        };
        let rules = store
            .member_rules(ctx, topic.id, &event.contexts, vec![found.id])
            .await?;
        if !rules.is_empty() {
            return Ok(Chunk {
                found: vec![found],
                topic: Some(ByTopic {
                    id: topic.id,
                    key: topic.key,
                }),
                rules: by_member(rules),
                missing,
                ..Chunk::default()
            });
        }
    }
    Ok(Chunk {
        missing,
        ..Chunk::default()
    })
}

async fn everybody(
    engine: &Engine,
    ctx: &Ctx,
    event: &Event,
    plan: &Plan,
    after: Option<Id>,
) -> Result<Chunk, StoreError> {
    // Who is made by what the event does is not meant: it would never end.
    let until = event.created_at.plus(SKEW);
    let found = engine.store().next_subscribers(ctx, after, until, CHUNK).await?;
    let last = found.last().map(|one| one.id).filter(|_| found.len() == CHUNK);
    Ok(Chunk {
        rest: last.map(|last| behind(plan, last)),
        found,
        ..Chunk::default()
    })
}

/// The members of the next topic that has any left.
async fn members(
    engine: &Engine,
    ctx: &Ctx,
    event: &Event,
    recipients: &Recipients,
    plan: &Plan,
    mut after: Option<Id>,
) -> Result<Chunk, StoreError> {
    let store = engine.store();
    let mut missing = Vec::new();
    for (place, key) in recipients.topics.iter().enumerate().skip(plan.topic) {
        let after = after.take();
        let Some(topic) = store.topic(ctx, key).await? else {
            missing.push(key.clone());
            continue;
        };
        let ids = store
            .topic_members(ctx, topic.id, &event.contexts, after, CHUNK)
            .await?;
        let Some(last) = ids.last().copied() else { continue };
        let here = Plan {
            topic: place,
            after: None,
            ..plan.clone()
        };
        let rest = if ids.len() == CHUNK {
            Some(behind(&here, last))
        } else {
            let next = place + 1;
            (next < recipients.topics.len()).then_some(Plan { topic: next, ..here })
        };
        let rules = store.member_rules(ctx, topic.id, &event.contexts, ids.clone()).await?;
        let left_out = recipients.left_out();
        let mut found = store.subscribers_by_id(ctx, ids).await?;
        found.retain(|one| !left_out.contains(one.subscriber_id.as_str()));
        found.sort_unstable_by_key(|one| one.id);
        return Ok(Chunk {
            found,
            topic: Some(ByTopic {
                id: topic.id,
                key: topic.key,
            }),
            rules: by_member(rules),
            missing,
            rest,
            ..Chunk::default()
        });
    }
    Ok(Chunk {
        missing,
        ..Chunk::default()
    })
}

fn behind(plan: &Plan, last: Id) -> Plan {
    Plan {
        after: Some(last.to_string()),
        ..plan.clone()
    }
}

/// Members one of whose subscriptions says nothing are left out: it lets everything through.
fn by_member(rules: Vec<MemberRules>) -> HashMap<Id, Vec<Vec<Rule>>> {
    let mut by_member: HashMap<Id, Vec<Vec<Rule>>> = HashMap::new();
    for one in rules {
        by_member.entry(one.subscriber).or_default().push(one.rules);
    }
    by_member.retain(|_, subscriptions| subscriptions.iter().all(|rules| !rules.is_empty()));
    by_member
}

/// Whether any of a member's subscriptions lets the workflow through: one that does not speak of it does; a condition
/// decides before a switch.
pub(super) fn lets_through(subscriptions: &[Vec<Rule>], workflow: Id, data: &Value, now: Time) -> bool {
    subscriptions.iter().any(|rules| {
        let rule = rules.iter().find(|rule| rule.workflows.contains(&workflow));
        rule.is_none_or(|rule| match &rule.condition {
            Some(condition) => conditions::holds(condition, data, now),
            None => rule.enabled.unwrap_or(true),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(workflow: u8, enabled: Option<bool>, condition: Option<Value>) -> Vec<Rule> {
        vec![Rule {
            workflows: vec![Id::from_bytes([workflow; 12])],
            enabled,
            condition,
        }]
    }

    #[test]
    fn one_subscription_that_lets_the_workflow_through_is_enough() {
        let (urgent, broken) = (
            json!({ "==": [{ "var": "payload.kind" }, "urgent"] }),
            json!({ "no-such": [1] }),
        );
        let table = [
            (vec![rule(1, None, None)], true),
            (vec![rule(1, Some(true), None)], true),
            (vec![rule(1, Some(false), None)], false),
            (vec![rule(2, Some(false), None)], true),
            (vec![rule(1, Some(false), None), rule(1, Some(true), None)], true),
            (vec![rule(1, Some(false), Some(urgent.clone()))], true),
            (vec![rule(1, Some(true), Some(json!({ "!": [urgent] })))], false),
            (vec![rule(1, Some(true), Some(broken))], false),
            (vec![rule(1, None, Some(json!({ "var": "payload.kind" })))], false),
            (vec![], false),
        ];
        let data = json!({ "payload": { "kind": "urgent" } });
        for (subscriptions, passes) in table {
            let workflow = Id::from_bytes([1; 12]);
            let result = lets_through(&subscriptions, workflow, &data, Time::from_millis(0));
            assert_eq!(result, passes, "{subscriptions:?}");
        }
    }
}
