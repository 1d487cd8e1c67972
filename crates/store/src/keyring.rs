//! The root key, sealed under the master key and stored.

use campanile_model::Time;

use crate::db::{Batch, Columns, Db, FromRow, StoreError};
use crate::secrets::{MasterKey, open_root, random_bytes, seal_root};
use crate::{args, queries};

queries! {
    FIND_ROOT = "SELECT master_id, sealed FROM keyring WHERE id = 'root'";
    INSERT_ROOT = {
        insert "keyring", "id text, master_id text, sealed text, created_at int", "ON CONFLICT (id) DO NOTHING"
    };
}

struct Root {
    master_id: String,
    sealed: String,
}

impl FromRow for Root {
    fn from_row(columns: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            master_id: columns.text()?,
            sealed: columns.text()?,
        })
    }
}

/// The root key; made on the first start. Two nodes that start together agree on the one that was stored.
pub(crate) async fn root_key(db: &Db, masters: &[MasterKey], now: Time) -> Result<[u8; 32], StoreError> {
    if let Some(root) = db.first::<Root>(&FIND_ROOT, args![]).await? {
        return open(&root, masters);
    }
    let first = masters
        .first()
        .ok_or_else(|| StoreError::Driver("there is no master key".to_owned()))?;
    let key: [u8; 32] = random_bytes(32)?
        .try_into()
        .map_err(|_| StoreError::Driver("no random bytes".to_owned()))?;
    let mut batch = Batch::new();
    batch.add(&INSERT_ROOT, args!["root", first.id(), seal_root(first, &key)?, now]);
    db.commit(batch).await?;
    match db.first::<Root>(&FIND_ROOT, args![]).await? {
        Some(root) => open(&root, masters),
        None => Err(StoreError::Corrupt("the root key was not stored".to_owned())),
    }
}

fn open(root: &Root, masters: &[MasterKey]) -> Result<[u8; 32], StoreError> {
    match masters.iter().find(|master| master.id() == root.master_id) {
        Some(master) => open_root(master, &root.sealed),
        None => Err(StoreError::Driver(format!(
            "this database is sealed under master key {}, which is not configured; \
             give the key that it was made with in CAMPANILE_ENCRYPTION_KEY",
            root.master_id
        ))),
    }
}
