//! What the steps of e-mail, SMS, push and in-app make.

use campanile_model::StepType;
use campanile_model::channel::{DeliveryState, JobReason, JobStatus, MessageStatus};
use campanile_store::Batch;
use campanile_store::layouts::Layout;
use campanile_store::outbox::Kept;
use campanile_testkit::{TestStore, both};
use serde_json::{Map, Value, json};

use crate::world::{Mode, World};

async fn dev(test: &TestStore) -> World<'_> {
    let world = World::still(test, Mode::Outbox).await;
    world.process.worker.start();
    world
}

async fn kept(test: &TestStore) -> Vec<Kept> {
    test.store.outbox(vec![test.ctx.environment], 10).await.unwrap()
}

async fn layout(test: &TestStore, name: &str, is_default: bool) {
    let now = test.store.now();
    let body = format!("<html><body><h1>{name}</h1>{{{{ content }}}}</body></html>");
    let controls = json!({ "email": { "body": body, "editorType": "html" } });
    let layout = Layout {
        id: test.store.new_id(),
        layout_id: name.to_owned(),
        name: name.to_owned(),
        is_default,
        translated: false,
        controls: controls.as_object().cloned().unwrap_or_default(),
        created_at: now,
        updated_at: now,
    };
    let mut batch = Batch::new();
    test.store.insert_layout(&mut batch, &test.ctx, &layout);
    test.store.commit(batch).await.unwrap();
}

async fn device(test: &TestStore, world: &World<'_>, name: &str, tokens: &[&str]) {
    let provider = world.integration("fcm", &json!({})).await;
    let mut subscriber = test
        .store
        .subscribers_named(&test.ctx, vec![name.to_owned()])
        .await
        .unwrap()
        .remove(0);
    let credentials = Map::from_iter([("deviceTokens".to_owned(), json!(tokens))]);
    let mut batch = Batch::new();
    test.store
        .put_channel(&mut batch, &test.ctx, &mut subscriber, &provider, None, &credentials)
        .unwrap();
    test.store.commit(batch).await.unwrap();
}

fn mail(body: &str) -> (StepType, Value) {
    (
        StepType::Email,
        json!({ "subject": "Hi {{ subscriber.firstName }}", "body": body, "editorType": "html" }),
    )
}

both! {
    async fn an_email_goes_through_the_primary_integration_into_the_default_layout(test) {
        let world = dev(&test).await;
        world.integration("sendgrid", &json!({ "from": "us@example.com" })).await;
        layout(&test, "frame", true).await;
        layout(&test, "other", false).await;
        let ann = world.subscriber_with("ann", &json!({ "email": "ann@example.com", "firstName": "Ann" })).await;
        world.workflow_with("mail", &[mail("<p onclick=x()>{{ payload.text }}</p>")]).await;
        world.trigger_overriding("mail", json!("ann"), json!({ "text": "hello" }), json!({})).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Completed, MessageStatus::Sent));
        let message = &story.messages[0];
        assert_eq!(message.head.subject.as_deref(), Some("Hi Ann"));
        assert_eq!(message.head.email.as_deref(), Some("ann@example.com"));
        assert_eq!(message.content, "<html><body><h1>frame</h1><p>hello</p></body></html>");
        assert_eq!(story.facts("layout_selected")["layoutId"], "frame");
        let kept = kept(&test).await;
        assert_eq!((kept[0].channel.as_str(), kept[0].provider_id.as_str()), ("email", "sendgrid"));
        assert_eq!(kept[0].recipient["endpoint"]["to"], json!(["ann@example.com"]));
        assert_eq!(kept[0].recipient["endpoint"]["from"], "us@example.com");
        assert_eq!(kept[0].request["body"]["text"], "frame\n\nhello");
    }

    async fn a_trigger_may_bring_a_finished_body_and_its_text(test) {
        let world = dev(&test).await;
        world.integration("sendgrid", &json!({})).await;
        world.workflow_with("mail", &[mail("x")]).await;
        let mut texts = Vec::new();
        for (name, email) in [
            ("html", json!({ "html": "<p>a <b>finished</b> body {{ payload.x }}</p>" })),
            ("both", json!({ "html": "<p>a</p>", "text": "its text" })),
            ("large", json!({ "html": "<p>x</p>".repeat(300_000) })),
        ] {
            let one = world.subscriber_with(name, &json!({ "email": "a@example.com" })).await;
            world.trigger_overriding("mail", json!(name), json!({}), json!({ "email": email })).await;
            let story = world.ended(&one).await;
            if name == "large" {
                assert_eq!(story.job(1), JobStatus::Failed);
                assert!(story.facts("message_content_not_generated")["message"].as_str().unwrap().contains("bytes"));
                continue;
            }
            texts.push(kept(&test).await[0].request["body"]["text"].clone());
        }
        assert_eq!(texts, ["a finished body {{ payload.x }}", "its text"]);
    }

    async fn a_trigger_changes_recipients_layout_and_subject_of_a_mail(test) {
        let world = dev(&test).await;
        world.integration("sendgrid", &json!({})).await;
        layout(&test, "frame", true).await;
        layout(&test, "other", false).await;
        let ann = world.subscriber("ann").await;
        world.workflow_with("mail", &[mail("<p>x</p>"), mail("<p>y</p>")]).await;
        let overrides = json!({
            "steps": { "step-0": { "layoutId": "other" }, "step-1": { "layoutId": null } },
            "email": { "replaceToRecipient": true, "to": ["bob@example.com"], "bcc": ["c@example.com"], "subject": "S" },
        });
        world.trigger_overriding("mail", json!("ann"), json!({}), overrides).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Completed, JobStatus::Completed));
        assert!(story.messages[0].content.contains("<h1>other</h1>"));
        assert_eq!(story.messages[1].content, "<p>y</p>");
        let kept = kept(&test).await;
        assert_eq!(kept[0].recipient["endpoint"]["to"], json!(["bob@example.com"]));
        assert_eq!(kept[0].recipient["endpoint"]["bcc"], json!(["c@example.com"]));
        assert_eq!(kept[0].request["body"]["subject"], "S");
    }

    async fn a_mail_without_address_integration_layout_or_content_says_why(test) {
        let world = dev(&test).await;
        let ann = world.subscriber("ann").await;
        world.workflow_with("mail", &[mail("x")]).await;
        world.trigger("mail", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.messages.len()), (JobStatus::Failed, 0));
        assert_eq!(story.told("subscriber_integration_missing"), 1);

        world.integration("sendgrid", &json!({})).await;
        let bob = world.subscriber("bob").await;
        world.trigger("mail", json!("bob")).await;
        let story = world.ended(&bob).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Canceled, MessageStatus::Warning));
        assert_eq!(story.jobs[1].reason, Some(JobReason::MissingEmail));
        assert_eq!(story.messages[0].error_id.as_deref(), Some("mail_unexpected_error"));
        assert_eq!(story.told("subscriber_missing_email_address"), 1);

        let cyd = world.subscriber_with("cyd", &json!({ "email": "cyd@example.com" })).await;
        world.trigger_overriding("mail", json!("cyd"), json!({}), json!({ "layoutIdentifier": "nowhere" })).await;
        let story = world.ended(&cyd).await;
        assert_eq!((story.job(1), story.told("layout_not_found")), (JobStatus::Failed, 1));

        let dan = world.subscriber_with("dan", &json!({ "email": "dan@example.com" })).await;
        let endless = "{% for a in (1..9999) %}{% for b in (1..9999) %}x{% endfor %}{% endfor %}";
        world.workflow_with("endless", &[mail(endless), mail("y")]).await;
        world.trigger("endless", json!("dan")).await;
        let story = world.ended(&dan).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Failed, JobStatus::Completed));
        let why = story.facts("message_content_not_generated")["message"].to_string();
        assert!(why.contains("limit exceeded"), "{why}");
    }

    async fn an_sms_goes_to_the_number_of_payload_or_profile(test) {
        let world = dev(&test).await;
        world.integration("twilio", &json!({})).await;
        world.workflow("sms", &[(StepType::Sms, "code {{ payload.code }}")]).await;
        let ann = world.subscriber_with("ann", &json!({ "phone": "+1" })).await;
        world.trigger_overriding("sms", json!("ann"), json!({ "code": 7 }), json!({ "sms": { "from": "+9" } })).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.messages[0].content.as_str()), (JobStatus::Completed, "code 7"));
        assert_eq!(story.messages[0].head.phone.as_deref(), Some("+1"));
        assert_eq!(kept(&test).await[0].recipient["endpoint"], json!({ "to": "+1", "from": "+9" }));
        let bob = world.subscriber("bob").await;
        world.trigger_overriding("sms", json!("bob"), json!({ "phone": "+2" }), json!({})).await;
        assert_eq!(world.ended(&bob).await.messages[0].head.phone.as_deref(), Some("+2"));
        // An override of the number alone does not stand in for one.
        let cyd = world.subscriber("cyd").await;
        world.trigger_overriding("sms", json!("cyd"), json!({}), json!({ "sms": { "to": "+3" } })).await;
        let story = world.ended(&cyd).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Canceled, MessageStatus::Warning));
        assert_eq!(story.jobs[1].reason, Some(JobReason::MissingPhone));
        assert_eq!(story.messages[0].error_id.as_deref(), Some("no_subscriber_phone"));
    }

    async fn a_push_goes_to_each_device_and_tokens_stay_masked(test) {
        let world = dev(&test).await;
        let ann = world.subscriber("ann").await;
        device(&test, &world, "ann", &["token-of-the-phone", "token-of-the-tablet", "token-of-the-phone"]).await;
        world.workflow_with("push", &[(StepType::Push, json!({ "subject": "T", "body": "B" }))]).await;
        world.trigger("push", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert!(story.is(&[DeliveryState::Delivered, DeliveryState::Delivered]));
        let message = &story.messages[0];
        assert_eq!((message.head.subject.as_deref(), message.content.as_str()), (Some("T"), "B"));
        assert_eq!(message.head.device_tokens, ["…hone", "…blet"]);
        assert!(!message.channel_data.to_string().contains("token-of"));
        let bob = world.subscriber("bob").await;
        world.trigger("push", json!("bob")).await;
        let story = world.ended(&bob).await;
        assert_eq!((story.job(1), story.messages.len()), (JobStatus::Canceled, 0));
        assert_eq!(story.jobs[1].reason, Some(JobReason::MissingPushToken));
    }

    async fn an_in_app_message_is_there_at_once_and_later_steps_see_it(test) {
        let world = dev(&test).await;
        world.integration("novu", &json!({})).await;
        world.integration("twilio", &json!({})).await;
        let ann = world.subscriber_with("ann", &json!({ "phone": "+1" })).await;
        let controls = json!({
            "subject": "S", "body": "B {{ payload.x }}", "redirect": { "url": "/x" },
            "primaryAction": { "label": "Go", "redirect": { "url": "https://x.y" } },
        });
        let sms = json!({ "body": "read: {{ steps.step-0.read }}" });
        world.workflow_with("both", &[(StepType::InApp, controls), (StepType::Sms, sms)]).await;
        world.trigger_overriding("both", json!("ann"), json!({ "x": 1 }), json!({ "severity": "high" })).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.job(2)), (JobStatus::Completed, JobStatus::Completed));
        let message = &story.messages[0];
        assert_eq!((message.status, message.content.as_str()), (MessageStatus::Sent, "B 1"));
        assert_eq!(message.head.cta.as_ref().unwrap()["data"], json!({ "url": "/x", "target": "_self" }));
        assert_eq!(message.head.severity.wire(), "high");
        assert_eq!(message.attention.delivered_at, [message.created_at]);
        assert!(!message.attention.read && !message.attention.seen);
        assert_eq!(story.messages[1].content, "read: false");
    }

    async fn a_provider_without_code_is_a_clear_refusal(test) {
        let world = World::start(&test).await;
        world.integration("sendgrid", &json!({})).await;
        let ann = world.subscriber_with("ann", &json!({ "email": "ann@example.com" })).await;
        world.workflow_with("mail", &[mail("x")]).await;
        world.trigger("mail", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.message()), (JobStatus::Failed, MessageStatus::Error));
        let text = story.messages[0].error_text.as_deref();
        assert_eq!(text, Some("This server cannot send through sendgrid yet"));
        assert_eq!(story.messages[0].error_id.as_deref(), Some("mail_unexpected_error"));
    }

    async fn files_of_a_trigger_go_along_with_its_mails_and_are_nowhere_else(test) {
        let world = dev(&test).await;
        world.integration("sendgrid", &json!({})).await;
        let ann = world.subscriber_with("ann", &json!({ "email": "ann@example.com" })).await;
        world.workflow_with("mail", &[mail("<p>{{ payload.attachments[0].name }}</p>")]).await;
        let payload = json!({ "attachments": [
            { "name": "a.txt", "mime": "text/plain", "file": "aGVsbG8=" },
            { "name": "b.txt", "file": "d29ybGQ=", "channels": ["sms"] },
        ] });
        let overrides = json!({ "email": { "attachments": [{ "name": "c.txt", "file": "IQ==" }] } });
        world.trigger_overriding("mail", json!("ann"), payload, overrides).await;
        let story = world.ended(&ann).await;
        assert_eq!(story.messages[0].content, "<p>a.txt</p>");
        let kept = kept(&test).await;
        assert_eq!(
            kept[0].request["body"]["attachments"],
            json!([
                { "name": "a.txt", "mime": "text/plain", "size": 5, "file": "aGVsbG8=" },
                { "name": "c.txt", "size": 1, "file": "IQ==" },
            ])
        );
        let event = test.store.events(&test.ctx, vec![story.notification.event_id]).await.unwrap().remove(0);
        assert!(!event.payload.contains("aGVsbG8") && !event.overrides.contains("IQ=="));
        assert!(!format!("{:?}", story.traces).contains("aGVsbG8"));
    }

    async fn conditions_of_integrations_choose_among_them_and_are_told(test) {
        let world = dev(&test).await;
        let condition = |value: &str| json!([{
            "isNegated": false, "type": "GROUP", "value": "AND",
            "children": [{ "on": "subscriber", "field": "data.plan", "operator": "EQUAL", "value": value }],
        }]);
        world.integration("sendgrid", &json!({})).await;
        world.integration_if("mailgun", &condition("pro")).await;
        world.workflow_with("mail", &[mail("x")]).await;
        let mut chosen = Vec::new();
        for plan in ["pro", "free"] {
            let one = world.subscriber_with(plan, &json!({ "email": "a@example.com", "data": { "plan": plan } })).await;
            world.trigger("mail", json!(plan)).await;
            let story = world.ended(&one).await;
            chosen.push((story.messages[0].provider_id.clone(), story.told("integration_conditions_matched")));
            if plan == "pro" {
                assert_eq!(story.facts("integration_conditions_matched")["variables"], json!({ "subscriber.data.plan": "pro" }));
            } else {
                let told = &story.facts("integration_conditions_not_met")["notUsed"][0];
                assert_eq!((&told["integrationIdentifier"], &told["variables"]), (&json!("mailgun"), &json!({ "subscriber.data.plan": "free" })));
            }
        }
        assert_eq!(chosen, [("mailgun".to_owned(), 1), ("sendgrid".to_owned(), 0)]);
        // A trigger that names an integration does not ask for its conditions.
        let named = world.subscriber_with("named", &json!({ "email": "a@example.com" })).await;
        world.trigger_overriding("mail", json!("named"), json!({}), json!({ "email": { "integrationIdentifier": "mailgun" } })).await;
        assert_eq!(world.ended(&named).await.messages[0].provider_id, "mailgun");
    }

    async fn without_a_primary_integration_the_conditions_that_are_not_met_are_why_nothing_is_sent(test) {
        let world = dev(&test).await;
        let condition = json!([{ "isNegated": false, "type": "GROUP", "value": "AND",
            "children": [{ "on": "payload", "field": "a", "operator": "EQUAL", "value": "1" }] }]);
        world.integration_if("mailgun", &condition).await;
        let ann = world.subscriber_with("ann", &json!({ "email": "a@example.com" })).await;
        world.workflow_with("mail", &[mail("x")]).await;
        world.trigger("mail", json!("ann")).await;
        let story = world.ended(&ann).await;
        assert_eq!((story.job(1), story.messages.len()), (JobStatus::Failed, 0));
        let facts = story.facts("subscriber_integration_missing");
        assert_eq!(facts["notUsed"][0]["variables"], json!({ "payload.a": null }));
        assert!(facts["reason"].as_str().unwrap().contains("conditions of the others are not met"));
    }

    async fn steps_after_an_in_app_message_see_whether_it_was_seen(test) {
        let world = dev(&test).await;
        let steps = [
            (StepType::InApp, json!({ "body": "look" })),
            (StepType::Delay, json!({ "type": "regular", "amount": 1, "unit": "hours" })),
            (StepType::InApp, json!({ "body": "{{ steps.step-0.seen }} {{ steps.step-0.read }} {{ actor.firstName }}" })),
        ];
        world.integration("novu", &json!({})).await;
        world.workflow_with("look", &steps).await;
        let ann = world.subscriber("ann").await;
        world.subscriber_with("bob", &json!({ "firstName": "Bob" })).await;
        world.trigger_by("look", json!("ann"), json!("bob")).await;
        let story = world.until(&ann, "the delay begins", |story| story.job(2) == JobStatus::Delayed).await;
        test.store.look_at_message(&test.ctx, story.messages[0].id).await.unwrap();
        test.clock.advance(std::time::Duration::from_hours(1));
        let story = world.ended(&ann).await;
        assert_eq!(story.messages[1].content, "true false Bob");
    }
}
