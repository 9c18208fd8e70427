//! What all calls that write have in common: the body, the key, and the way to the log.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::asked::Asked;
use super::{Answer, Refused, answer, told};
use crate::actors::Node;
use crate::bridge::{Append, Appended, DedupeKey};
use crate::domain::entry::{Draft, Kind};
use crate::domain::grants::Right;
use crate::domain::ids::{EntryId, RoomKey};
use crate::domain::limits::Kind as Paid;
use crate::domain::visibility::seen_error;
use crate::protocol::command::events;
use crate::protocol::{Refusal, push};

/// Who writes, as the entry says it, and under whose name keys count.
pub(super) type Author = (Arc<str>, Arc<str>);

/// One entry for the room that a call's path names.
pub(super) struct ToWrite {
    pub(super) kind: Kind,
    pub(super) body: Arc<str>,
    pub(super) author: Author,
    /// What the call's body says; `Idempotency-Key` goes before it.
    pub(super) key: Option<Arc<str>>,
    pub(super) if_offset: Option<u64>,
}

/// Who calls, and the log of the room in the path, where that takes this right. Paid for before the right is looked
/// at, as a session's commands are.
pub(super) fn asked(request: &HttpRequest, kind: Kind, right: Right) -> Result<(Asked, RoomKey), Refusal> {
    let asked = Asked::of(request)?;
    asked.quota.pay(Paid::of_entry(kind))?;
    let log = asked.room(request, right)?;
    Ok((asked, log))
}

/// The body of a call that brings one message.
pub(super) async fn message(asked: &Asked, body: web::Payload) -> Result<String, Refused> {
    read(asked, body, asked.node.config.limits.message_bytes).await
}

/// Writes one entry and says where it stands: 201, or 200 when it had been written under its key before.
pub(super) async fn write(asked: &Asked, request: &HttpRequest, log: RoomKey, entry: ToWrite) -> Answer {
    let ToWrite { kind, body, author: (from, publisher), key, if_offset } = entry;
    let key = idempotency_key(request)?.or(key);
    can_take_more(&asked.node)?;
    let settings = asked.node.config.room(&log.room);
    asked.quota.pay_in_room(&log, settings.rates, Paid::of_entry(kind))?;
    let redaction = asked.node.config.redaction(&log.room);
    let (reply, outcome) = oneshot::channel();
    let draft = draft(&asked.node, kind, from, body);
    let append = Append {
        audit: asked.record_of(&draft, &log.room),
        place: settings.log,
        log,
        draft,
        key: key.map(|key| DedupeKey { publisher, key }),
        if_offset,
        done: Box::new(move |outcome| {
            // Who asked may have gone meanwhile, and then nobody wants the answer.
            let _ = reply.send(outcome);
        }),
    };
    asked.node.bridge.append.do_send(append);
    let outcome = told(outcome).await?.map_err(|error| seen_error(error, &asked.reader(), &redaction));
    let appended = outcome.map_err(Refusal::from)?;
    let status = if appended.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer(HttpResponse::build(status), written(&appended)))
}

/// An entry of this moment.
pub(super) fn draft(node: &Node, kind: Kind, from: Arc<str>, body: Arc<str>) -> Draft {
    Draft { id: EntryId(Uuid::now_v7()), at: node.clock.wall(), kind, from, body }
}

pub(super) fn written(appended: &Appended) -> String {
    push::api::written(appended.offset, appended.entry, appended.duplicate)
}

/// As a room refuses while its readers are far behind, so nothing is taken in that could not go out.
pub(super) fn can_take_more(node: &Node) -> Result<(), Refusal> {
    let is_behind = node.hubs.all().iter().any(|hub| hub.is_behind());
    let refused = || Refusal::unavailable("this node is far behind with its readers").after(Duration::from_secs(1));
    (!is_behind).then_some(()).ok_or_else(refused)
}

/// The body as text, whatever its type is said to be.
pub(super) async fn read(asked: &Asked, body: web::Payload, bytes_max: usize) -> Result<String, Refused> {
    let within = asked.node.config.server.body_time();
    let reading = tokio::time::timeout(within, body.to_bytes_limited(bytes_max)).await;
    let bytes = match reading {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Err(_)) => return Err(Refusal::too_large(format!("a body has at most {bytes_max} bytes here")).into()),
        Ok(Ok(Err(_))) => return Err(Refusal::bad_message("the body did not come whole").into()),
        Err(_) => return Err(Refused::too_slow(within)),
    };
    asked.quota.pay_for_bytes(bytes.len())?;
    let text = String::from_utf8(bytes.into()).map_err(|_| Refusal::bad_message("not JSON: the body is not UTF-8"))?;
    Ok(text)
}

pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<Arc<str>>, Refusal> {
    let mut lines = request.headers().get_all("idempotency-key");
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Refusal::bad_message("Idempotency-Key stands twice"));
    }
    events::key(line.as_bytes()).map(Some)
}
