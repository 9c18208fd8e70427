//! The rules once more, as slowly and plainly as they can be said: every notification that ever came is a line in a list,
//! and whoever wants to know something goes through all of them.

use super::super::UNDOS_KEPT;
use super::*;

/// A notification that came, gone or not.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// `None` for a digest.
    pub(super) number: Option<u128>,
    pub(super) facts: Notification,
    pub(super) at: Timestamp,
    pub(super) surfaced: u64,
    pub(super) is_here: bool,
    pub(super) state: State,
    pub(super) is_acked: bool,
    /// The last entry that changed `state`.
    version: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct State {
    pub(super) is_read: bool,
    pub(super) is_archived: bool,
    pub(super) snooze: Option<Timestamp>,
}

impl Line {
    fn is_unread(&self) -> bool {
        self.is_here && self.state == State::default()
    }

    fn waits_for_ack(&self) -> bool {
        self.facts.critical && !self.is_acked
    }

    fn fits(&self, filter: &Filter) -> bool {
        let State { is_read, is_archived, snooze } = self.state;
        let is_on_shelf = match filter.shelf {
            Shelf::Current => !is_archived && snooze.is_none(),
            Shelf::Unread => !is_archived && snooze.is_none() && !is_read,
            Shelf::Archived => is_archived,
            Shelf::Snoozed => snooze.is_some(),
        };
        self.is_here && is_on_shelf && (filter.level.is_none() || filter.level == Some(self.facts.level))
    }
}

pub(super) struct Model {
    pub(super) lines: Vec<Line>,
    /// The counts at each entry; the first stands at offset 1.
    pub(super) counts: Vec<Counts>,
    pub(super) keep: Keep,
    seen: u64,
    pile: Option<(Timestamp, u32)>,
    digests: Vec<Timestamp>,
    /// The marks: their offsets, and the state before of each line that they changed.
    marks: Vec<(u64, Vec<(usize, State)>)>,
}

/// The model's no.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct No;

impl Model {
    pub(super) fn new(keep: Keep) -> Self {
        Self { lines: vec![], counts: vec![], keep, seen: 0, pile: None, digests: vec![], marks: vec![] }
    }

    pub(super) fn head(&self) -> u64 {
        self.counts.len() as u64
    }

    pub(super) fn recount(&self) -> Counts {
        let unread = self.lines.iter().filter(|line| line.is_unread());
        let unseen = unread.clone().filter(|line| line.surfaced > self.seen);
        counts(unread.count().try_into().unwrap(), unseen.count().try_into().unwrap())
    }

    pub(super) fn step(&mut self, change: &Change, now: Timestamp) -> Result<(), No> {
        if let Change::Mark(mark) = change {
            self.check(mark, now)?;
        }
        self.settle(now);
        match change {
            Change::Arrive { arrival, verdict } => self.arrive(arrival, *verdict, now),
            Change::Mark(mark) => self.mark(mark),
            Change::Prefer { .. } | Change::Settle => {}
        }
        self.settle(now);
        Ok(())
    }

    fn check(&self, mark: &Mark, now: Timestamp) -> Result<(), No> {
        let is_known = |id: &NotificationId| self.lines.iter().any(|line| line.number == Some(id.0.as_u128()));
        let can_be = match mark {
            Mark::As { status: Status::Snoozed { until }, .. } if *until <= now => false,
            Mark::As { which: Which::These(ids), .. } => ids.iter().all(is_known),
            Mark::Seen { .. } | Mark::As { .. } => true,
            Mark::Undo { offset } => self.marks.iter().rev().take(UNDOS_KEPT).any(|(at, _)| at == offset),
            Mark::Ack { id } => is_known(id),
        };
        if can_be { Ok(()) } else { Err(No) }
    }

    fn entry(&mut self) {
        self.counts.push(self.recount());
    }

    fn settle(&mut self, now: Timestamp) {
        self.take_away(|_, line| line.facts.expires.is_some_and(|expires| expires <= now));

        let age = i64::try_from(self.keep.age.as_millis()).unwrap();
        let too_old = |line: &Line| !line.waits_for_ack() && line.at.0 + age <= now.0;
        while let Some(next) = (0..self.lines.len())
            .filter(|at| self.lines[*at].is_here && !too_old(&self.lines[*at]))
            .filter(|at| self.lines[*at].state.snooze.is_some_and(|until| until <= now))
            .min_by_key(|at| (self.lines[*at].state.snooze, self.lines[*at].surfaced))
        {
            let offset = self.head() + 1;
            let line = &mut self.lines[next];
            (line.state, line.surfaced, line.version) = (State::default(), offset, offset);
            self.entry();
        }

        if let Some((until, _)) = self.pile.filter(|(until, _)| *until <= now) {
            self.pile = None;
            if !self.digests.contains(&until) && until.0 + age > now.0 {
                self.digests.push(until);
                self.add(None, plain(), until, true);
            }
        }

        let newest = self.keep.newest;
        self.take_away(|rank, line| too_old(line) || (rank >= newest && !line.waits_for_ack()));
    }

    /// Takes away what `is_due` says of rank and line; the line that surfaced last has rank 0.
    fn take_away(&mut self, is_due: impl Fn(usize, &Line) -> bool) {
        let rank =
            |line: &Line| self.lines.iter().filter(|other| other.is_here && other.surfaced > line.surfaced).count();
        let due: Vec<bool> = self.lines.iter().map(|line| line.is_here && is_due(rank(line), line)).collect();
        for (line, is_due) in self.lines.iter_mut().zip(&due) {
            line.is_here &= !is_due;
        }
        if due.contains(&true) {
            self.entry();
        }
    }

    fn add(&mut self, number: Option<u128>, facts: Notification, at: Timestamp, is_read: bool) {
        let offset = self.head() + 1;
        let state = State { is_read, ..State::default() };
        self.lines.push(Line {
            number,
            facts,
            at,
            surfaced: offset,
            is_here: true,
            state,
            is_acked: false,
            version: offset,
        });
        self.entry();
    }

    fn arrive(&mut self, arrival: &Arrival, verdict: Verdict, now: Timestamp) {
        let number = Some(arrival.id.0.as_u128());
        let facts = &arrival.notification;
        let is_known = self.lines.iter().any(|line| line.number == number);
        let is_too_old = arrival.at.0 + i64::try_from(self.keep.age.as_millis()).unwrap() <= now.0;
        if is_known || facts.expires.is_some_and(|expires| expires <= now) || (is_too_old && !facts.critical) {
            return;
        }
        let same = self
            .lines
            .iter_mut()
            .filter(|line| line.is_here && facts.dedupe.is_some() && line.facts.dedupe == facts.dedupe);
        let open = same.filter(|line| !line.state.is_read && !line.state.is_archived);
        if let Some(old) = open.max_by_key(|line| line.surfaced) {
            old.is_here = false;
        }
        if let Some(until) = verdict.piles_until.filter(|until| !facts.critical && *until > now) {
            let (before, count) = self.pile.unwrap_or((until, 0));
            self.pile = Some((before.max(until), count + 1));
        }
        self.add(number, facts.clone(), arrival.at, verdict.read && !facts.critical);
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Seen { upto } => {
                let upto = *upto.min(&self.head());
                if self.lines.iter().any(|line| line.is_here && line.surfaced > self.seen && line.surfaced <= upto) {
                    self.seen = upto;
                    self.entry();
                }
            }
            Mark::As { which, status } => {
                let head = self.head();
                let is_meant = |line: &Line| match which {
                    Which::These(ids) => ids.iter().any(|id| line.number == Some(id.0.as_u128())),
                    Which::All { upto, filter } => {
                        let is_spared = *status == Status::Archived && line.waits_for_ack();
                        line.surfaced <= *upto.min(&head) && line.fits(filter) && !is_spared
                    }
                };
                let next = |state: State| match status {
                    Status::Read => State { is_read: true, ..state },
                    Status::Unread => State { is_read: false, ..state },
                    Status::Archived => State { is_archived: true, snooze: None, ..state },
                    Status::Unarchived => State { is_archived: false, snooze: None, ..state },
                    Status::Snoozed { until } => State { is_archived: false, snooze: Some(*until), ..state },
                };
                let states = self.lines.iter().map(|line| if is_meant(line) { next(line.state) } else { line.state });
                let states: Vec<_> = states.collect();
                self.set(&states);
            }
            Mark::Undo { offset } => {
                let (_, before) = self.marks.iter().find(|(at, _)| at == offset).unwrap().clone();
                let mut states: Vec<_> = self.lines.iter().map(|line| line.state).collect();
                for (at, state) in before.into_iter().filter(|(at, _)| self.lines[*at].version == *offset) {
                    states[at] = state;
                }
                self.set(&states);
            }
            Mark::Ack { id } => {
                let waiting = self
                    .lines
                    .iter_mut()
                    .find(|line| line.number == Some(id.0.as_u128()) && line.is_here && line.waits_for_ack());
                if let Some(line) = waiting {
                    line.is_acked = true;
                    self.entry();
                }
            }
        }
    }

    fn set(&mut self, states: &[State]) {
        let offset = self.head() + 1;
        let mut before = Vec::new();
        for (at, line) in self.lines.iter_mut().enumerate().filter(|(_, line)| line.is_here) {
            if line.state != states[at] {
                before.push((at, line.state));
                (line.state, line.version) = (states[at], offset);
            }
        }
        if !before.is_empty() {
            self.marks.push((offset, before));
            self.entry();
        }
    }
}
