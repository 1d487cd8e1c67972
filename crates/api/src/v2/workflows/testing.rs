//! Workflows for the tests of this folder.

use std::sync::atomic::{AtomicU8, Ordering};

use campanile_model::channel::{Origin, Severity, WorkflowStatus};
use campanile_model::{Id, StepType, Time};
use campanile_store::workflows::{Preferences, Step, Workflow};
use serde_json::{Map, Value};

use super::body::PreferenceSet;

/// A step with an id of its own.
pub(super) fn step(step_id: &str, kind: StepType, values: &Value) -> Step {
    static NEXT: AtomicU8 = AtomicU8::new(100);
    Step {
        id: Id::from_bytes([NEXT.fetch_add(1, Ordering::Relaxed); 12]),
        step_id: step_id.to_owned(),
        name: step_id.to_owned(),
        kind,
        control_values: values.as_object().cloned().unwrap_or_default(),
        issues: Map::new(),
    }
}

/// An active workflow of these steps.
pub(super) fn workflow(steps: Vec<Step>) -> Workflow {
    Workflow {
        id: Id::from_bytes([1; 12]),
        workflow_id: "test".to_owned(),
        name: "Test".to_owned(),
        description: None,
        tags: Vec::new(),
        active: true,
        status: WorkflowStatus::Active,
        validate_payload: true,
        payload_schema: None,
        translated: false,
        severity: Severity::None,
        origin: Origin::NovuCloud,
        preferences: Preferences {
            user: None,
            default: PreferenceSet::everything().0,
        },
        steps,
        last_triggered_at: None,
        published_at: None,
        created_at: Time::default(),
        updated_at: Time::default(),
    }
}
