//! Dev mode: what is for the world stays in the outbox, what is for this machine is sent.

use campanile_model::channel::{DeliveryState, MessageStatus};
use campanile_testkit::both;
use serde_json::json;

use crate::world::{Mode, World};

both! {
    async fn dev_mode_keeps_what_is_for_the_world_and_sends_what_is_for_this_machine(test) {
        let world = World::still(&test, Mode::Outbox).await;
        world.process.worker.start();
        let ann = world.subscriber("ann").await;
        world.channel(&ann, "C-ANN").await;
        world.webhook(&ann, "hook").await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered, DeliveryState::Delivered]));
        assert!(story.messages.iter().all(|message| message.status == MessageStatus::Sent));
        assert_eq!((story.told("outbox_kept"), story.told("message_sent")), (1, 2));
        assert_eq!(world.fake.received().len(), 1);
        assert_eq!(world.fake.count("/hook"), 1);
        let kept = test.store.outbox(vec![test.ctx.environment], 10).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].provider_id.as_str(), kept[0].subscriber_id.as_str()), ("slack", "ann"));
        assert_eq!((kept[0].content.as_str(), &kept[0].request["method"]), ("hello", &"POST".into()));
        let shown = kept[0].request.to_string();
        assert!(shown.contains("https://slack.com/api/chat.postMessage"), "{shown}");
        assert!(!shown.contains("xoxb-workspace"), "{shown}");
    }

    async fn dev_mode_shows_a_message_for_teams_without_asking_microsoft_for_a_token(test) {
        let world = World::still(&test, Mode::Outbox).await;
        world.process.worker.start();
        let ann = world.subscriber("ann").await;
        let credentials = json!({ "clientId": "app-1", "secretKey": "canary-secret", "tenantId": "home-tenant" });
        let msteams = world.integration("msteams", &credentials).await;
        let address = json!({ "userId": "29:ann", "tenantId": "acme-tenant" });
        world.endpoint(&ann, &msteams, None, "ms_teams_user", "ann", &address).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        let kept = test.store.outbox(vec![test.ctx.environment], 10).await.unwrap();
        assert_eq!(kept[0].request["body"], json!({ "type": "message", "text": "hello" }));
        assert_eq!(kept[0].request["headers"]["authorization"], "Bearer ***");
    }
}
