//! Deliveries: one for each endpoint, and none harms its siblings.

use campanile_model::channel::{DeliveryState, HealthStatus, JobStatus, MessageStatus};
use campanile_store::Batch;
use campanile_testkit::fake::Answer;
use campanile_testkit::{both, eventually};

use crate::world::World;

both! {
    async fn each_endpoint_gets_its_own_delivery(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        for channel in ["C-ONE", "C-TWO"] {
            world.channel(&ann, channel).await;
        }
        world.webhook(&ann, "hook").await;
        world.send("ann", "hello {{subscriber.subscriberId}}").await;
        let story = world.ended(&ann).await;
        // One message for each integration, one delivery for each endpoint.
        assert_eq!((story.messages.len(), story.deliveries.len()), (2, 3));
        assert!(story.messages.iter().all(|message| message.status == MessageStatus::Sent));
        assert_eq!(story.job(1), JobStatus::Completed);
        assert_eq!(story.told("message_sent"), 3);
        for marker in ["C-ONE", "C-TWO", "/hook"] {
            let came = world.fake.received_with(marker);
            assert_eq!(came.len(), 1, "{marker}");
            assert!(came[0].body.contains("hello ann"), "{}", came[0].body);
        }
        let posted = &world.fake.received_with("C-ONE")[0];
        assert_eq!(posted.path, "/api/chat.postMessage");
        assert_eq!(posted.header("authorization"), Some("Bearer xoxb-workspace"));
    }

    async fn an_endpoint_that_fails_does_not_stop_its_siblings(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        let archived = world.channel(&ann, "C-ARCHIVED").await;
        let good = world.channel(&ann, "C-GOOD").await;
        world.fake.answer("C-ARCHIVED", [Answer::slack_error("is_archived")]);
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert_eq!(story.state_of(&archived), DeliveryState::Rejected);
        assert_eq!(story.state_of(&good), DeliveryState::Delivered);
        assert_eq!((story.job(1), story.message()), (JobStatus::Completed, MessageStatus::Sent));
        let health = async |name: &str| test.store.endpoint(&test.ctx, name).await.unwrap().unwrap().status;
        assert_eq!(health("endpoint-C-ARCHIVED").await, HealthStatus::Broken);
        assert_eq!(health("endpoint-C-GOOD").await, HealthStatus::Active);
    }

    async fn a_permanent_rejection_is_final_and_explained(test) {
        let world = World::start(&test).await;
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ARCHIVED").await;
        world.fake.answer("C-ARCHIVED", [Answer::slack_error("is_archived")]);
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Rejected]));
        assert_eq!((story.job(1), story.message()), (JobStatus::Failed, MessageStatus::Error));
        assert_eq!((story.told("provider_error"), story.told("chat_all_channels_failed")), (1, 1));
        let facts = story.facts("provider_error");
        assert_eq!((facts["code"].as_str(), facts["level"].as_str()), (Some("is_archived"), Some("endpoint")));
        assert_eq!(facts["endpoint"], "endpoint-C-ARCHIVED");
        assert!(story.messages[0].error_text.as_deref().unwrap().contains("archived"));
        assert_eq!(world.fake.count("C-ARCHIVED"), 1);
        world.no_task_is_left().await;
    }

    async fn a_task_of_an_unknown_kind_is_parked_and_stays(test) {
        let world = World::start(&test).await;
        let mut batch = Batch::new();
        let task = campanile_store::tasks::NewTask {
            lane: "x".to_owned(),
            kind: "FromALaterVersionV9",
            payload: "{\"kept\":true}".to_owned(),
            run_at: test.store.now(),
            id: test.store.new_id(),
        };
        test.store.enqueue(&mut batch, &test.ctx, task);
        test.store.commit(batch).await.unwrap();
        eventually("the task is parked", async || {
            let tasks = test.store.stored_tasks().await.unwrap();
            (tasks[0].state == "parked").then_some(())
        })
        .await;
        assert_eq!(world.process.metric("tasks_parked_total"), 1);
        // It does not stand in anybody's way.
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.send("ann", "hello").await;
        assert_eq!(world.ended(&ann).await.message(), MessageStatus::Sent);
        test.clock.advance(std::time::Duration::from_hours(100 * 24));
        test.store.promote_tasks().await.unwrap();
        assert_eq!(test.store.stored_tasks().await.unwrap()[0].state, "parked");
    }
}
