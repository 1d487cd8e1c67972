//! `DELETE /v1/environments/{environmentId}`: with all that it holds. Nothing is revoked at a vendor.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::environments::CHANGED;

use super::{is_protected, own};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v1::channels::{TRIES, too_contended};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/environments/{environmentId}", "EnvironmentsControllerV1_deleteEnvironment", "Delete an environment", run,
    .permit(Permission::EnvironmentWrite, Category::Configuration)
);

async fn run(call: Call) -> Result<Reply> {
    for _ in 0..TRIES {
        let environment = own(&call, "delete").await?;
        if is_protected(&environment.name) {
            return Err(Error::bad_request(format!(
                "The {} environment is protected and cannot be deleted. Only custom environments can be deleted.",
                environment.name
            )));
        }
        // What is left to do is the work of the environment that it was published from.
        let parent = environment.parent_id.unwrap_or(environment.id);
        let ctx = campanile_model::Ctx {
            environment: parent,
            ..call.ctx.clone()
        };
        let mut batch = Batch::new();
        call.app.engine().delete_environment(&mut batch, &ctx, &environment);
        let reply = Reply {
            status: 200,
            ..Reply::empty()
        };
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
