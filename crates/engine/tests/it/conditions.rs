//! Steps run on their conditions, which are judged when it is their turn.

use campanile_model::StepType;
use campanile_model::channel::{JobReason, JobStatus};
use campanile_testkit::both;
use serde_json::json;

use crate::world::World;

both! {
    async fn a_step_whose_conditions_are_not_met_is_left_out_and_the_next_one_runs(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber_with("ann", &json!({ "firstName": "Ann" })).await;
        world.channel(&ann, "C-ANN").await;
        let only = |rule| json!({ "body": "conditional", "skip": rule });
        world
            .workflow_with("rules", &[
                (StepType::Chat, only(json!({ "==": [{ "var": "payload.plan" }, "free"] }))),
                (StepType::Delay, only(json!({ ">": [{ "var": "payload.n" }, 5] }))),
                (StepType::Chat, only(json!({ "and": [{ "==": [{ "var": "subscriber.firstName" }, "{{payload.who}}"] }] }))),
                (StepType::Chat, json!({ "body": "last", "skip": {} })),
            ])
            .await;
        world.trigger_with("rules", json!("ann"), json!({ "plan": "pro", "n": 5, "who": "Ann" })).await;
        let story = world.ended(&ann).await;
        let jobs: Vec<JobStatus> = (1..=4).map(|position| story.job(position)).collect();
        assert_eq!(jobs, [JobStatus::Canceled, JobStatus::Skipped, JobStatus::Completed, JobStatus::Completed]);
        assert_eq!(story.jobs[1].reason, Some(JobReason::StepCondition));
        assert_eq!((story.told("filter_steps"), story.told("step_conditions_matched")), (2, 1));
        let facts = story.facts("filter_steps");
        assert_eq!((&facts["skip"], &facts["variables"]["payload.n"]), (&json!(true), &json!(5)));
        let texts: Vec<_> = world.fake.received().iter().map(|one| one.json()["text"].clone()).collect();
        assert_eq!(texts, ["conditional", "last"]);
    }

    async fn a_step_whose_conditions_have_no_answer_fails_and_the_next_one_runs(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world
            .workflow_with("broken", &[
                (StepType::Chat, json!({ "body": "first", "skip": { "explode": [1] } })),
                (StepType::Chat, json!({ "body": "second", "skip": { "==": ["{{ payload.", 1] } })),
                (StepType::Chat, json!({ "body": "third" })),
            ])
            .await;
        world.trigger("broken", json!("ann")).await;
        let story = world.ended(&ann).await;
        let jobs: Vec<JobStatus> = (1..=3).map(|position| story.job(position)).collect();
        assert_eq!(jobs, [JobStatus::Failed, JobStatus::Failed, JobStatus::Completed]);
        assert_eq!(story.told("step_conditions_failed"), 2);
        assert_eq!(world.fake.received().len(), 1);
    }
}
