//! `POST /v1/rooms/{room}/activity`.

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use super::Answer;
use super::asked::{Asked, Caller};
use super::writing::{self, Author, ToWrite};
use crate::domain::entry::Kind;
use crate::domain::grants::Right;
use crate::domain::ids::UserId;
use crate::domain::visibility::seal;
use crate::protocol::command::bodies::{self, Activity};
use crate::protocol::{Refusal, push};

/// Tells that somebody did something: the user whose token it is, or whom a backend names, or the backend itself.
pub(super) async fn track(request: HttpRequest, body: web::Payload) -> Answer {
    let (asked, log) = writing::asked(&request, Kind::Activity, Right::Track)?;
    let activity = bodies::activity(&writing::message(&asked, body).await?)?;
    let Activity { user, action, target, metadata, key, visible_to } = activity;
    let author = author(&asked, user.as_ref())?;
    let body = seal(visible_to.as_ref(), push::track_body(&action, target.as_deref(), metadata.as_deref()));
    let entry = ToWrite { kind: Kind::Activity, body, author, key, if_offset: None };
    writing::write(&asked, &request, log, entry).await
}

fn author(asked: &Asked, user: Option<&UserId>) -> Result<Author, Refusal> {
    match (&asked.caller, user) {
        (Caller::Backend(key), Some(user)) => {
            let from = push::api::from_backend_for(&key.name, user);
            // Keys count for each user: that they are another's is no content that a conflict could be seen by.
            Ok((Arc::clone(&from), from))
        }
        (Caller::User(identity), Some(user)) if *user != identity.user.id => {
            Err(Refusal::forbidden("a user's token tracks for that user alone"))
        }
        _ => Ok(asked.author()),
    }
}
