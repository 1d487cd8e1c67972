//! Lines before receivers: a process makes a few calls to one receiver at a time, a few more wait for their turn, and
//! the rest goes back to the queue for a while. So a receiver that hangs holds a part of the process's room, never all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use campanile_model::Id;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls to one receiver at a time.
const AT_ONCE: usize = 16;
/// Tasks of one receiver that are called or wait for it here.
const INSIDE: usize = 64;
/// How long a task waits for its turn here. Then the receiver is slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// When to come back to a receiver that is quick, but busy.
const BUSY: Duration = Duration::from_millis(300);
/// When to come back to a slow one.
const SLOW: Duration = Duration::from_secs(5);

/// The lines of a process; clones are handles to the same ones.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<HashMap<Id, Line>>>);

struct Line {
    turns: Arc<Semaphore>,
    inside: usize,
    /// When a call last ended, or the line began.
    moved: Instant,
}

/// A turn; it ends when it is dropped.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

struct Place {
    lines: Lines,
    receiver: Id,
}

impl Lines {
    /// Waits for a turn at the receiver, or tells for how long to go away.
    pub(crate) async fn enter(&self, receiver: Id) -> Result<Turn, Duration> {
        let (turns, place) = self.stand(receiver)?;
        match tokio::time::timeout(PATIENCE, turns.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn {
                _permit: permit,
                _place: place,
            }),
            Ok(Err(_)) | Err(_) => Err(SLOW),
        }
    }

    fn stand(&self, receiver: Id) -> Result<(Arc<Semaphore>, Place), Duration> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(receiver).or_insert_with(|| Line {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            inside: 0,
            moved: Instant::now(),
        });
        if line.inside >= INSIDE {
            return Err(if line.moved.elapsed() > PATIENCE { SLOW } else { BUSY });
        }
        line.inside += 1;
        let place = Place {
            lines: self.clone(),
            receiver,
        };
        Ok((Arc::clone(&line.turns), place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(&self.receiver) {
            line.inside -= 1;
            line.moved = Instant::now();
            if line.inside == 0 {
                lines.remove(&self.receiver);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        format!("{number:024x}").parse().unwrap()
    }

    #[tokio::test]
    async fn a_hanging_receiver_holds_a_part_of_the_room_and_none_of_anothers() {
        let lines = Lines::default();
        let mut calls = Vec::new();
        for _ in 0..AT_ONCE {
            calls.push(lines.enter(id(1)).await.ok().unwrap());
        }
        let waiting: Vec<_> = (AT_ONCE..INSIDE).map(|_| lines.stand(id(1)).ok().unwrap()).collect();
        assert!(lines.enter(id(1)).await.is_err());
        assert!(lines.enter(id(2)).await.is_ok());
        drop(waiting);
        assert_eq!(lines.enter(id(1)).await.err(), Some(SLOW));
        calls.pop();
        assert!(lines.enter(id(1)).await.is_ok());
        drop(calls);
        assert!(lines.0.lock().unwrap().is_empty());
    }
}
