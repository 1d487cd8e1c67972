//! Whole lists of vendors, read in the background and kept for a while: one reading at a time for each list, few at a
//! time over all, and a bound on what is kept.

use std::sync::Arc;
use std::time::Duration;

use campanile_model::{Id, Time};
use campanile_providers::Health;
use campanile_providers::directory::{Kind, Part, Trouble, Which};
use tokio::sync::{Semaphore, watch};

use super::search::Indexed;
use super::source::Source;
use crate::Connect;

/// A list older than this is read again.
const AGE: Duration = Duration::from_mins(5);
/// What all kept lists may take together, in bytes.
const ALL_LISTS: u64 = 64 << 20;
/// What one list may take: about fifty thousand channels.
const ONE_LIST: usize = 16 << 20;
/// A vendor that says after so many pages that there are more is not believed.
const PAGES: usize = 2_000;
/// So many lists are read at once.
const READERS: usize = 8;
/// The wait after a failure for which the vendor named no time.
const PAUSE: Duration = Duration::from_secs(5);

const TOO_LONG: &str = "The list is longer than what is kept here; what is missing can be named by its id.";
const NO_PRIVATE: &str = "Private channels are left out: the app lacks the scope `groups:read`.";

/// What a list is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) grant: Id,
    /// After a reconnect the grant may lead elsewhere.
    pub(super) generation: i64,
    /// Teams lists with the token of the integration's app.
    pub(super) integration: Id,
    pub(super) kind: Kind,
    pub(super) parent: Option<String>,
    /// What the vendor searched for, where it lists nobody otherwise.
    pub(super) search: Option<String>,
}

/// How far a list has been read.
pub(super) struct State {
    /// Sorted by [`Indexed::key`].
    pub(super) found: Vec<Indexed>,
    cursor: Option<String>,
    /// Whether the vendor's last page was read.
    pub(super) complete: bool,
    /// Whether the rest was left unread because there is too much of it.
    pub(super) cut: bool,
    pub(super) running: bool,
    /// What stopped the last reading.
    pub(super) trouble: Option<Trouble>,
    /// Not before this the vendor wants to be asked again.
    pub(super) retry_at: Option<Time>,
    /// What is left out on purpose.
    pub(super) omission: Option<&'static str>,
    /// When the last part came.
    pub(super) touched: Time,
    private: bool,
    bytes: usize,
}

impl State {
    fn new(now: Time) -> Self {
        Self {
            found: Vec::new(),
            cursor: None,
            complete: false,
            cut: false,
            running: false,
            trouble: None,
            retry_at: None,
            omission: None,
            touched: now,
            private: true,
            bytes: 0,
        }
    }

    /// Takes in a part; whether there is more to read.
    fn add(&mut self, part: Part, now: Time) -> bool {
        let repeats = part.next.is_some() && part.next == self.cursor;
        let new = part.found.into_iter().map(Indexed::new);
        self.found.extend(new.inspect(|one| self.bytes += one.weight()));
        // What is sorted already is only merged.
        self.found.sort_by(|a, b| a.key().cmp(&b.key()));
        self.found.dedup_by(|a, b| a.found.id == b.found.id);
        self.touched = now;
        self.cursor = part.next;
        self.complete = self.cursor.is_none();
        if !self.complete && (repeats || self.bytes > ONE_LIST) {
            self.cut_off();
        }
        !self.complete
    }

    fn cut_off(&mut self) {
        self.complete = true;
        self.cut = true;
        self.omission = Some(TOO_LONG);
    }
}

/// One list, shared by all who ask for it.
pub(super) struct Listing {
    state: watch::Sender<State>,
}

impl Listing {
    fn new(now: Time) -> Self {
        Self {
            state: watch::Sender::new(State::new(now)),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The list as it is; hold it only as long as no other task has to go on.
    pub(super) fn look(&self) -> watch::Ref<'_, State> {
        self.state.borrow()
    }

    /// Whether the caller is the one to read on.
    fn begin(&self, now: Time) -> bool {
        self.state.send_if_modified(|state| {
            let waits = state.retry_at.is_some_and(|at| now < at);
            let begins = !state.running && !state.complete && !waits;
            if begins {
                state.running = true;
                state.trouble = None;
                state.retry_at = None;
            }
            begins
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut result = None;
        self.state.send_modify(|state| result = Some(change(state)));
        result
    }

    fn stop(&self, trouble: Trouble, now: Time) {
        self.change(|state| {
            if let Trouble::Later { after, .. } = &trouble {
                state.retry_at = Some(now.plus(after.unwrap_or(PAUSE)));
            }
            state.trouble = Some(trouble);
        });
    }

    /// Whether whoever asks now gets another one. A vendor that asked us to wait is not asked sooner for a refresh.
    fn is_stale(&self, now: Time, refresh: bool) -> bool {
        let state = self.look();
        let waits = state.retry_at.is_some_and(|at| now < at);
        !state.running && !waits && (refresh || now >= state.touched.plus(AGE))
    }
}

/// The lists of the process.
pub(crate) struct Cache {
    lists: moka::sync::Cache<Key, Arc<Listing>>,
    readers: Semaphore,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            lists: moka::sync::Cache::builder()
                .weigher(|_, listing: &Arc<Listing>| u32::try_from(listing.look().bytes + 512).unwrap_or(u32::MAX))
                .max_capacity(ALL_LISTS)
                // On real time, besides the age on the store's clock: what nobody asks for goes.
                .time_to_live(2 * AGE)
                .build(),
            readers: Semaphore::new(READERS),
        }
    }

    /// The list under a key, new when there is none that is young enough.
    pub(super) fn listing(&self, key: &Key, now: Time, refresh: bool) -> Arc<Listing> {
        let fresh = || Arc::new(Listing::new(now));
        let entry = self
            .lists
            .entry_by_ref(key)
            .or_insert_with_if(fresh, |known| known.is_stale(now, refresh));
        entry.into_value()
    }

    /// Weighs a list again that has grown, when it is still the one under its key.
    fn weigh(&self, key: &Key, listing: &Arc<Listing>) {
        if self.lists.get(key).is_some_and(|known| Arc::ptr_eq(&known, listing)) {
            self.lists.insert(key.clone(), Arc::clone(listing));
        }
    }
}

/// Reads the list on in the background, unless somebody does already, it is complete, or the vendor wants to wait.
pub(super) fn read_on(connect: &Connect, source: Source, key: &Key, listing: &Arc<Listing>) {
    if !listing.begin(connect.store().now()) {
        return;
    }
    let (connect, key, reading) = (connect.clone(), key.clone(), Reading(Arc::clone(listing)));
    tokio::spawn(async move {
        let Ok(_turn) = connect.destinations().readers.acquire().await else {
            return;
        };
        if let Err(trouble) = read(&connect, &source, &key, &reading.0).await {
            note_health(&connect, &source, &trouble).await;
            reading.0.stop(trouble, connect.store().now());
        }
    });
}

/// A reading under way: however it ends, nobody waits for it any longer.
struct Reading(Arc<Listing>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.change(|state| state.running = false);
    }
}

async fn read(connect: &Connect, source: &Source, key: &Key, listing: &Arc<Listing>) -> Result<(), Trouble> {
    let token = source.token(connect).await?;
    let which = key.search.as_deref().map_or(Which::All, Which::Named);
    for _ in 0..PAGES {
        let (cursor, private) = {
            let state = listing.look();
            (state.cursor.clone(), state.private)
        };
        let ask = source.ask(connect, &token, key.kind, which, cursor.as_deref(), private);
        let part = match source.put(connect, &ask).await {
            Err(trouble) if private && lacks_private(&trouble) => {
                listing.change(|state| {
                    state.private = false;
                    state.omission = Some(NO_PRIVATE);
                });
                continue;
            }
            other => other?,
        };
        let more = listing.change(|state| state.add(part, connect.store().now()));
        connect.destinations().weigh(key, listing);
        if more != Some(true) {
            return Ok(());
        }
    }
    listing.change(State::cut_off);
    Ok(())
}

/// Whether only the scope for private channels is missing: the public ones can still be listed.
fn lacks_private(trouble: &Trouble) -> bool {
    matches!(
        &trouble.failure().health,
        Some(Health::Degraded { missing_scope: Some(scope) }) if scope.split(',').any(|scope| scope.trim() == "groups:read")
    )
}

/// A grant that turns out to be dead is known to be so from now on, as if a message had met with it.
pub(super) async fn note_health(connect: &Connect, source: &Source, trouble: &Trouble) {
    if let Err(error) = source.note_health(connect, trouble).await {
        tracing::warn!(%error, "what a vendor told about a grant could not be written down; the next call learns it again");
    }
}
