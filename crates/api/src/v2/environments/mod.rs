//! What concerns whole environments: tags, differences, publishing (api.md 5.2).

mod diff;
pub(crate) mod difference;
mod publish;
pub(crate) mod side;
mod tags;

use campanile_model::channel::Translated;
use campanile_model::{Ctx, Error, Id, Result};
use campanile_store::environments::Environment;

use crate::call::Call;
use crate::choices;
use crate::route::Route;
use side::Side;

pub(crate) const ROUTES: &[&Route] = &[&tags::ROUTE, &diff::ROUTE, &publish::ROUTE];

choices! {
    /// What can be published. The contract's own list came about by a clash of names, so that official clients write
    /// `REGULAR` where they mean a workflow.
    ResourceKind {
        Workflow = "workflow",
        Regular = "REGULAR",
        Bridge = "BRIDGE",
        Layout = "layout",
    }
}

impl ResourceKind {
    const fn resource(self) -> Translated {
        match self {
            Self::Workflow | Self::Regular | Self::Bridge => Translated::Workflow,
            Self::Layout => Translated::Layout,
        }
    }
}

/// The environment that things come from, and the one that they go to.
struct Way {
    source: Ctx,
    target: Ctx,
}

/// Reads which environments a call is about. A key belongs to one environment: it publishes from there into the others of
/// its organization, as it may write single workflows there.
async fn way(call: &Call, source: Option<&str>) -> Result<Way> {
    let known = call.store().environments(&call.ctx).await?;
    let target = parse(call.parameter("targetEnvironmentId"))?;
    let source = match source.filter(|id| !id.is_empty()) {
        Some(id) => known_one(&known, parse(id)?, "Source environment not found")?,
        None => known
            .iter()
            .find(|environment| environment.name == "Development")
            .ok_or_else(|| Error::bad_request("Development environment not found"))?,
    };
    if source.id != call.ctx.environment {
        return Err(Error::forbidden(
            "This authentication scheme is scoped to a single environment and cannot publish from a different environment. \
             Use credentials from the source environment.",
        ));
    }
    if source.id == target {
        return Err(Error::bad_request("Source and target environments cannot be the same"));
    }
    let target = known_one(&known, target, "Target environment not found")?;
    let within = |environment: &Environment| Ctx {
        environment: environment.id,
        ..call.ctx.clone()
    };
    Ok(Way {
        source: within(source),
        target: within(target),
    })
}

fn parse(id: &str) -> Result<Id> {
    id.parse()
        .map_err(|_| Error::bad_request("Invalid environment ID format"))
}

fn known_one<'a>(known: &'a [Environment], id: Id, missing: &str) -> Result<&'a Environment> {
    let found = known.iter().find(|environment| environment.id == id);
    found.ok_or_else(|| Error::bad_request(missing))
}

/// What of both environments is published.
async fn sides(call: &Call, way: &Way) -> Result<(Side, Side)> {
    let store = call.store();
    futures_util::future::try_join(
        Side::read(store, way.source.clone()),
        Side::read(store, way.target.clone()),
    )
    .await
}
