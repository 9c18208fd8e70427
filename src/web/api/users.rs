//! Where a user is, the end of sessions, and users that are forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::asked::{self, Asked, Caller};
use super::query::Query;
use super::{Answer, DEADLINE, answer, told};
use crate::actors::directory::queries::{self, EndSessions, FindUser, Whose};
use crate::bridge::Unavailable;
use crate::bridge::users::{ForgetUser, ReadUser, RefuseTokens};
use crate::domain::audit::{Act, Facts};
use crate::domain::entry::Timestamp;
use crate::domain::grants::Right;
use crate::domain::ids::{SessionId, UserKey};
use crate::domain::limits::Kind as Paid;
use crate::protocol::codes::ErrorCode;
use crate::protocol::{Refusal, push};

/// `GET /v1/users/{user}`.
pub(super) async fn user(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    // Each of the user's sessions is asked, so it is paid for as dearly as a look into a room.
    asked.quota.pay(Paid::Join)?;
    if let Caller::Backend(_) = asked.caller {
        asked.backend_with(Right::Join)?;
    }
    let user = asked::user(&asked, &request)?;
    let (reply, found) = oneshot::channel();
    let key = UserKey::new(asked.tenant().clone(), user.clone());
    asked.node.directory.do_send(FindUser { user: key.clone(), reply });
    let (mut rooms, mut sessions, mut gone) = (BTreeSet::new(), Vec::new(), Vec::new());
    for session in told(found).await? {
        sessions.push(session.session);
        gone.push(session.gone_at);
        // A session that ends at this moment is in no room any more.
        rooms.extend(told(session.rooms).await.unwrap_or_default());
    }
    sessions.sort_unstable();
    // Somebody who is here is seen right now; somebody who was is remembered.
    let last_seen = match gone.into_iter().collect::<Option<Vec<_>>>() {
        None => None,
        Some(gone) if gone.is_empty() => remembered(&asked, key).await?,
        Some(gone) => gone.into_iter().max(),
    };
    let rooms: Vec<_> = rooms.into_iter().collect();
    Ok(answer(HttpResponse::Ok(), push::api::user(&user, &rooms, &sessions, last_seen)))
}

/// `DELETE /v1/users/{user}/sessions`.
pub(super) async fn end_sessions_of(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with_all_rights()?;
    let before = Query::of(&request)?.time("tokens_before", asked.node.clock.wall())?;
    let user = UserKey::new(asked.tenant().clone(), asked::user(&asked, &request)?);
    match before {
        None => end(&asked, Whose::User(user)).await?,
        Some(before) => refuse_tokens(&asked, user, before).await?,
    };
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /v1/sessions/{session}`.
pub(super) async fn end_session(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with_all_rights()?;
    let session = SessionId::parse(&asked::segment(&request)?).map_err(|bad| Refusal::bad_message(bad.to_string()))?;
    if end(&asked, Whose::Session(asked.tenant().clone(), session)).await? == 0 {
        return Err(Refusal::new(ErrorCode::NotFound, "there is no such session").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /v1/users/{user}`.
pub(super) async fn forget(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with_all_rights()?;
    let user = UserKey::new(asked.tenant().clone(), asked::user(&asked, &request)?);
    forget_user(&asked, user).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forgets first and ends the sessions then, those of whoever came in between among them. What follows the commit is done
/// by the bridge's thread, also when the caller has hung up.
async fn forget_user(asked: &Asked, user: UserKey) -> Result<(), Refusal> {
    let audit = asked.draft(Act::Remove, Facts::new().name("user", user.user.as_str()));
    let (forgotten, is_forgotten) = oneshot::channel();
    let (reply, ended) = oneshot::channel();
    let (directory, whose) = (asked.node.directory.clone(), user.clone());
    let done = Box::new(move |outcome: Result<(), Unavailable>| {
        if outcome.is_ok() {
            directory.do_send(queries::ForgetUser { user: whose, reply });
        }
        let _ = forgotten.send(outcome);
    });
    asked.node.bridge.users.forget.do_send(ForgetUser { user, audit, done });
    told(is_forgotten).await?.map_err(|Unavailable| Refusal::unavailable("this can't be written now"))?;
    told(ended).await?;
    Ok(())
}

async fn end(asked: &Asked, whose: Whose) -> Result<usize, Refusal> {
    let what = match &whose {
        Whose::User(user) => Facts::new().name("user", user.user.as_str()),
        Whose::Session(_, session) => Facts::new().name("session", session.as_str()),
    };
    let (reply, ended) = oneshot::channel();
    asked.node.directory.do_send(EndSessions { whose, reply });
    let ended = told(ended).await?;
    asked.recorded(Act::End, what.number("ended", ended as u64)).await?;
    Ok(ended)
}

/// Refuses older tokens and ends the sessions, in this order: whoever comes in between is looked at once more. What follows
/// the commit is done by the bridge's thread, also when the caller has hung up.
async fn refuse_tokens(asked: &Asked, user: UserKey, before: Timestamp) -> Result<usize, Refusal> {
    let (refused, is_refused) = oneshot::channel();
    let (reply, ended) = oneshot::channel();
    let (node, whose) = (Arc::clone(&asked.node), user.clone());
    let what = Facts::new().name("user", user.user.as_str()).name("tokens_before", &before.to_string());
    let done = Box::new(move |outcome: Result<(), Unavailable>| {
        if outcome.is_ok() {
            node.gate.refuse_tokens(whose.clone(), before);
            node.directory.do_send(EndSessions { whose: Whose::User(whose), reply });
        }
        let _ = refused.send(outcome);
    });
    asked.node.bridge.users.refuse_tokens.do_send(RefuseTokens { user, before, done });
    told(is_refused).await?.map_err(|Unavailable| Refusal::unavailable("this can't be written now"))?;
    let ended = told(ended).await?;
    asked.recorded(Act::End, what.number("ended", ended as u64)).await?;
    Ok(ended)
}

/// When somebody was here who is not.
async fn remembered(asked: &Asked, user: UserKey) -> Result<Option<Timestamp>, Refusal> {
    let known = asked.node.bridge.users.one.send(ReadUser { user }).timeout(DEADLINE).await;
    let known = known.ok().and_then(Result::ok).ok_or_else(|| Refusal::unavailable("users can't be read now"))?;
    Ok(known.map(|known| known.last_seen))
}
