//! Who may go first: a gate before every exchange, for tests that decide the order in which callers meet.
//!
//! Knows nothing of what is asked.

use std::fmt::Debug;

/// Orders the exchanges of several callers, each of whom comes through a door of their own.
pub trait Gate: Debug + Send + Sync {
    /// A request stands at a door; it goes on when this returns.
    fn enter(&self, door: usize, call: &str);
    /// Its answer is on the way.
    fn leave(&self, door: usize);
}
