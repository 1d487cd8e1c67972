//! The HTTP request step: the call, what later steps see of its answer, and its failures.

use std::time::Duration;

use campanile_model::StepType;
use campanile_model::channel::JobStatus;
use campanile_store::tasks::LEASE;
use campanile_testkit::fake::{Answer, Gate};
use campanile_testkit::{both, eventually};
use serde_json::{Value, json};

use crate::world::World;

fn call(world: &World<'_>, path: &str, more: &Value) -> Value {
    let mut controls = json!({
        "method": "POST", "url": format!("{}/{path}", world.fake.url()), "body": "{\"user\":\"{{subscriber.subscriberId}}\"}",
        "headers": [{ "key": "X-Key", "value": "canary" }],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        controls[name] = value.clone();
    }
    controls
}

both! {
    async fn later_steps_see_the_answer(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.fake.answer("/score", [Answer::new(200, r#"{"score":42,"echo":"canary"}"#)]);
        world
            .workflow_with("score", &[
                (StepType::HttpRequest, call(&world, "score", &json!({}))),
                (StepType::Chat, json!({ "body": "Score {{steps.step-0.score}}", "skip": { ">": [{ "var": "steps.step-0.score" }, 41] } })),
                (StepType::Chat, json!({ "body": "low", "skip": { "<": [{ "var": "steps.step-0.score" }, 41] } })),
            ])
            .await;
        world.trigger("score", json!("ann")).await;
        let story = world.ended(&ann).await;
        let jobs: Vec<JobStatus> = (1..=3).map(|position| story.job(position)).collect();
        assert_eq!(jobs, [JobStatus::Completed, JobStatus::Completed, JobStatus::Canceled]);
        let received = world.fake.received_with("/score");
        assert_eq!((received.len(), received[0].json()), (1, json!({ "user": "ann" })));
        assert!(received[0].header("novu-signature").is_some_and(|signature| signature.starts_with("t=")));
        assert_eq!(received[0].header("x-key"), Some("canary"));
        assert_eq!(world.fake.count("Score 42"), 1);
        // The story shows what was answered, without the keys of the call.
        let facts = story.facts("step_completed");
        assert_eq!(facts["status"], 200);
        assert!(!story.traces.iter().any(|trace| trace.raw.as_deref().unwrap_or_default().contains("canary")));
        world.no_task_is_left().await;
    }

    async fn a_failed_call_stops_the_steps_after_it_unless_it_says_otherwise(test) {
        let world = World::start(&test).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        world.channel(&ann, "C-ANN").await;
        world.channel(&bob, "C-BOB").await;
        world.fake.answer("/down", [Answer::new(500, "no"), Answer::new(500, "no")]);
        let chat = || (StepType::Chat, json!({ "body": "after" }));
        world.workflow_with("strict", &[(StepType::HttpRequest, call(&world, "down", &json!({}))), chat()]).await;
        world.workflow_with("lax", &[(StepType::HttpRequest, call(&world, "down", &json!({ "continueOnFailure": true }))), chat()]).await;
        world.trigger("strict", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Canceled));
        assert_eq!((story.told("action_step_execution_failed"), story.told("step_canceled_by_failure")), (1, 1));
        world.trigger("lax", json!("bob")).await;
        let story = world.ended(&bob).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Completed));
    }

    async fn an_answer_that_does_not_fit_its_schema_fails_only_when_that_is_enforced(test) {
        let world = World::start(&test).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        let answers = || Answer::new(200, r#"{"n":"text"}"#);
        world.fake.answer("/shape", [answers(), answers()]);
        let schema = json!({ "type": "object", "properties": { "n": { "type": "number" } } });
        for (name, enforced) in [("loose", false), ("exact", true)] {
            let more = json!({ "responseBodySchema": schema, "enforceSchemaValidation": enforced });
            world.workflow_with(name, &[(StepType::HttpRequest, call(&world, "shape", &more))]).await;
        }
        world.trigger("loose", json!("ann")).await;
        world.trigger("exact", json!("bob")).await;
        let (loose, exact) = (world.ended(&ann).await, world.ended(&bob).await);
        assert_eq!((loose.job(1), exact.job(1)), (JobStatus::Completed, JobStatus::Failed));
        assert_eq!(loose.jobs[1].output, Some(json!({ "n": "text" })));
        assert_eq!(exact.facts("response_body_schema_validation_failed")["errors"], json!(["n: must be number"]));
    }

    async fn a_call_that_died_before_its_result_was_written_is_repeated_with_its_key_and_told(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let (gate, answer) = (Gate::closed(), Answer::new(200, r#"{"n":1}"#));
        world.fake.answer("/slow", [answer.clone().behind(&gate), answer]);
        let call = call(&world, "slow", &json!({ "timeout": 30_000 }));
        world.workflow_with("slow", &[(StepType::HttpRequest, call)]).await;
        world.trigger("slow", json!("ann")).await;
        eventually("the receiver is called", async || (world.fake.count("/slow") == 1).then_some(())).await;
        eventually("it is called again", async || {
            test.clock.advance(LEASE + Duration::from_millis(1));
            (world.fake.count("/slow") == 2).then_some(())
        })
        .await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.told("http_request_repeated")), (JobStatus::Completed, 1));
        let keys: Vec<_> = world.fake.received().iter().map(|one| one.header("idempotency-key").map(str::to_owned)).collect();
        assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
        // The first call's late end changes nothing.
        gate.open();
        eventually("nothing is under way", async || (world.process.metric("tasks_in_flight") == 0).then_some(())).await;
        assert_eq!(world.ended(&ann).await.told("step_completed"), 1);
    }

    async fn a_step_without_a_usable_address_fails_with_a_sentence(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.workflow_with("none", &[(StepType::HttpRequest, json!({ "method": "GET", "url": "{{payload.gone}}" }))]).await;
        world.trigger("none", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!(story.job(1), JobStatus::Failed);
        let told = story.facts("action_step_execution_failed");
        assert_eq!(told["message"], "HTTP request step is missing a URL. Please configure a URL in the step settings.");
    }
}
