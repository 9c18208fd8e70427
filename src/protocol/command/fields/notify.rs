//! The fields of an order to notify somebody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Field, Refusal, cut, missing, wrong};
use crate::domain::ids::{RoomName, UserId};
use crate::domain::notification::{Addressees, Escalation, Level, Notification, Notify};

/// The fields of `to` and of `escalate_to`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ToFields<'a> {
    #[serde(borrow)]
    users: Field<'a>,
    #[serde(borrow)]
    room: Field<'a>,
    #[serde(borrow)]
    role: Field<'a>,
    #[serde(borrow)]
    everyone: Field<'a>,
}

/// The fields of `notification`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NotificationFields<'a> {
    #[serde(borrow)]
    level: Field<'a>,
    #[serde(borrow)]
    title: Field<'a>,
    #[serde(borrow)]
    message: Field<'a>,
    #[serde(borrow)]
    topic: Field<'a>,
    #[serde(borrow)]
    room: Field<'a>,
    #[serde(borrow)]
    duration: Field<'a>,
    #[serde(borrow)]
    critical: Field<'a>,
    #[serde(borrow)]
    actions: Field<'a>,
    #[serde(borrow)]
    metadata: Field<'a>,
    #[serde(borrow)]
    dedupe: Field<'a>,
    #[serde(borrow)]
    expires: Field<'a>,
    #[serde(borrow)]
    escalate_after: Field<'a>,
    #[serde(borrow)]
    escalate_to: Field<'a>,
}

/// One thing that can be done about a notification.
#[derive(Deserialize, Serialize)]
struct Action {
    id: String,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

const TO_RULE: &str = "one of {\"users\":[…]}, {\"room\":…}, {\"role\":…}, {\"everyone\":true}";
const USERS_RULE: &str = "a list of 1 to 1,000 users";
const USERS_MAX: usize = 1_000;
const TITLE_RULE: &str = "1 to 200 characters";
const MESSAGE_RULE: &str = "up to 2,000 characters";
const DURATION_RULE: &str = "milliseconds from 1 to 86400000, or null to stay until dismissed";
const ACTIONS_RULE: &str =
    "a list of up to 5 of {\"id\":…,\"label\":…,\"url\"?}, ids of 1 to 64 and labels of 1 to 100 characters";
const URL_RULE: &str = "http:// or https:// and a host, or a path that begins with one /; up to 2,000 characters";
const ESCALATE_RULE: &str = "seconds from 1 to 604800";
/// A toast that nobody has to act on goes by itself; a warning stays longer than good news.
const SHORT_MS: u32 = 5_000;
const LONG_MS: u32 = 8_000;
const DAY_MS: u32 = 86_400_000;

/// The order that these fields make.
pub(super) fn notify(to: Field<'_>, fields: &NotificationFields<'_>, key: Option<Arc<str>>) -> Result<Notify, Refusal> {
    let to = addressees("to", to.given().ok_or_else(|| missing("to", TO_RULE))?)?;
    let notification = notification(fields)?;
    let after = fields.escalate_after.whole("notification.escalate_after", ESCALATE_RULE)?;
    let escalation = match (after, fields.escalate_to.given()) {
        (None, None) => None,
        (Some(after @ 1..=604_800), Some(to)) => {
            Some(Escalation { after: Duration::from_secs(after), to: addressees("notification.escalate_to", to)? })
        }
        (Some(_), Some(_)) => return Err(wrong("notification.escalate_after", ESCALATE_RULE)),
        _ => return Err(Refusal::bad_message("notification.escalate_after and escalate_to need each other")),
    };
    // What nobody is asked to acknowledge would escalate every time.
    if escalation.is_some() && !notification.critical {
        return Err(Refusal::bad_message("notification.critical must be true for what escalates"));
    }
    Ok(Notify { to, notification, escalation, key })
}

fn notification(fields: &NotificationFields<'_>) -> Result<Notification, Refusal> {
    let level = fields.level.optional_level("notification.level")?.unwrap_or_default();
    let critical = fields.critical.optional("notification.critical", "true or false")?.unwrap_or(false);
    let within = |min: usize, max: usize| move |text: &str| (min..=max).contains(&text.chars().count());
    let title = fields.title.optional_text("notification.title", TITLE_RULE, within(1, 200))?;
    let message = fields.message.optional_text("notification.message", MESSAGE_RULE, within(0, 2_000))?;
    let room = fields.room.optional_text("notification.room", super::ROOM_RULE, |_| true)?;
    let actions = actions(fields.actions)?;
    Ok(Notification {
        level,
        title: title.ok_or_else(|| missing("notification.title", TITLE_RULE))?.into(),
        message: message.map(Into::into),
        topic: fields.topic.optional_topic("notification.topic")?,
        room: room
            .map(|room| RoomName::parse(&room).map_err(|bad| Refusal::bad_message(bad.to_string())))
            .transpose()?,
        duration_ms: duration(fields.duration, level, critical || &*actions != "[]")?,
        critical,
        actions,
        metadata: fields.metadata.given().map(Into::into),
        dedupe: fields.dedupe.optional_text("notification.dedupe", TITLE_RULE, within(1, 200))?.map(Into::into),
        expires: fields.expires.optional_time("notification.expires")?,
    })
}

/// What is not said depends on whether somebody has to do something about it.
fn duration(field: Field<'_>, level: Level, wants_action: bool) -> Result<Option<u32>, Refusal> {
    match field.0 {
        None => Ok(match level {
            _ if wants_action => None,
            Level::Info | Level::Success => Some(SHORT_MS),
            Level::Warning => Some(LONG_MS),
            Level::Error => None,
        }),
        Some("null") => Ok(None),
        Some(_) => {
            let duration = field.whole("notification.duration", DURATION_RULE)?;
            let duration = duration.and_then(|duration| u32::try_from(duration).ok());
            let fits = duration.filter(|duration| (1..=DAY_MS).contains(duration));
            fits.map(Some).ok_or_else(|| wrong("notification.duration", DURATION_RULE))
        }
    }
}

fn actions(field: Field<'_>) -> Result<Arc<str>, Refusal> {
    let name = "notification.actions";
    let given = field.optional_list(name, ACTIONS_RULE)?.unwrap_or_default();
    let actions: Vec<Action> = given
        .into_iter()
        .map(|action| cut(name, action.get()).map_err(|_| wrong(name, ACTIONS_RULE)))
        .collect::<Result<_, _>>()?;
    let mut ids = HashSet::new();
    for action in &actions {
        let fits = (1..=64).contains(&action.id.chars().count()) && (1..=100).contains(&action.label.chars().count());
        if actions.len() > 5 || !fits || !ids.insert(&action.id) {
            return Err(wrong(name, ACTIONS_RULE));
        }
        if action.url.as_deref().is_some_and(|url| !is_safe_url(url)) {
            return Err(wrong("notification.actions: url", URL_RULE));
        }
    }
    Ok(serde_json::to_string(&actions).expect("texts become JSON").into())
}

/// Whether following `url` stays in the web: no script, and no other host by two slashes or by a backslash, which
/// browsers read as a slash.
fn is_safe_url(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let host =
        ["http://", "https://"].iter().find_map(|scheme| lower.starts_with(scheme).then(|| &url[scheme.len()..]));
    let is_clean = !url.chars().any(|c| c.is_control() || c == '\\') && url.chars().count() <= 2_000;
    let is_path = url.starts_with('/') && !url.starts_with("//");
    is_clean && (is_path || host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '[')))
}

fn addressees(name: &str, json: &str) -> Result<Addressees, Refusal> {
    let fields: ToFields<'_> = cut(name, json)?;
    let given = [fields.users, fields.room, fields.role, fields.everyone];
    if given.iter().filter(|field| field.given().is_some()).count() != 1 {
        return Err(wrong(name, TO_RULE));
    }
    if fields.users.given().is_some() {
        return users(name, fields.users).map(Addressees::Users);
    }
    if fields.room.given().is_some() {
        let room = fields.room.text(&format!("{name}.room"), super::ROOM_RULE)?;
        return RoomName::parse(&room).map(Addressees::Room).map_err(|bad| Refusal::bad_message(bad.to_string()));
    }
    if fields.role.given().is_some() {
        let rule = "1 to 200 characters";
        let fits = |role: &str| (1..=200).contains(&role.chars().count());
        let named = fields.role.optional_text(&format!("{name}.role"), rule, fits)?;
        return named.map(|role| Addressees::Role(role.into())).ok_or_else(|| wrong(name, TO_RULE));
    }
    match fields.everyone.given() {
        Some("true") => Ok(Addressees::Everyone),
        _ => Err(wrong(name, TO_RULE)),
    }
}

/// Each user once, in the order named.
fn users(name: &str, field: Field<'_>) -> Result<Vec<UserId>, Refusal> {
    let name = format!("{name}.users");
    let named = field.optional::<Vec<String>>(&name, USERS_RULE)?.unwrap_or_default();
    if !(1..=USERS_MAX).contains(&named.len()) {
        return Err(wrong(&name, USERS_RULE));
    }
    let mut seen = HashSet::new();
    let mut users = Vec::with_capacity(named.len());
    for user in named {
        let user = UserId::parse(&user).map_err(|bad| Refusal::bad_message(format!("{name}: {bad}")))?;
        if seen.insert(user.clone()) {
            users.push(user);
        }
    }
    Ok(users)
}
