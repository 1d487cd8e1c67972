//! What a subscriber's call may do with what is shared. Anybody may begin a session in any context where nobody asks for
//! HMAC, so changing what everybody in a context uses takes more than a session.

use campanile_connect::oauth::GivenContext;
use campanile_connect::vouching::Signers;
use campanile_model::{Error, Id, Result};
use campanile_store::integrations::Integration;

use super::session::{NamedContexts, is_on};
use crate::call::Call;
use crate::v1::channels::given;

/// How far the contexts of a call are vouched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    verified: bool,
}

impl Standing {
    /// As the session began.
    pub(super) fn of_session(call: &Call) -> Result<Self> {
        let verified = call.session()?.context_verified;
        Ok(Self { verified })
    }

    /// As the session began, or by a hash in the call itself: some pages give it only to the button. Contexts that are
    /// not the session's count for nothing.
    pub(super) async fn of_call(call: &Call, context: Option<&NamedContexts>, hash: Option<String>) -> Result<Self> {
        let standing = Self::of_session(call)?;
        let (Some(context), Some(hash)) = (context, given(hash)) else {
            return Ok(standing);
        };
        let contexts = &call.session()?.contexts;
        if standing.verified || contexts.is_empty() || context.contexts.set() != *contexts {
            return Ok(standing);
        }
        let signers = Signers::of(call.store(), &call.ctx).await?;
        Ok(Self {
            verified: signers.vouch_for_context(&context.text, &hash),
        })
    }

    /// The session's contexts, for a link.
    pub(super) fn contexts(self, call: &Call) -> Result<GivenContext> {
        Ok(GivenContext::of_session(&call.session()?.contexts, self.verified))
    }

    /// Refuses what would change a shared connection of this integration for everybody in the contexts.
    pub(super) async fn check_may_change_shared(self, call: &Call, integration: Id) -> Result<()> {
        let found = call.store().integration_by_id(&call.ctx, integration).await?;
        self.check(call, found.as_ref())
    }

    /// The same, with the integration's identifier; an unknown one is for others to refuse.
    pub(super) async fn check_may_share_on(self, call: &Call, identifier: &str) -> Result<()> {
        let found = call.store().integration_by_identifier(&call.ctx, identifier).await?;
        match found {
            Some(integration) => self.check(call, Some(&integration)),
            None => Ok(()),
        }
    }

    fn check(self, call: &Call, integration: Option<&Integration>) -> Result<()> {
        if self.verified || call.app.settings().dev {
            return Ok(());
        }
        if let Some(integration) = integration
            && is_on(&call.store().open_credentials(integration)?, "allowUnverifiedShared")
        {
            return Ok(());
        }
        let identifier = integration.map_or("", |integration| integration.identifier.as_str());
        Err(Error::forbidden(format!(
            "A shared connection is changed only from a session whose context is verified. Begin the session with a \
             contextHash, or set the credential allowUnverifiedShared of integration \"{identifier}\" to true."
        )))
    }
}
