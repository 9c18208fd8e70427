//! What a user sees of an inbox, page by page.

use super::{Filter, Inbox, Item};

/// A page of an inbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<'a> {
    /// What fits, newest surfaced first.
    pub items: Vec<&'a Item>,
    /// Whether older ones fit as well: they come with `before` at the last one's `surfaced`.
    pub more: bool,
}

impl Inbox {
    /// The newest items that fit `filter`, at most `limit`; with `before` those that surfaced before that offset.
    #[must_use]
    pub fn list(&self, filter: &Filter, before: Option<u64>, limit: usize) -> Page<'_> {
        let older = self.items.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, item)| item);
        let mut fitting = older.filter(|item| item.fits(filter));
        let items: Vec<_> = fitting.by_ref().take(limit).collect();
        Page { more: fitting.next().is_some(), items }
    }
}
