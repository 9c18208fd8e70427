//! The hours in which nothing but critical notifications makes a toast, by the clock on the user's wall.
//!
//! A stretch begins when that clock first shows `from` on a day and ends when it last shows `to`: on the same day when
//! `to` is later, else on the next. Where the clock is put forward over one of them, the moment of the change stands for
//! it; where an hour comes twice, the stretch takes both. So a stretch has no holes, and the night of a change is as
//! quiet as others.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::domain::entry::Timestamp;

/// Quiet hours, every day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuietHours {
    /// When they begin; whole minutes.
    from: NaiveTime,
    /// When they end; at the same time as they begin means never.
    to: NaiveTime,
    zone: Tz,
}

/// What is wrong with quiet hours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadQuietHours {
    /// No time of day.
    #[error("`quiet_hours.{0}` must be a time of day such as \"22:00\"")]
    Time(&'static str),
    /// No zone that is known here.
    #[error("`quiet_hours.zone` must be a time zone such as \"Europe/Berlin\"")]
    Zone,
}

impl QuietHours {
    /// Reads times as `22:00` and a zone as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`BadQuietHours`] with the field that is none.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, BadQuietHours> {
        Ok(Self {
            from: time(from).ok_or(BadQuietHours::Time("from"))?,
            to: time(to).ok_or(BadQuietHours::Time("to"))?,
            zone: Tz::from_str(zone).map_err(|_| BadQuietHours::Zone)?,
        })
    }

    /// When they begin, as `22:00`.
    #[must_use]
    pub fn from(&self) -> impl fmt::Display {
        self.from.format("%H:%M")
    }

    /// When they end, as `07:00`.
    #[must_use]
    pub fn to(&self) -> impl fmt::Display {
        self.to.format("%H:%M")
    }

    /// Where, as `Europe/Berlin`.
    #[must_use]
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// When the quiet ends that `at` lies in; `None` outside. `from` belongs to it, `to` does not.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        let now = DateTime::from_timestamp_millis(at.0)?;
        // The calendar has ends, and so near to them a neighbouring day need not exist.
        let _ = (now.checked_sub_days(Days::new(7))?, now.checked_add_days(Days::new(7))?);
        let mut end = self.stretch_end(now)?;
        // Where a day is missing or an hour comes twice, the next stretch can begin before this one ends. Two changes
        // of the clock so near each other that three meet were never made.
        for _ in 0..3 {
            match self.stretch_end(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(Timestamp(end.timestamp_millis()))
    }

    /// The end of the stretch that `at` lies in, of several the last.
    fn stretch_end(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.from == self.to {
            return None;
        }
        let today = at.with_timezone(&self.zone).date_naive();
        // The stretch of yesterday can reach into today; that of the day before, when yesterday is one that a zone
        // left out to change sides of the date line.
        let days = [today.checked_sub_days(Days::new(2))?, today.pred_opt()?, today];
        days.into_iter()
            .filter_map(|day| {
                let last_day = if self.to > self.from { day } else { day.succ_opt()? };
                let begins = self.first(day.and_time(self.from))?;
                let ends = self.last(last_day.and_time(self.to))?;
                (begins <= at && at < ends).then_some(ends)
            })
            .max()
    }

    /// When the clock on the wall first shows `local`.
    fn first(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(only) => Some(only.to_utc()),
            LocalResult::Ambiguous(one, other) => Some(one.to_utc().min(other.to_utc())),
            LocalResult::None => self.change_over(local),
        }
    }

    /// When the clock on the wall last shows `local`.
    fn last(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(only) => Some(only.to_utc()),
            LocalResult::Ambiguous(one, other) => Some(one.to_utc().max(other.to_utc())),
            LocalResult::None => self.change_over(local),
        }
    }

    /// When the clock was put forward over `local`, which it never shows.
    fn change_over(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        // No zone is more than 15 hours off UTC, and the largest step ever was a whole day: the change lies between.
        let reach = TimeDelta::hours(40);
        let mut before = local.checked_sub_signed(reach)?.and_utc();
        let mut after = local.checked_add_signed(reach)?.and_utc();
        while after - before > TimeDelta::seconds(1) {
            let middle = before + (after - before) / 2;
            if middle.with_timezone(&self.zone).naive_local() < local { before = middle } else { after = middle }
        }
        // Changes happen at whole seconds, and the search ends within the one before.
        Some(DateTime::from_timestamp(after.timestamp(), 0).unwrap_or(after))
    }
}

/// A time of day in whole minutes, of exactly the form `07:00`.
fn time(text: &str) -> Option<NaiveTime> {
    let is_form = text.len() == 5 && text.bytes().enumerate().all(|(at, byte)| (at == 2) != byte.is_ascii_digit());
    is_form.then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten()
}
