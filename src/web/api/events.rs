//! Writing: one event, or many in one transaction.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::asked::Asked;
use super::{Answer, answer, told};
use crate::actors::Node;
use crate::bridge::{Append, AppendAll, Appended, DedupeKey, OneOfAll};
use crate::domain::entry::{Draft, Kind};
use crate::domain::grants::Right;
use crate::domain::ids::{EntryId, RoomKey, RoomName};
use crate::protocol::command::events::{self, Event};
use crate::protocol::{Refusal, push};

/// Events of one batch.
const BATCH_MAX: usize = 1_000;
/// A batch has at most the bytes of so many messages.
const BATCH_MESSAGES: usize = 64;
/// A body that takes longer to come is not waited for.
const BODY_TIME: Duration = Duration::from_secs(30);

/// `POST /v1/rooms/{room}/events`.
pub(super) async fn publish(request: HttpRequest, body: web::Payload) -> Answer {
    let asked = Asked::of(&request)?;
    let log = asked.room(&request, Right::Publish)?;
    let text = read(body, asked.node.config.limits.message_bytes).await?;
    let mut event = events::event(&text)?;
    if let Some(key) = idempotency_key(&request)? {
        event.key = Some(key);
    }
    let one = one(&asked, log, event);
    can_take_more(&asked.node)?;
    let (reply, outcome) = oneshot::channel();
    let OneOfAll { log, place, draft, key } = one;
    let done = Box::new(move |outcome| {
        // Who asked may have gone meanwhile, and then nobody wants the answer.
        let _ = reply.send(outcome);
    });
    asked.node.bridge.append.do_send(Append { log, place, draft, key, if_offset: None, done });
    let appended = told(outcome).await?.map_err(Refusal::from)?;
    let status = if appended.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer(HttpResponse::build(status), written(&appended)))
}

/// `POST /v1/batch`.
pub(super) async fn batch(request: HttpRequest, body: web::Payload) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with(Right::Publish)?;
    let message_bytes = asked.node.config.limits.message_bytes;
    let text = read(body, message_bytes * BATCH_MESSAGES).await?;
    let items = events::batch(&text, BATCH_MAX, message_bytes)?;
    can_take_more(&asked.node)?;
    // What is wrong in itself keeps its place; the others go together.
    let mut results: Vec<Result<String, Refusal>> = Vec::with_capacity(items.len());
    let (mut entries, mut places) = (Vec::new(), Vec::new());
    for (place, item) in items.into_iter().enumerate() {
        let checked = item.and_then(|(room, event)| asked.may(&room, Right::Publish).map(|()| (room, event)));
        results.push(match checked {
            Err(refusal) => Err(refusal),
            Ok((room, event)) => {
                entries.push(one(&asked, key_of(&asked, room), event));
                places.push(place);
                Err(Refusal::unavailable("it was not answered"))
            }
        });
    }
    if !entries.is_empty() {
        let (reply, outcomes) = oneshot::channel();
        let done = Box::new(move |outcomes| {
            let _ = reply.send(outcomes);
        });
        asked.node.bridge.append_all.do_send(AppendAll { entries, done });
        for (place, outcome) in places.into_iter().zip(told(outcomes).await?) {
            results[place] = outcome.map(|appended| written(&appended)).map_err(Refusal::from);
        }
    }
    Ok(answer(HttpResponse::Ok(), push::api::results(results)))
}

fn key_of(asked: &Asked, room: RoomName) -> RoomKey {
    RoomKey::new(asked.tenant().clone(), room)
}

fn one(asked: &Asked, log: RoomKey, event: Event) -> OneOfAll {
    let (from, publisher) = asked.author();
    let draft = Draft {
        id: EntryId(Uuid::now_v7()),
        at: asked.node.clock.wall(),
        kind: Kind::Event,
        from,
        body: push::publish_body(&event.event, &event.data),
    };
    let place = asked.node.config.room(&log.room).log;
    OneOfAll { log, place, draft, key: event.key.map(|key| DedupeKey { publisher, key }) }
}

/// As a room refuses while its readers are far behind, so nothing is taken in that could not go out.
fn can_take_more(node: &Node) -> Result<(), Refusal> {
    let is_behind = node.hubs.all().iter().any(crate::delivery::HubHandle::is_behind);
    let refused = || Refusal::unavailable("this node is far behind with its readers").after(Duration::from_secs(1));
    (!is_behind).then_some(()).ok_or_else(refused)
}

fn written(appended: &Appended) -> String {
    push::api::written(appended.offset, appended.entry, appended.duplicate)
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<Arc<str>>, Refusal> {
    let mut lines = request.headers().get_all("idempotency-key");
    let Some(line) = lines.next() else { return Ok(None) };
    let text = std::str::from_utf8(line.as_bytes()).ok().filter(|_| lines.next().is_none());
    text.ok_or_else(|| Refusal::bad_message("Idempotency-Key must be one UTF-8 text")).and_then(events::key).map(Some)
}

/// The body as text, whatever its type is said to be.
async fn read(body: web::Payload, bytes_max: usize) -> Result<String, Refusal> {
    let reading = tokio::time::timeout(BODY_TIME, body.to_bytes_limited(bytes_max)).await;
    let bytes = match reading {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Err(_)) => return Err(Refusal::too_large(format!("a body has at most {bytes_max} bytes here"))),
        Ok(Ok(Err(_))) | Err(_) => return Err(Refusal::bad_message("the body did not come whole")),
    };
    String::from_utf8(bytes.into()).map_err(|_| Refusal::bad_message("not JSON: the body is not UTF-8"))
}
