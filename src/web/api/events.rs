//! Events: one, or many in one transaction.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::oneshot;

use super::asked::Asked;
use super::writing::{self, ToWrite, written};
use super::{Answer, answer, told};
use crate::bridge::{AppendAll, DedupeKey, OneOfAll};
use crate::domain::entry::Kind;
use crate::domain::grants::Right;
use crate::domain::ids::{RoomKey, RoomName};
use crate::domain::limits::Kind as Paid;
use crate::domain::visibility::seal;
use crate::protocol::command::events::{self, Event};
use crate::protocol::{Refusal, push};

/// Events of one batch.
const BATCH_MAX: usize = 1_000;
/// A batch has at most the bytes of so many messages.
const BATCH_MESSAGES: usize = 64;

/// `POST /v1/rooms/{room}/events`.
pub(super) async fn publish(request: HttpRequest, body: web::Payload) -> Answer {
    let (asked, log) = writing::asked(&request, Kind::Event, Right::Publish)?;
    let event = events::event(&writing::message(&asked, body).await?)?;
    let body = body_of(&event);
    let entry = ToWrite { kind: Kind::Event, body, author: asked.author(), key: event.key, if_offset: None };
    writing::write(&asked, &request, log, entry).await
}

/// `POST /v1/batch`.
pub(super) async fn batch(request: HttpRequest, body: web::Payload) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with(Right::Publish)?;
    let message_bytes = asked.node.config.limits.message_bytes;
    let text = writing::read(&asked, body, message_bytes * BATCH_MESSAGES).await?;
    let items = events::batch(&text, BATCH_MAX, message_bytes)?;
    let batch_key = writing::idempotency_key(&request)?;
    writing::can_take_more(&asked.node)?;
    // What is wrong in itself, or too fast for its room, keeps its place; the others go together.
    let mut results: Vec<Result<String, Refusal>> = Vec::with_capacity(items.len());
    let (mut entries, mut places) = (Vec::new(), Vec::new());
    for (place, item) in items.into_iter().enumerate() {
        let item = item.map(|(room, event)| (room, named(event, batch_key.as_deref(), place)));
        results.push(match item.and_then(|(room, event)| one(&asked, room, event)) {
            Err(refusal) => Err(refusal),
            Ok(entry) => {
                entries.push(entry);
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

fn one(asked: &Asked, room: RoomName, event: Event) -> Result<OneOfAll, Refusal> {
    asked.may(&room, Right::Publish)?;
    let log = RoomKey::new(asked.tenant().clone(), room);
    let settings = asked.node.config.room(&log.room);
    asked.quota.pay_in_room(&log, settings.rates, Paid::Publish)?;
    let (from, publisher) = asked.author();
    let draft = writing::draft(&asked.node, Kind::Event, from, body_of(&event));
    let audit = asked.record_of(&draft, &log.room);
    Ok(OneOfAll { log, place: settings.log, draft, key: event.key.map(|key| DedupeKey { publisher, key }), audit })
}

/// A batch that is repeated under one `Idempotency-Key` is the same as before, event by event: who has no key of its own
/// goes by its place.
fn named(event: Event, batch_key: Option<&str>, place: usize) -> Event {
    let by_place = batch_key.filter(|_| event.key.is_none()).map(|key| format!("{key}#{place}").into());
    Event { key: by_place.or(event.key), ..event }
}

fn body_of(Event { event, data, visible_to, .. }: &Event) -> Arc<str> {
    seal(visible_to.as_ref(), push::publish_body(event, data))
}
