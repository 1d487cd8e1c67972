//! Chat providers from trigger to message, against fakes that answer as the vendors' documentation says.

use campanile_model::channel::{DeliveryState, HealthStatus, JobStatus, MessageStatus};
use campanile_model::{Id, Time};
use campanile_store::Batch;
use campanile_store::connections::Connection;
use campanile_store::endpoints::Endpoint;
use campanile_store::integrations::Integration;
use campanile_store::subscribers::Subscriber;
use campanile_testkit::both;
use campanile_testkit::fake::{Answer, Fake};
use serde_json::{Value, json};

use crate::world::{Mode, Story, World};

fn teams_credentials() -> Value {
    json!({ "clientId": "app-1", "secretKey": "canary-secret", "tenantId": "home-tenant" })
}

fn token(name: &str) -> Answer {
    let body = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": name });
    Answer::new(200, body.to_string())
}

/// A fake that plays Microsoft's login and the Bot Connector.
fn play_teams(fake: &Fake) {
    fake.answer("/oauth2/", [token("canary-bot")]);
    fake.answer("/activities", [Answer::new(201, r#"{"id":"1700"}"#)]);
    fake.answer("/v3/conversations", [Answer::new(201, r#"{"id":"a:conversation"}"#)]);
}

fn on(connection: &Connection) -> (Id, String) {
    (connection.id, connection.identifier.clone())
}

async fn teams_channel(
    world: &World<'_>,
    msteams: &Integration,
    to: &Subscriber,
    on: Option<(Id, String)>,
) -> Endpoint {
    let address = json!({ "teamId": "team-1", "channelId": "19:general@thread.tacv2" });
    world
        .endpoint(to, msteams, on, "ms_teams_channel", "channel", &address)
        .await
}

async fn teams_user(world: &World<'_>, msteams: &Integration, to: &Subscriber, tenant: Option<&str>) -> Endpoint {
    let mut address = json!({ "userId": format!("29:{}", to.subscriber_id) });
    if let Some(tenant) = tenant {
        address["tenantId"] = tenant.into();
    }
    world
        .endpoint(to, msteams, None, "ms_teams_user", &to.subscriber_id, &address)
        .await
}

fn no_canary(story: &Story) {
    for trace in &story.traces {
        assert!(!format!("{trace:?}").contains("canary"), "{trace:?}");
    }
    assert!(!format!("{:?}", story.messages).contains("canary"));
}

async fn stored(world: &World<'_>, endpoint: &Endpoint) -> Endpoint {
    let found = world.test.store.endpoint(&world.test.ctx, &endpoint.identifier).await;
    found.unwrap().unwrap()
}

async fn telegram(world: &World<'_>, to: &Subscriber) -> Endpoint {
    let integration = world
        .integration("telegram", &json!({ "apiToken": "123456:canary-AAF" }))
        .await;
    world
        .endpoint(
            to,
            &integration,
            None,
            "telegram_chat",
            "chat",
            &json!({ "chatId": "-100123" }),
        )
        .await
}

both! {
    async fn a_teams_channel_gets_the_message_in_its_customers_tenant(test) {
        let world = World::start(&test).await;
        play_teams(&world.fake);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_as(&msteams, None, "acme", "app-only").await;
        teams_channel(&world, &msteams, &ann, Some(on(&connection))).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert_eq!((story.message(), story.job(1)), (MessageStatus::Sent, JobStatus::Completed));
        assert_eq!(story.facts("message_sent")["id"], "1700");
        let login = &world.fake.received_with("/oauth2/")[0];
        assert_eq!(login.path, "/home-tenant/oauth2/v2.0/token");
        assert!(login.body.contains("scope=https%3A%2F%2Fapi.botframework.com%2F.default"));
        let post = &world.fake.received_with("/activities")[0];
        assert_eq!(post.path, "/teams/v3/conversations/19%3Ageneral%40thread.tacv2/activities");
        assert_eq!(post.header("authorization"), Some("Bearer canary-bot"));
        assert_eq!(post.json(), json!({
            "type": "message", "text": "hello",
            "channelData": { "tenant": { "id": "T-acme" }, "team": { "id": "team-1" }, "channel": { "id": "19:general@thread.tacv2" } },
        }));
        no_canary(&story);
    }

    async fn a_teams_person_is_reached_without_a_connection_when_the_endpoint_names_the_tenant(test) {
        let world = World::start(&test).await;
        play_teams(&world.fake);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        teams_user(&world, &msteams, &ann, Some("acme-tenant")).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        assert_eq!(story.facts("message_sent")["details"]["conversationId"], "a:conversation");
        let paths: Vec<_> = world.fake.received_with("/v3/").into_iter().map(|one| one.path).collect();
        assert_eq!(paths, ["/teams/v3/conversations", "/teams/v3/conversations/a%3Aconversation/activities"]);
        let opening = world.fake.received_with("29:ann")[0].json();
        assert_eq!(opening["channelData"]["tenant"]["id"], "acme-tenant");
        assert_eq!(opening["bot"]["id"], "app-1");
    }

    async fn the_service_url_that_a_tenant_told_is_called(test) {
        let world = World::still(&test, Mode::Regional).await;
        world.process.worker.start();
        world.fake.answer("/oauth2/", [token("canary-bot")]);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_as(&msteams, None, "acme", "app-only").await;
        teams_channel(&world, &msteams, &ann, Some(on(&connection))).await;
        let mut batch = Batch::new();
        // Guarded like a customer's address: nobody answers under this name, and nothing but it is asked for.
        let told = test.store.learn_teams_service_url(&mut batch, &test.ctx, "app-1", "T-acme", "https://amer.invalid/amer/");
        told.await.unwrap();
        test.store.commit(batch).await.unwrap();
        world.send("ann", "hello").await;
        let story = world.until(&ann, "it waits", |story| story.is(&[DeliveryState::Waiting])).await;
        assert_eq!(story.facts("delivery_retry_scheduled")["code"], "not_sent");
        assert_eq!(world.fake.count("/v3/"), 0);
    }

    async fn what_teams_lacks_fails_that_endpoint_only(test) {
        let world = World::start(&test).await;
        play_teams(&world.fake);
        let msteams = world.integration("msteams", &json!({ "clientId": "app-1" })).await;
        let (ann, bob) = (world.subscriber("ann").await, world.subscriber("bob").await);
        let homeless = teams_user(&world, &msteams, &ann, None).await;
        teams_user(&world, &msteams, &bob, Some("acme-tenant")).await;
        let sent = world.channel(&ann, "C-ANN").await;
        world.send("ann", "hello").await;
        world.send("bob", "hello").await;
        let story = world.ended(&ann).await;
        assert_eq!((story.state_of(&homeless), story.state_of(&sent)), (DeliveryState::Rejected, DeliveryState::Delivered));
        assert_eq!(
            story.facts("provider_error")["message"],
            "MS Teams endpoint endpoint-ann requires a connection or endpoint tenant ID"
        );
        let story = world.ended(&bob).await;
        assert_eq!(story.facts("provider_error")["message"], "Integration msteams missing required MS Teams credentials");
        assert_eq!(world.fake.count("/oauth2/"), 0);
    }

    async fn while_microsofts_login_is_down_the_delivery_waits(test) {
        let world = World::start(&test).await;
        play_teams(&world.fake);
        world.fake.answer("/oauth2/", [Answer::new(503, "")]);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        teams_user(&world, &msteams, &ann, Some("acme-tenant")).await;
        world.send("ann", "hello").await;
        let story = world.until(&ann, "it waits", |story| story.is(&[DeliveryState::Waiting])).await;
        assert_eq!((story.deliveries[0].attempts, world.fake.count("/v3/")), (1, 0));
        // Rules apply in the order in which they were made: the login's goes last now, and no other one fits it.
        world.fake.answer("/oauth2/", [token("canary-bot")]);
        let due = world.waiting_task().await.run_at;
        world.advance_to(due);
        assert!(world.ended(&ann).await.is(&[DeliveryState::Delivered]));
    }

    async fn a_refused_secret_is_the_integrations_fault(test) {
        let world = World::start(&test).await;
        world.fake.answer("/oauth2/", [Answer::new(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#)]);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        let endpoint = teams_user(&world, &msteams, &ann, Some("acme-tenant")).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Rejected]));
        assert_eq!(story.facts("provider_error")["level"], "integration");
        assert_eq!(stored(&world, &endpoint).await.status, HealthStatus::Active);
        no_canary(&story);
    }

    async fn a_bot_token_that_was_taken_back_is_replaced_within_the_attempt(test) {
        let world = World::start(&test).await;
        world.fake.answer("/oauth2/", [token("canary-old"), token("canary-new")]);
        world.fake.answer("/activities", [Answer::new(401, ""), Answer::new(201, r#"{"id":"1700"}"#)]);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_as(&msteams, None, "acme", "app-only").await;
        teams_channel(&world, &msteams, &ann, Some(on(&connection))).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        assert_eq!(story.deliveries[0].attempts, 1);
        let came = world.fake.received_with("/activities");
        let used: Vec<_> = came.iter().map(|one| one.header("authorization").unwrap()).collect();
        assert_eq!(used, ["Bearer canary-old", "Bearer canary-new"]);
    }

    async fn a_bot_that_is_not_installed_breaks_the_endpoint_and_not_the_connection(test) {
        let world = World::start(&test).await;
        play_teams(&world.fake);
        world.fake.answer("/activities", [Answer::new(403, r#"{"error":{"code":"BotNotInConversationRoster"}}"#)]);
        // The rule for openings comes first now and would fit the posts too.
        world.fake.answer("/v3/conversations", []);
        let msteams = world.integration("msteams", &teams_credentials()).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_as(&msteams, None, "acme", "app-only").await;
        let endpoint = teams_channel(&world, &msteams, &ann, Some(on(&connection))).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert_eq!(
            story.facts("provider_error")["message"],
            "MSTEAMS_BOT_NOT_INSTALLED: Bot is not installed in this team/channel or for this user"
        );
        assert_eq!(stored(&world, &endpoint).await.status, HealthStatus::Broken);
        let connection = world.test.store.connection(&world.test.ctx, "acme").await.unwrap().unwrap();
        assert_eq!(connection.grant.status, HealthStatus::Active);
    }

    async fn webex_posts_with_the_connections_token_and_holds_when_it_is_refused(test) {
        let world = World::start(&test).await;
        world.fake.answer("/v1/messages", [Answer::new(401, r#"{"message":"no"}"#), Answer::new(200, r#"{"id":"m1","roomId":"r"}"#)]);
        let webex = world.integration("webex-messaging", &json!({ "clientId": "c", "secretKey": "canary-secret" })).await;
        let ann = world.subscriber("ann").await;
        let connection = world.connect_as(&webex, None, "acme", "canary-old").await;
        world.endpoint(&ann, &webex, Some(on(&connection)), "webex_room", "room", &json!({ "roomId": "room-1" })).await;
        world.send("ann", "**hello**").await;
        world.until(&ann, "it is held", |story| story.is(&[DeliveryState::Held])).await;
        world.reconnect("acme", "canary-new").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        let came = world.fake.received_with("/v1/messages");
        let used: Vec<_> = came.iter().map(|one| one.header("authorization").unwrap()).collect();
        assert_eq!(used, ["Bearer canary-old", "Bearer canary-new"]);
        assert_eq!(came[1].json(), json!({ "roomId": "room-1", "markdown": "**hello**" }));
        no_canary(&story);
    }

    async fn a_telegram_group_that_became_a_supergroup_is_followed(test) {
        let world = World::start(&test).await;
        let upgraded = json!({
            "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": { "migrate_to_chat_id": -1_009_876 },
        });
        let sent = json!({ "ok": true, "result": { "message_id": 5, "chat": { "id": -1_009_876 } } });
        world.fake.answer("-100123", [Answer::new(400, upgraded.to_string())]);
        world.fake.answer("-1009876", [Answer::new(200, sent.to_string())]);
        let ann = world.subscriber("ann").await;
        let endpoint = telegram(&world, &ann).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered]));
        no_canary(&story);
        let endpoint = stored(&world, &endpoint).await;
        assert_eq!(endpoint.status, HealthStatus::Active);
        assert_eq!(test.store.open_address(&endpoint).unwrap(), json!({ "chatId": "-1009876" }));
        world.send("ann", "again").await;
        world.no_task_is_left().await;
        assert_eq!((world.fake.count("-100123"), world.fake.count("-1009876")), (1, 2));
    }

    async fn telegrams_token_is_in_no_trace_when_the_chat_is_blocked(test) {
        let world = World::start(&test).await;
        let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot123456:canary-AAF was blocked by the user"}"#;
        world.fake.answer("sendMessage", [Answer::new(403, blocked)]);
        let ann = world.subscriber("ann").await;
        let endpoint = telegram(&world, &ann).await;
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Rejected]));
        assert_eq!(stored(&world, &endpoint).await.status, HealthStatus::Broken);
        no_canary(&story);
    }

    async fn line_knows_all_attempts_of_a_delivery_by_one_key(test) {
        let world = World::start(&test).await;
        world.fake.answer("/v2/bot/message/push", [
            Answer::new(500, ""),
            Answer::new(409, r#"{"message":"accepted before","sentMessages":[{"id":"46"}]}"#).with("x-line-accepted-request-id", "r1"),
        ]);
        let line = world.integration("line", &json!({ "apiToken": "canary-line" })).await;
        let ann = world.subscriber("ann").await;
        world.endpoint(&ann, &line, None, "line_user", "user", &json!({ "userId": "U1" })).await;
        world.send("ann", "hello").await;
        world.until(&ann, "it waits", |story| story.is(&[DeliveryState::Waiting])).await;
        let due: Time = world.waiting_task().await.run_at;
        world.advance_to(due);
        assert!(world.ended(&ann).await.is(&[DeliveryState::Delivered]));
        let came = world.fake.received_with("/push");
        assert_eq!(came.len(), 2);
        assert_eq!(came[0].header("x-line-retry-key"), came[1].header("x-line-retry-key"));
    }

    async fn a_phone_number_is_a_channel_of_each_phone_provider_that_is_set_up(test) {
        let world = World::start(&test).await;
        world.fake.answer("/v22.0/", [Answer::new(200, r#"{"messages":[{"id":"wamid.1","message_status":"accepted"}]}"#)]);
        world.fake.answer("/api/send-message", [Answer::new(202, r#"{"status":"QUEUED","message_handle":"h1"}"#)]);
        let whatsapp = world.integration("whatsapp-business", &json!({ "apiToken": "canary-meta", "phoneNumberIdentification": "106" })).await;
        let sendblue = json!({ "apiKey": "canary-key", "secretKey": "canary-secret", "from": "+1646" });
        world.integration("sendblue", &sendblue).await;
        let phone = json!({ "phone": "+16505551234" });
        let (ann, bob) = (world.subscriber_with("ann", &phone).await, world.subscriber_with("bob", &phone).await);
        world.send("ann", "hello").await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Accepted, DeliveryState::Accepted]), "{:?}", story.states());
        assert_eq!(world.fake.received_with("/v22.0/")[0].json()["to"], "+16505551234");
        assert_eq!(world.fake.received_with("/api/send-message")[0].json()["number"], "+16505551234");
        no_canary(&story);
        // Who has an endpoint of the provider is not sent the same twice.
        world.endpoint(&bob, &whatsapp, None, "phone", "bob", &json!({ "phoneNumber": "+49" })).await;
        world.send("bob", "hello").await;
        let story = world.ended(&bob).await;
        assert_eq!(story.deliveries.len(), 2);
        assert_eq!((world.fake.count("/v22.0/"), world.fake.count("/api/send-message")), (2, 2));
        assert_eq!(world.fake.received_with("/v22.0/")[1].json()["to"], "+49");
    }
}
