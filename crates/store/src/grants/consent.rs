//! Grants that a customer's own consent made. One installation of one app is one grant in all environments of the
//! organization: its key is provider, client id, and workspace or enterprise, and a new consent replaces its tokens.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id};
use serde_json::{Value, json};

use super::{CHANGED, FIND_BY_KEY, Grant, Landing, Tokens, announce};
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// Where tokens come from: the customer gave them to us at the vendor. They are ours to revoke.
pub const OAUTH: &str = "oauth";
const DETAILS: &str = "grants.details";

queries! {
    INSERT = {
        insert "grants",
        "id text, organization_id text, provider_id text, grant_key text, source text, tokens text, details text, generation int, status text, reason text, since int, expires_at int, scopes text, missing_scopes text, created_at int, updated_at int"
    };
    REPLACE = "UPDATE grants SET tokens = $4, details = $5, generation = generation + 1, last_error = NULL,
        since = CASE WHEN status = $6 THEN since ELSE $7 END,
        health_change = CASE WHEN status = $6 THEN health_change ELSE $8 END,
        status = $6, reason = $9, expires_at = $10, scopes = $11, missing_scopes = $12, updated_at = $7
        WHERE organization_id = $1 AND id = $2 AND generation = $3";
    BURIED = "SELECT id, tokens FROM revocations WHERE organization_id = $1 AND provider_id = $2 ORDER BY id LIMIT 1000";
    SPARE = "DELETE FROM revocations WHERE id = $1";
    FIND_DETAILS = "SELECT details FROM grants WHERE organization_id = $1 AND id = $2";
}

/// What a vendor issued at a consent.
pub struct Consent<'a> {
    /// The app that was consented to.
    pub client_id: &'a str,
    /// The workspace, tenant or organisation; for an installation in a whole enterprise, that.
    pub installation: &'a str,
    /// The tokens.
    pub tokens: Tokens,
    /// What was consented to, where the vendor tells.
    pub scopes: Option<Vec<String>>,
    /// What was asked for and not given.
    pub missing_scopes: Vec<String>,
    /// Everything else that the vendor told.
    pub details: Value,
}

impl Consent<'_> {
    fn key(&self, provider_id: &str) -> String {
        // As a list in JSON, no part can be read as another.
        format!("{provider_id}/{}", json!([self.client_id, self.installation]))
    }

    fn status(&self) -> (HealthStatus, Option<String>) {
        if self.missing_scopes.is_empty() {
            return (HealthStatus::Active, None);
        }
        let missing = self.missing_scopes.join(", ");
        let reason = format!("the customer's consent lacks what was asked for: {missing}");
        (HealthStatus::Degraded, Some(reason))
    }

    fn missing(&self) -> Option<Vec<String>> {
        (!self.missing_scopes.is_empty()).then(|| self.missing_scopes.clone())
    }
}

impl Store {
    /// The grant of this consent as it will be: the installation's, whoever has connected it before, or a new one.
    pub(crate) async fn land_consent(
        &self,
        ctx: &Ctx,
        provider_id: &str,
        consent: &Consent<'_>,
    ) -> Result<Landing, StoreError> {
        let key = consent.key(provider_id);
        let found = self
            .db
            .first::<Grant>(&FIND_BY_KEY, args![ctx.organization, &key])
            .await?;
        let mut before = self.spare(ctx, provider_id, &consent.tokens).await?;
        let grant = match found {
            Some(grant) => self.renew_consent(&mut before, ctx, grant, consent)?,
            None => self.insert_consent(&mut before, ctx, provider_id, key, consent)?,
        };
        Ok(Landing { grant, before })
    }

    /// What the vendor told at the consent besides tokens and scopes; nothing for posted tokens.
    pub async fn grant_details(&self, ctx: &Ctx, grant: Id) -> Result<Option<Value>, StoreError> {
        let found = self
            .db
            .first::<Details>(&FIND_DETAILS, args![ctx.organization, grant])
            .await?;
        let Some(Details(Some(sealed))) = found else {
            return Ok(None);
        };
        let text = self.secrets.open(place(&grant.to_string()), &sealed)?;
        let value = serde_json::from_str(&text);
        value.map_err(|_| StoreError::Corrupt("a grant's details are not JSON".to_owned()))
    }

    fn insert_consent(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        provider_id: &str,
        key: String,
        consent: &Consent<'_>,
    ) -> Result<Grant, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        let (status, reason) = consent.status();
        let grant = Grant {
            id,
            provider_id: provider_id.to_owned(),
            source: OAUTH.to_owned(),
            generation: 1,
            status,
            reason,
            since: now,
            last_success_at: None,
            last_error: None,
            expires_at: consent.tokens.end(),
            scopes: consent.scopes.clone(),
            missing_scopes: consent.missing(),
            key,
            tokens: self.seal_tokens(id, &consent.tokens)?,
        };
        batch.add(
            &INSERT,
            args![
                id,
                ctx.organization,
                provider_id,
                &grant.key,
                &grant.source,
                &grant.tokens,
                self.seal_details(id, consent)?,
                grant.generation,
                status.wire(),
                grant.reason.clone(),
                now,
                grant.expires_at,
                grant.scopes.clone().map(Value::from),
                grant.missing_scopes.clone().map(Value::from),
                now,
                now
            ],
        );
        self.schedule_rotation(batch, ctx.organization, id, provider_id, &consent.tokens);
        Ok(grant)
    }

    /// Replaces the tokens, which mends every connection on the grant; what was held for it goes on.
    fn renew_consent(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: Grant,
        consent: &Consent<'_>,
    ) -> Result<Grant, StoreError> {
        let (now, change) = (self.now(), self.new_id());
        let (status, reason) = consent.status();
        let grant = Grant {
            generation: read.generation + 1,
            since: if read.status == status { read.since } else { now },
            status,
            reason,
            last_error: None,
            expires_at: consent.tokens.end(),
            scopes: consent.scopes.clone(),
            missing_scopes: consent.missing(),
            tokens: self.seal_tokens(read.id, &consent.tokens)?,
            ..read
        };
        let row = args![
            ctx.organization,
            grant.id,
            read.generation,
            &grant.tokens,
            self.seal_details(grant.id, consent)?,
            status.wire(),
            now,
            change,
            grant.reason.clone(),
            grant.expires_at,
            grant.scopes.clone().map(Value::from),
            grant.missing_scopes.clone().map(Value::from)
        ];
        batch.expect(&REPLACE, row, CHANGED);
        self.schedule_rotation(batch, ctx.organization, grant.id, &grant.provider_id, &consent.tokens);
        announce(batch, grant.id, change, status, now);
        self.release_held(batch, grant.id);
        Ok(grant)
    }

    /// Takes these tokens from what is still to be revoked: a vendor that issues one token for each installation gives
    /// who comes back the very token that their disconnect has buried.
    async fn spare(&self, ctx: &Ctx, provider_id: &str, tokens: &Tokens) -> Result<Batch, StoreError> {
        let buried = self
            .db
            .all::<Buried>(&BURIED, args![ctx.organization, provider_id])
            .await?;
        let mut batch = Batch::new();
        for Buried { id, sealed } in buried {
            if self.open_buried(id, &sealed)?.access_token == tokens.access_token {
                batch.add(&SPARE, args![id]);
            }
        }
        Ok(batch)
    }

    fn seal_details(&self, grant: Id, consent: &Consent<'_>) -> Result<String, StoreError> {
        self.secrets
            .seal(place(&grant.to_string()), &consent.details.to_string())
    }
}

fn place(row: &str) -> Place<'_> {
    Place { column: DETAILS, row }
}

struct Buried {
    id: Id,
    sealed: String,
}

impl FromRow for Buried {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            sealed: c.text()?,
        })
    }
}

struct Details(Option<String>);

impl FromRow for Details {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.opt_text().map(Self)
    }
}
