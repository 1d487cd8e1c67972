//! The digest step: events that belong together become one (engine.md e.1 to e.5). The row of the window decides which
//! event is in which digest.

use campanile_liquid::{RenderOptions, Template};
use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::digests::{DigestedEvent, Window, WindowState};
use campanile_store::tasks::NewTask;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use super::timing::{self, Moment};
use super::{Next, waiting};
use crate::run::{Run, Turn};
use crate::task::{DIGEST, DigestV1, payload};

/// Runs the step: its event joins the open window, opens one, or goes on at once.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Next {
    let Some(controls) = run.controls(turn) else {
        return Next::Go;
    };
    let Some(own) = run.own.take() else {
        return Next::Go;
    };
    let view = run.view;
    let store = view.engine.store();
    let now = store.now();
    let moment = Moment {
        now,
        zone: &waiting::zone(run),
        data: &run.data,
    };
    let collecting = match timing::digest(&controls, &view.overrides["digest"], &moment) {
        Ok(collecting) => collecting,
        Err(problem) => {
            let trace = NewTrace::new(Detail::DigestInvalid, TraceStatus::Failed);
            run.tell(turn.job, trace.raw(json!({ "error": problem })));
            turn.job.status = JobStatus::Failed;
            return Next::Go;
        }
    };
    if let Some(look_back) = collecting.look_back {
        let is_first = own.runs.is_none_or(|runs| runs.ends_at <= now);
        store.begin_runs(run.batch, view.ctx, &own.group, (now, now.plus(look_back)), own.runs);
        if is_first && own.window.is_none() {
            run.tell(
                turn.job,
                NewTrace::new(Detail::DigestSkippedFirst, TraceStatus::Success),
            );
            turn.job.status = JobStatus::Skipped;
            turn.job.output = Some(output(&[]));
            return Next::Go;
        }
    }
    let place = (view.notification.id, turn.job.position);
    if let Some(window) = own.window {
        store.join_digest(run.batch, view.ctx, window.id, place, view.notification.event_id);
        turn.job.status = JobStatus::Merged;
        let trace = NewTrace::new(Detail::DigestMerged, TraceStatus::Success);
        run.tell(
            turn.job,
            trace.raw(json!({ "notificationId": window.notification_id, "untilDate": window.due_at.to_string() })),
        );
        return Next::Stop(JobStatus::Merged);
    }
    let window = Window {
        id: store.new_id(),
        group: own.group,
        notification_id: view.notification.id,
        position: turn.job.position,
        state: WindowState::Open,
        version: 0,
        due_at: collecting.due,
    };
    let asked = DigestV1 {
        window: window.id.to_string(),
        extends: waiting::extends(&controls),
    };
    open(run, turn, &window, &asked, now.millis());
    Next::Wait
}

/// Opens a window, and sets its timer, which has the window's id.
fn open(run: &mut Run<'_>, turn: &mut Turn<'_>, window: &Window, asked: &DigestV1, now: i64) {
    let view = run.view;
    let store = view.engine.store();
    store.open_digest(run.batch, view.ctx, window, view.notification.event_id);
    turn.job.status = JobStatus::Delayed;
    turn.job.due_at = Some(window.due_at);
    let trace = NewTrace::new(Detail::StepDigested, TraceStatus::Pending);
    run.tell(
        turn.job,
        trace.raw(json!({ "delay": window.due_at.millis() - now, "untilDate": window.due_at.to_string() })),
    );
    let task = NewTask {
        lane: "advance".to_owned(),
        kind: DIGEST,
        payload: payload(asked),
        run_at: window.due_at,
        id: window.id,
    };
    store.enqueue(run.batch, view.ctx, task);
}

/// What later steps see of these events, with the two summaries that templates print.
pub(crate) fn output(events: &[DigestedEvent]) -> Value {
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            let payload: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
            json!({ "id": event.id, "time": event.created_at, "payload": payload })
        })
        .collect();
    let data = json!({ "events": events, "eventCount": events.len() });
    let summary = |template: &str| {
        let rendered = Template::parse(template).ok().and_then(|template| {
            template
                .render(&data, &RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH))
                .ok()
        });
        rendered.unwrap_or_default()
    };
    json!({
        "eventCount": events.len(),
        "countSummary": summary(r#"{{ eventCount | pluralize: "notification", "notifications" }}"#),
        "sentenceSummary": summary(r#"{{ events | toSentence: "payload.name", 2, "other" }}"#),
        "events": events,
    })
}
