//! Removing what a deleted environment held, bit by bit.

use campanile_model::{Ctx, Id};
use campanile_store::Batch;
use campanile_store::environments::Environment;
use campanile_store::tasks::{Again, NewTask, Task};

use crate::task::{ERASE, EraseV1, payload};
use crate::{Engine, Interrupted};

impl Engine {
    /// Adds the end of an environment, and the task that removes what it held. The task is the caller's environment's,
    /// because the other one's tasks end with it.
    pub fn delete_environment(&self, batch: &mut Batch, ctx: &Ctx, environment: &Environment) {
        let store = self.store();
        let task = NewTask {
            lane: "erase".to_owned(),
            kind: ERASE,
            payload: payload(&EraseV1 {
                environment: environment.id.to_string(),
            }),
            run_at: store.now(),
            id: store.new_id(),
        };
        store.delete_environment(batch, ctx, environment, task);
    }
}

/// Removes one bit. A crash repeats at most that: what is gone already is not there to be removed.
pub(crate) async fn run(engine: &Engine, task: &Task) -> Result<(), Interrupted> {
    let store = engine.store();
    let asked: Option<EraseV1> = serde_json::from_str(&task.payload).ok();
    let id = asked.and_then(|asked| asked.environment.parse::<Id>().ok());
    let more = match id {
        Some(id) => store.erase_environment(task.organization_id, id).await?,
        None => false,
    };
    let mut batch = Batch::background();
    if more {
        store.reschedule_task(&mut batch, task, &Again::At(store.now()), &task.payload);
    } else {
        store.complete_task(&mut batch, task);
    }
    store.commit(batch).await?;
    Ok(())
}
