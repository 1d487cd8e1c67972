//! Dev mode's example: everything that a first trigger needs, in one commit.

use campanile_model::channel::{Origin, Severity, WorkflowStatus};
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Result, StepType};
use campanile_store::connections::{NewConnection, Workspace};
use campanile_store::endpoints::NewEndpoint;
use campanile_store::grants::Tokens;
use campanile_store::integrations::{Kind, NewIntegration};
use campanile_store::workflows::{Preferences, Step, Workflow};
use campanile_store::{Batch, Store};
use serde_json::{Map, Value, json};

use crate::App;

/// Stores the workflow `welcome`, the subscriber `demo`, and a Slack channel to reach them in.
pub async fn seed_example(app: &App, ctx: &Ctx) -> Result<()> {
    let store = app.store();
    let mut batch = Batch::new();
    let profile = object(json!({ "firstName": "Demo", "email": "demo@example.com", "data": {} }));
    let subscriber = store.new_subscriber("demo", profile);
    store.insert_subscriber(&mut batch, ctx, &subscriber);
    let known = store.integrations_to_change(ctx).await?;
    let slack = NewIntegration {
        identifier: Some("slack".to_owned()),
        name: "Slack".to_owned(),
        provider_id: "slack".to_owned(),
        channel: Some(Channel::Chat),
        kind: Kind::Delivery,
        credentials: Map::new(),
        configurations: Map::new(),
        conditions: Vec::new(),
        active: true,
        send_real: false,
    };
    let integration = store.create_integration(&mut batch, ctx, &known, slack)?;
    let connection = NewConnection {
        identifier: "demo-workspace".to_owned(),
        integration: &integration,
        owner: Some(&subscriber),
        contexts: ContextSet::default(),
        workspace: Workspace {
            id: "T0DEMO".to_owned(),
            name: Some("Demo workspace".to_owned()),
        },
    };
    let tokens = Tokens {
        access_token: "demo-token-that-opens-nothing".to_owned(),
        refresh_token: None,
        expires_at: None,
        refresh_token_expires_at: None,
    };
    let connection = store.create_connection(&mut batch, ctx, connection, &tokens).await?;
    let endpoint = NewEndpoint {
        identifier: "demo-channel".to_owned(),
        integration: &integration,
        connection: Some((connection.id, connection.identifier.clone())),
        subscriber: &subscriber,
        subscriber_is_new: true,
        contexts: ContextSet::default(),
        kind: "slack_channel",
        address: &json!({ "channelId": "C000000001" }),
        unique: None,
    };
    store.create_endpoint(&mut batch, ctx, endpoint)?;
    store.insert_workflow(&mut batch, ctx, &welcome(store));
    store.commit(batch).await?;
    Ok(())
}

fn welcome(store: &Store) -> Workflow {
    let now = store.now();
    let body =
        "Hello {{ subscriber.firstName | default: 'there' }}, welcome to {{ payload.product | default: 'Campanile' }}!";
    let channels: Map<String, Value> = ["in_app", "email", "sms", "chat", "push"]
        .into_iter()
        .map(|channel| (channel.to_owned(), json!({ "enabled": true })))
        .collect();
    Workflow {
        id: store.new_id(),
        workflow_id: "welcome".to_owned(),
        name: "Welcome".to_owned(),
        description: Some("The example of dev mode".to_owned()),
        tags: vec!["example".to_owned()],
        active: true,
        status: WorkflowStatus::Active,
        validate_payload: false,
        payload_schema: None,
        translated: false,
        severity: Severity::None,
        origin: Origin::NovuCloud,
        preferences: Preferences {
            user: None,
            default: json!({ "all": { "enabled": true, "readOnly": false }, "channels": channels }),
        },
        steps: vec![Step {
            id: store.new_id(),
            step_id: "chat".to_owned(),
            name: "Chat".to_owned(),
            kind: StepType::Chat,
            control_values: object(json!({ "body": body })),
            issues: Map::new(),
        }],
        last_triggered_at: None,
        published_at: None,
        created_at: now,
        updated_at: now,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
