//! `POST /v2/layouts/{layoutId}/preview`: the layout with example data, and a place holder where bodies go.

use campanile_email::Content;
use campanile_engine::translations::{Frame, Texts};
use campanile_liquid::RenderOptions;
use campanile_model::channel::Translated;
use campanile_model::{Error, Permission, Result};
use serde_json::{Map, Value, json};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Nullable;
use crate::{dto, route, view};

/// What stands where bodies go.
const PLACE: &str = "<p>This is where the content of the e-mail goes.</p>";

pub(crate) const ROUTE: Route = route!(
    post "/v2/layouts/{layoutId}/preview", "LayoutsController_generatePreview", "Preview a layout", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .large_body()
    .status(201)
    .takes::<PreviewLayout>()
    .answers::<LayoutPreview>()
);

dto! {
    /// What to preview.
    PreviewLayout {
        /// Other control values than the stored ones.
        optional controls: Map<String, Value> = "controlValues";
        /// Other data than the example's.
        optional payload: Map<String, Value> = "previewPayload";
    }
}

view! {
    /// A layout as it looks.
    LayoutPreview {
        result: Value = "result";
        /// The data that it was made with.
        example: Value = "previewPayloadExample";
        schema: Nullable<Value> = "schema";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let request: PreviewLayout = call.body()?;
    let mut layout = named(&call).await?;
    if let Some(controls) = request.controls {
        layout.controls = controls;
    }
    let example = example(request.payload.as_ref());
    let store = call.store();
    let texts = if layout.translated {
        let found = store.translations_of(&call.ctx, Translated::Layout, layout.id).await?;
        Some(Texts::new(found))
    } else {
        None
    };
    let refused = |problem: &dyn std::fmt::Display| {
        Error::bad_request(format!("The layout cannot be shown: {problem}")).with("path", "controlValues.email.body")
    };
    let frame = Frame::new(layout, texts);
    let (data, _) = frame.data(&example, store.now()).map_err(|problem| refused(&problem))?;
    let content = Content {
        body: PLACE,
        layout: frame.layout.body(),
        layout_data: data.as_ref(),
        sanitise: true,
    };
    let options = RenderOptions::novu(store.now().timestamp());
    let email = campanile_email::render(&content, &example, &options).map_err(|error| refused(&error))?;
    let preview = LayoutPreview {
        result: json!({ "type": "email", "preview": { "body": email.html } }),
        example,
        schema: Nullable(Some(view::variables(frame.layout.translated))),
    };
    Reply::data(201, &preview)
}

/// Example data, with the caller's in its place.
fn example(given: Option<&Map<String, Value>>) -> Value {
    let mut subscriber = json!({
        "firstName": "John",
        "lastName": "Doe",
        "email": "user@example.com",
        "phone": "+1234567890",
        "avatar": "https://example.com/avatar.png",
        "locale": "en_US",
        "timezone": "America/New_York",
        "data": {},
    });
    let given_subscriber = given
        .and_then(|given| given.get("subscriber"))
        .and_then(Value::as_object);
    if let (Some(given), Some(members)) = (given_subscriber, subscriber.as_object_mut()) {
        members.extend(given.clone());
    }
    let context = given.and_then(|given| given.get("context")).cloned();
    json!({ "subscriber": subscriber, "context": context.unwrap_or_else(|| json!({})) })
}
