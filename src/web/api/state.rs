//! `POST /v1/rooms/{room}/state`.

use actix_web::{HttpRequest, web};

use super::Answer;
use super::writing::{self, ToWrite};
use crate::domain::entry::Kind;
use crate::domain::grants::Right;
use crate::protocol::command::bodies::{self, StateWrite};

/// Changes a room's state. Who comes too late for `if_offset` is told by the log, where the entry gets its number.
pub(super) async fn set(request: HttpRequest, body: web::Payload) -> Answer {
    let (asked, log) = writing::asked(&request, Kind::State, Right::Set)?;
    let StateWrite { change, if_offset, key } = bodies::state(&writing::message(&asked, body).await?)?;
    let entry = ToWrite { kind: Kind::State, body: change.to_body(), author: asked.author(), key, if_offset };
    writing::write(&asked, &request, log, entry).await
}
