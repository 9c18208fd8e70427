//! The fields of commands of the inbox.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::value::RawValue;

use super::{Field, Fields, OFFSET_RULE, cut, missing, uuid_of, wrong};
use crate::domain::entry::Timestamp;
use crate::domain::ids::Epoch;
use crate::domain::inbox::{Filter, Mark, Shelf, Status, Which};
use crate::domain::notification::{Level, NotificationId};
use crate::protocol::command::inbox::{InboxQuery, MarkCommand};
use crate::protocol::refusal::Refusal;

pub(super) const LEVEL_RULE: &str = "info, success, warning or error";
pub(super) const TIME_RULE: &str = "a time such as 2026-11-21T06:50:52Z";
const IDS_RULE: &str = "a list of 1 to 1,000 ids of notifications, or \"all\"";
const AS_RULE: &str = "seen, read, unread, archived, unarchived or snoozed";
const FILTER_RULE: &str = "unread, archived or snoozed";
const IDS_MAX: usize = 1_000;
const TOPIC_RULE: &str = "1 to 100 characters";

impl Field<'_> {
    /// A time that may be there, as RFC 3339 with any offset, between 1970 and 9999.
    pub(super) fn optional_time(self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.optional_text(name, TIME_RULE, |text| text.len() <= 40)? else { return Ok(None) };
        let time = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis());
        let in_range = time.filter(|millis| (0..253_402_300_800_000).contains(millis));
        in_range.map(|millis| Some(Timestamp(millis))).ok_or_else(|| wrong(name, TIME_RULE))
    }

    pub(super) fn optional_level(self, name: &str) -> Result<Option<Level>, Refusal> {
        let text = self.optional_text(name, LEVEL_RULE, |_| true)?;
        text.map(|text| Level::parse(&text).ok_or_else(|| wrong(name, LEVEL_RULE))).transpose()
    }

    pub(super) fn optional_topic(self, name: &str) -> Result<Option<Arc<str>>, Refusal> {
        let fits = |topic: &str| (1..=100).contains(&topic.chars().count());
        Ok(self.optional_text(name, TOPIC_RULE, fits)?.map(Into::into))
    }
}

impl Fields<'_> {
    pub(in super::super) fn inbox(&self) -> Result<InboxQuery, Refusal> {
        let before = self.before.offset("before")?;
        Ok(InboxQuery { before, limit: self.limit()?, filter: self.inbox_filter()? })
    }

    pub(in super::super) fn mark(&self) -> Result<MarkCommand, Refusal> {
        let epoch = self.epoch.optional_text("epoch", "a text", |_| true)?;
        Ok(MarkCommand { mark: self.what_to_mark()?, epoch: epoch.map(|epoch| Epoch(uuid_of(&epoch, 32))) })
    }

    pub(in super::super) fn ack(&self) -> Result<MarkCommand, Refusal> {
        let rule = "the id of a notification";
        let id = self.notification.text("notification", rule)?;
        let id = NotificationId::parse(&id).unwrap_or_default();
        Ok(MarkCommand { mark: Mark::Ack { id }, epoch: None })
    }

    /// The compact JSON of `set`, if it is there: an object.
    pub(in super::super) fn preferences(&self) -> Result<Option<Arc<str>>, Refusal> {
        let Some(json) = self.set.given() else { return Ok(None) };
        if json.starts_with('{') { Ok(Some(json.into())) } else { Err(wrong("set", "an object")) }
    }

    fn what_to_mark(&self) -> Result<Mark, Refusal> {
        let undo = self.undo.offset("undo")?;
        let mark_as = self.mark_as.optional_text("as", AS_RULE, |_| true)?;
        let upto = self.upto.offset("upto")?;
        let mark_as = match (undo, mark_as) {
            (Some(offset), None) => return Ok(Mark::Undo { offset }),
            (Some(_), Some(_)) => return Err(Refusal::bad_message("undo and as exclude each other")),
            (None, None) => return Err(missing("as", AS_RULE)),
            (None, Some(mark_as)) => mark_as,
        };
        if mark_as == "seen" {
            // A watermark has no list: what was seen is all up to there.
            if self.notifications.given().is_some() {
                return Err(Refusal::bad_message(
                    "notifications must be left out with as seen, which takes upto alone",
                ));
            }
            return upto.map(|upto| Mark::Seen { upto }).ok_or_else(|| missing("upto", OFFSET_RULE));
        }
        let until = self.until.optional_time("until")?;
        let status = match (&*mark_as, until) {
            ("read", _) => Status::Read,
            ("unread", _) => Status::Unread,
            ("archived", _) => Status::Archived,
            ("unarchived", _) => Status::Unarchived,
            ("snoozed", Some(until)) => Status::Snoozed { until },
            ("snoozed", None) => return Err(missing("until", TIME_RULE)),
            _ => return Err(wrong("as", AS_RULE)),
        };
        Ok(Mark::As { which: self.which(upto)?, status })
    }

    fn which(&self, upto: Option<u64>) -> Result<Which, Refusal> {
        let json = self.notifications.given().ok_or_else(|| missing("notifications", IDS_RULE))?;
        if json == "\"all\"" {
            let upto = upto.ok_or_else(|| missing("upto", OFFSET_RULE))?;
            return Ok(Which::All { upto, filter: self.inbox_filter()? });
        }
        let texts: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong("notifications", IDS_RULE))?;
        if !(1..=IDS_MAX).contains(&texts.len()) {
            return Err(wrong("notifications", IDS_RULE));
        }
        // What can't be one of our ids becomes the nil one, which is unknown like any other that we never gave out.
        let id = |raw: &&RawValue| {
            let text: String = serde_json::from_str(raw.get()).map_err(|_| wrong("notifications", IDS_RULE))?;
            Ok(NotificationId::parse(&text).unwrap_or_default())
        };
        Ok(Which::These(texts.iter().map(id).collect::<Result<_, Refusal>>()?))
    }

    fn inbox_filter(&self) -> Result<Filter, Refusal> {
        let on = match self.filter.optional_text("filter", FILTER_RULE, |_| true)?.as_deref() {
            None => Shelf::Current,
            Some("unread") => Shelf::Unread,
            Some("archived") => Shelf::Archived,
            Some("snoozed") => Shelf::Snoozed,
            Some(_) => return Err(wrong("filter", FILTER_RULE)),
        };
        Ok(Filter {
            shelf: on,
            topic: self.topic.optional_topic("topic")?,
            level: self.level.optional_level("level")?,
            room: self.optional_room()?,
        })
    }

    pub(in super::super) fn notify(&self) -> Result<crate::domain::notification::Notify, Refusal> {
        let fields: super::notify::NotificationFields<'_> = match self.notification.given() {
            Some(json) => cut("notification", json)?,
            None => return Err(missing("notification", "an object")),
        };
        super::notify::notify(self.to, &fields, self.key()?)
    }
}
