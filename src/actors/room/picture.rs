//! What a room shows to who is new in it: its state and the newest activities, true at the head of its tail.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bridge::Picture;
use crate::domain::entry::{Entry, Kind};
use crate::domain::log::ACTIVITIES_SHOWN;
use crate::domain::redaction::{Redaction, View};
use crate::domain::state::{Change, State};
use crate::domain::tail::Bounds;

/// Follows the log entry by entry, from what the log said of itself when the room opened.
#[derive(Default)]
pub(super) struct Shown {
    state: State,
    /// The state as it was shown in views that leave something out.
    cut: Vec<(View, Arc<str>)>,
    activity: VecDeque<Arc<Entry>>,
    activity_bytes: usize,
}

/// The state is kept ready for so many views.
const CUT_MAX: usize = 16;

impl Shown {
    pub(super) fn of(picture: Picture) -> Self {
        let activity_bytes = picture.activity.iter().map(|entry| entry.weight()).sum();
        Self { state: picture.state, cut: Vec::new(), activity: picture.activity.into(), activity_bytes }
    }

    /// Takes the entry that is the tail's new head.
    pub(super) fn take(&mut self, entry: &Arc<Entry>) {
        match entry.kind {
            // What a personal room shows is its inbox, which is asked for by itself.
            Kind::Event | Kind::Hidden | Kind::Notification | Kind::Marked | Kind::Preferred => {}
            Kind::State => {
                let Some(change) = Change::from_body(&entry.body) else { return };
                self.cut.clear();
                self.state.apply(entry.offset, &change);
                // The log remembers removals for those who write; a picture shows none.
                self.state.forget_removed(entry.offset);
            }
            Kind::Activity => {
                self.activity_bytes += entry.weight();
                self.activity.push_back(Arc::clone(entry));
                let is_over = |shown: &Self| {
                    shown.activity.len() > ACTIVITIES_SHOWN || shown.activity_bytes > Bounds::PAGE.bytes_max
                };
                while self.activity.len() > 1 && is_over(self) {
                    self.activity_bytes -= self.activity.pop_front().map_or(0, |oldest| oldest.weight());
                }
            }
        }
    }

    /// The state with nothing left out.
    pub(super) fn whole_state(&mut self) -> Arc<str> {
        self.state.to_json()
    }

    /// The state as it is in a view. It is cut once for all who have that view, until it changes.
    pub(super) fn state_json(&mut self, redaction: &Redaction, view: View) -> Arc<str> {
        if view == View::WHOLE {
            return self.whole_state();
        }
        if let Some((_, cut)) = self.cut.iter().find(|(of, _)| *of == view) {
            return Arc::clone(cut);
        }
        let cut: Arc<str> = redaction.state(&self.state.to_json(), view).into();
        if self.cut.len() >= CUT_MAX {
            self.cut.clear();
        }
        self.cut.push((view, Arc::clone(&cut)));
        cut
    }

    /// The newest activities above the log's floor, ascending: what the log no longer keeps is not told from memory.
    pub(super) fn activity(&self, floor: u64) -> Vec<Arc<Entry>> {
        self.activity.iter().filter(|entry| entry.offset > floor).cloned().collect()
    }
}
