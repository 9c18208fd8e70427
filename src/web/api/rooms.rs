//! Reading: which rooms there are, who is in one, and what was before.

use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::asked::Asked;
use super::query::Query;
use super::{Answer, answer, told};
use crate::actors::directory::queries::{Find, ListRooms};
use crate::actors::room::history::question;
use crate::actors::room::look::Look;
use crate::bridge::{ReadPicture, Selection};
use crate::domain::grants::Right;
use crate::domain::limits::Kind as Paid;
use crate::domain::visibility::seen_all;
use crate::protocol::command::events::{self, HistoryQuery};
use crate::protocol::{Refusal, push};

/// Rooms of one page.
const ROOMS_MAX: usize = 1_000;
const ROOMS_DEFAULT: usize = 100;

/// `GET /v1/rooms`.
pub(super) async fn list(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    let tenant = asked.backend_with(Right::Join)?.tenant.clone();
    let query = Query::of(&request)?;
    let limit = query.number("limit", ROOMS_DEFAULT, ROOMS_MAX)?;
    let (reply, listed) = oneshot::channel();
    let prefix = query.get("prefix").unwrap_or_default().to_owned();
    let after = query.get("page").map(str::to_owned);
    asked.node.directory.do_send(ListRooms { tenant, prefix, after, limit, reply });
    let (rooms, has_more) = told(listed).await?;
    let next = rooms.last().filter(|_| has_more).map(|(room, _)| room);
    Ok(answer(HttpResponse::Ok(), push::api::rooms(&rooms, next)))
}

/// `GET /v1/rooms/{room}`.
pub(super) async fn room(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    // The picture that a join brings, so it is paid for as one.
    asked.quota.pay(Paid::Join)?;
    let key = asked.room(&request, Right::Join)?;
    let (reply, found) = oneshot::channel();
    asked.node.directory.do_send(Find { key: key.clone(), reply });
    if let Some(located) = told(found).await? {
        let (reply, glance) = oneshot::channel();
        located.addr.do_send(Look { reader: asked.reader(), reply });
        // A room that retired or died between the two has nobody in it, and its log answers below.
        if let Ok(Ok(glance)) = tokio::time::timeout(super::DEADLINE, glance).await {
            let picture = push::Picture {
                state: &glance.state,
                activity: &[],
                members: glance.members,
                count: glance.count,
                is_large: glance.is_large,
            };
            return Ok(answer(HttpResponse::Ok(), push::api::room(&key.room, &glance.cursor, picture)));
        }
    }
    let place = asked.node.config.room(&key.room).log;
    let Ok(Ok(mut stored)) = asked.node.bridge.picture.send(ReadPicture { log: key.clone(), place }).await else {
        return Err(Refusal::unavailable("the log can't be read now").into());
    };
    let redaction = asked.node.config.redaction(&key.room);
    let state = redaction.state(&stored.state.to_json(), redaction.view(&asked.reader()));
    let nobody = push::Picture { state: &state, ..push::Picture::count_only(0, false) };
    Ok(answer(HttpResponse::Ok(), push::api::room(&key.room, &stored.ends.head, nobody)))
}

/// `GET /v1/rooms/{room}/history`.
pub(super) async fn history(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.quota.pay(Paid::History)?;
    let key = asked.room(&request, Right::History)?;
    let query = Query::of(&request)?;
    let HistoryQuery { part, below, limit, kinds } = events::history(|name| query.get(name))?;
    let place = asked.node.config.room(&key.room).log;
    let select = question((key.clone(), place), part, below.unwrap_or(u64::MAX), limit, kinds);
    let Ok(Ok(Selection { ends, entries, more })) = asked.node.bridge.select.send(select).await else {
        return Err(Refusal::unavailable("the log can't be read now").into());
    };
    let entries = seen_all(&entries, &asked.reader(), &asked.node.config.redaction(&key.room));
    let oldest = ends.floor.offset + 1;
    Ok(answer(HttpResponse::Ok(), push::api::history(&key.room, &ends.head, oldest, &entries, more)))
}
