//! Telegram: a chat becomes a subscriber's by a one-time code.

use std::time::Duration;

use campanile_connect::telegram::{Redeemed, StartTelegram, redeem, start_link};
use campanile_testkit::both;
use campanile_testkit::fake::Answer as Told;
use serde_json::json;

use super::Scene;

async fn scene(test: &campanile_testkit::TestStore) -> Scene<'_> {
    let scene = Scene::new(test).await;
    scene
        .integration_in(&test.ctx, "telegram", "bot", json!({ "apiToken": "12:canary" }))
        .await;
    scene.subscriber("ann").await;
    let me = json!({ "ok": true, "result": { "id": 12, "is_bot": true, "username": "MyBot" } });
    scene.vendor.answer("/getMe", [Told::new(200, me.to_string())]);
    scene
}

async fn code(scene: &Scene<'_>) -> String {
    let ask = StartTelegram {
        integration_identifier: "bot".to_owned(),
        subscriber_id: "ann".to_owned(),
        ..StartTelegram::default()
    };
    let (link, batch) = start_link(&scene.connect, &scene.test.ctx, &ask).await.unwrap();
    scene.test.store.commit(batch).await.unwrap();
    let code = link.url.strip_prefix("https://t.me/MyBot?start=").unwrap();
    assert_eq!((link.bot_username.as_str(), code.len()), ("MyBot", 32));
    code.to_owned()
}

both! {
    async fn a_code_links_one_chat_however_often_it_comes(test) {
        let scene = scene(&test).await;
        let (first, second) = (code(&scene).await, code(&scene).await);
        assert_eq!(scene.vendor.count("getMe"), 1, "the name is remembered");
        let bot = test.store.integration_by_identifier(&test.ctx, "bot").await.unwrap().unwrap();
        let redeem = async |code: &str, chat: &str| redeem(&scene.connect, &test.ctx, &bot, code, chat).await.unwrap();
        let linked = Redeemed::Linked("ann".to_owned());
        assert_eq!(redeem(&first, "77").await, linked);
        assert_eq!(redeem(&first, "77").await, linked, "Telegram told it twice");
        assert_eq!(redeem(&first, "78").await, Redeemed::Unknown, "another chat learnt of the code");
        assert_eq!(redeem(&second, "77").await, linked);
        assert_eq!(redeem("guess", "77").await, Redeemed::Unknown);
        let chat = ("telegram_chat".to_owned(), json!({ "chatId": "77" }), None);
        assert_eq!(scene.endpoints("ann").await, [chat]);
    }

    async fn a_code_ends_after_ten_minutes_and_with_its_bot(test) {
        let scene = scene(&test).await;
        let code = code(&scene).await;
        let other = scene.integration_in(&test.ctx, "telegram", "other", json!({ "apiToken": "13:x" })).await;
        let elsewhere = redeem(&scene.connect, &test.ctx, &other, &code, "77").await.unwrap();
        assert_eq!(elsewhere, Redeemed::Unknown);
        let bot = test.store.integration_by_identifier(&test.ctx, "bot").await.unwrap().unwrap();
        test.clock.advance(Duration::from_mins(10));
        let late = redeem(&scene.connect, &test.ctx, &bot, &code, "77").await.unwrap();
        assert_eq!(late, Redeemed::Unknown);
        test.clock.advance(Duration::from_hours(2));
        test.store.sweep_links().await.unwrap();
        assert!(scene.endpoints("ann").await.is_empty());
    }

    async fn what_cannot_be_linked_says_why(test) {
        let scene = scene(&test).await;
        scene.slack().await;
        scene.integration_in(&test.ctx, "telegram", "empty", json!({})).await;
        scene.integration_in(&test.ctx, "telegram", "refused", json!({ "apiToken": "14:canary" })).await;
        let environment = test.ctx.environment;
        scene.vendor.answer("bot14:canary", [Told::new(401, r#"{"ok":false,"description":"Unauthorized"}"#)]);
        scene.vendor.answer("/getMe", []);
        for (integration, subscriber, expected) in [
            ("nowhere", "ann", format!("Integration not found: nowhere in environment {environment}")),
            ("slack", "ann", "Provider \"slack\" does not support subscriber chat linking".to_owned()),
            ("bot", "bob", "Subscriber not found: bob".to_owned()),
            ("empty", "ann", "Telegram integration missing credentials (apiToken)".to_owned()),
            ("refused", "ann", "Telegram did not accept the integration's apiToken (HTTP 401). Copy the token from @BotFather.".to_owned()),
        ] {
            let ask = StartTelegram {
                integration_identifier: integration.to_owned(),
                subscriber_id: subscriber.to_owned(),
                ..StartTelegram::default()
            };
            let error = start_link(&scene.connect, &test.ctx, &ask).await.map(drop).unwrap_err();
            assert_eq!(error.message(), expected);
        }
    }
}
