//! The OpenAPI document, made from the table of routes and the shapes that the handlers use.

use std::future::{Ready, ready};

use campanile_model::Result;
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Auth, Route};
use crate::shape::Schemas;

pub(crate) const ROUTES: &[&Route] = &[&DOCUMENT];

const DOCUMENT: Route = route!(get "/openapi.json", "", "This document", run, .public());

fn run(_: Call) -> Ready<Result<Reply>> {
    ready(Reply::raw(200, &document()))
}

/// The document of all routes that are part of the API.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for route in crate::table::routes() {
        if route.auth == Auth::Dev || route.operation.is_empty() {
            continue;
        }
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Campanile",
            "description": "A notification server that speaks Novu's API.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT" },
        },
        "security": [{ "secretKey": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "secretKey": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "`ApiKey <secret key>`",
                },
                "inboxSession": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The token of `POST /v1/inbox/session`",
                },
            },
            "schemas": schemas.into_components(),
        },
    })
}

fn enveloped(schema: &Value) -> Value {
    json!({ "type": "object", "properties": { "data": schema }, "required": ["data"] })
}

#[expect(clippy::needless_pass_by_value, reason = "a schema is built to be put in here")]
fn content(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if let Some(query) = route.query {
        parameters.extend(query_parameters(&query(schemas), schemas));
    }
    if matches!(route.method.as_str(), "POST" | "PATCH") && route.auth == Auth::ApiKey {
        parameters.push(json!({
            "name": "idempotency-key", "in": "header", "required": false, "schema": { "type": "string", "maxLength": 255 },
        }));
    }
    let mut success = json!({ "description": "Success" });
    if let Some(answer) = route.answer {
        let schema = answer(schemas);
        success["content"] = content(if route.enveloped { enveloped(&schema) } else { schema });
    }
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters,
        "responses": { route.status.to_string(): success },
        "x-campanile-body-limit": route.body_limit,
        "x-campanile-rate-category": route.category.wire(),
    });
    if let Some(answer) = route.dry_run {
        let content = content(enveloped(&answer(schemas)));
        operation["responses"]["200"] = json!({ "description": "What would happen (`dryRun`)", "content": content });
    }
    if let Some(permission) = route.permission {
        operation["x-campanile-permission"] = permission.wire().into();
    }
    match route.auth {
        Auth::Public => operation["security"] = json!([]),
        Auth::Subscriber => operation["security"] = json!([{ "inboxSession": [] }]),
        Auth::ApiKey | Auth::Dev => {}
    }
    if let Some(body) = route.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { route.format.content_type(): { "schema": body(schemas) } } });
    }
    operation
}

/// The members of the query's object, one parameter each.
fn query_parameters(reference: &Value, schemas: &Schemas) -> Vec<Value> {
    let name = reference["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default();
    let Some(object) = schemas.get(name) else {
        return Vec::new();
    };
    let required: Vec<&str> = object["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = object["properties"].as_object() else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, schema)| {
            json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": schema })
        })
        .collect()
}
