//! Notifying over HTTP, and a user's inbox and preferences for those who hold no connection.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::oneshot;

use super::asked::{self, Asked, Caller};
use super::query::Query;
use super::writing::{idempotency_key, message};
use super::{Answer, DEADLINE, answer, told};
use crate::actors::notifier::Order;
use crate::bridge::inbox::{ChangeInbox, InboxChange, InboxChanged, List, ListInbox, Listed, ReadPreferences};
use crate::domain::audit::{Act, Draft, Facts};
use crate::domain::grants::Right;
use crate::domain::ids::{Epoch, RoomKey, RoomName};
use crate::domain::limits::Kind as Paid;
use crate::protocol::command::inbox::{self as read, InboxQuery, MarkCommand};
use crate::protocol::push::inbox as told_of;
use crate::protocol::{Refusal, push};

/// `POST /v1/notifications`.
pub(super) async fn notify(request: HttpRequest, body: web::Payload) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with(Right::Notify)?;
    let mut notify = read::notify(&message(&asked, body).await?)?;
    notify.key = idempotency_key(&request)?.or(notify.key);
    let (from, publisher) = asked.author();
    let audit = asked.draft(Act::Notify, Facts::new());
    let (reply, placed) = oneshot::channel();
    let order = Order {
        tenant: asked.tenant().clone(),
        from,
        publisher,
        notify,
        audit,
        done: Box::new(move |placed| {
            // Who asked may have gone meanwhile, and then nobody wants the answer.
            let _ = reply.send(placed);
        }),
    };
    let is_full = asked.node.notifier.try_send(order).is_err();
    if is_full {
        return Err(Refusal::unavailable("too many notifications wait to be written").into());
    }
    let placed = told(placed).await??;
    let status = if placed.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let text = told_of::notified_answer(placed.id, placed.recipients, placed.duplicate);
    Ok(answer(HttpResponse::build(status), text))
}

/// `GET /v1/users/{user}/inbox`.
pub(super) async fn inbox(request: HttpRequest) -> Answer {
    let (asked, log) = own_log(&request, Paid::Inbox)?;
    let query = Query::of(&request)?;
    let InboxQuery { before, limit, filter } = read::query(|name| query.get(name))?;
    let list = ListInbox { log: log.clone(), list: List::Page { before, limit, filter } };
    let mut listed = look(&asked, list.clone()).await?;
    if listed.due.is_some_and(|due| due <= asked.node.clock.wall()) {
        // No room may be open that would do it, and who asks here may never open one.
        change(&asked, log, InboxChange::Settle, None).await?;
        listed = look(&asked, list).await?;
    }
    let (counts, offset) = (listed.counts, listed.offset);
    let page = push::inbox::InboxPage { notifications: &listed.notifications, counts, offset, more: listed.more };
    Ok(answer(HttpResponse::Ok(), told_of::inbox_answer(&page)))
}

async fn look(asked: &Asked, list: ListInbox) -> Result<Listed, Refusal> {
    let listed = asked.node.bridge.inboxes.list.send(list).timeout(DEADLINE).await;
    listed.ok().and_then(Result::ok).ok_or_else(away)
}

/// `POST /v1/users/{user}/inbox/mark`.
pub(super) async fn mark(request: HttpRequest, body: web::Payload) -> Answer {
    let (asked, log) = own_log(&request, Paid::Mark)?;
    let MarkCommand { mark, epoch } = read::mark(&message(&asked, body).await?)?;
    let changed = change(&asked, log, InboxChange::Mark(mark), epoch).await?;
    Ok(answer(HttpResponse::Ok(), told_of::marked_answer(changed.counts, changed.offset)))
}

/// `GET /v1/users/{user}/preferences`.
pub(super) async fn preferences(request: HttpRequest) -> Answer {
    let (asked, log) = own_log(&request, Paid::Inbox)?;
    let read = asked.node.bridge.inboxes.preferences.send(ReadPreferences { log }).timeout(DEADLINE).await;
    let preferences = read.ok().and_then(Result::ok).ok_or_else(away)?;
    Ok(answer(HttpResponse::Ok(), told_of::preferences_answer(&preferences)))
}

/// `PATCH /v1/users/{user}/preferences`.
pub(super) async fn prefer(request: HttpRequest, body: web::Payload) -> Answer {
    let (asked, log) = own_log(&request, Paid::Mark)?;
    let set = read::preferences(&message(&asked, body).await?)?;
    let changed = change(&asked, log, InboxChange::Prefer(set), None).await?;
    // A change of preferences always tells what they are.
    Ok(answer(HttpResponse::Ok(), told_of::preferences_answer(changed.preferences.as_deref().unwrap_or("{}"))))
}

/// Who calls, and the log of the user that the path names. A backend needs the right to notify, for it is about that.
fn own_log(request: &HttpRequest, paid: Paid) -> Result<(Asked, RoomKey), Refusal> {
    let asked = Asked::of(request)?;
    asked.quota.pay(paid)?;
    if let Caller::Backend(_) = asked.caller {
        asked.backend_with(Right::Notify)?;
    }
    let user = asked::user(&asked, request)?;
    let log = RoomKey::new(asked.tenant().clone(), RoomName::personal(&user));
    Ok((asked, log))
}

async fn change(
    asked: &Asked,
    log: RoomKey,
    change: InboxChange,
    epoch: Option<Epoch>,
) -> Result<InboxChanged, Refusal> {
    let (reply, changed) = oneshot::channel();
    let (from, at): (Arc<str>, _) = (asked.author().0, asked.node.clock.wall());
    let audit = audit_of(asked, &log, &change);
    let done = Box::new(move |outcome| {
        let _ = reply.send(outcome);
    });
    asked.node.bridge.inboxes.change.do_send(ChangeInbox { log, from, at, change, epoch, audit, done });
    Ok(told(changed).await??)
}

/// The record of a change, without what the store adds. What users mark in their own inboxes has none.
fn audit_of(asked: &Asked, log: &RoomKey, change: &InboxChange) -> Option<Draft> {
    let is_backend = matches!(asked.caller, Caller::Backend(_));
    let act = Act::of_change(change).filter(|act| is_backend || *act != Act::Mark)?;
    let user = log.room.owner()?;
    asked.draft(act, Facts::new().name("user", user.as_str()))
}

fn away() -> Refusal {
    Refusal::unavailable("the inbox can't be read now")
}
