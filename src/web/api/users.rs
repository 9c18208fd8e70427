//! Where a user is, and the end of sessions.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::asked::{self, Asked, Caller};
use super::{Answer, answer, told};
use crate::actors::directory::queries::{EndSessions, FindUser, Whose};
use crate::domain::grants::Right;
use crate::domain::ids::SessionId;
use crate::protocol::codes::ErrorCode;
use crate::protocol::{Refusal, push};

/// `GET /v1/users/{user}`.
pub(super) async fn user(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    if let Caller::Backend(_) = asked.caller {
        asked.backend_with(Right::Join)?;
    }
    let user = asked::user(&asked, &request)?;
    let (reply, found) = oneshot::channel();
    asked.node.directory.do_send(FindUser { tenant: asked.tenant().clone(), user: user.clone(), reply });
    let (mut rooms, mut sessions, mut gone) = (BTreeSet::new(), Vec::new(), Vec::new());
    for session in told(found).await? {
        sessions.push(session.session);
        gone.push(session.gone_at);
        // A session that ends at this moment is in no room any more.
        rooms.extend(told(session.rooms).await.unwrap_or_default());
    }
    sessions.sort_unstable();
    // Somebody who is here is seen right now.
    let last_seen = gone.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let rooms: Vec<_> = rooms.into_iter().collect();
    Ok(answer(HttpResponse::Ok(), push::api::user(&user, &rooms, &sessions, last_seen)))
}

/// `DELETE /v1/users/{user}/sessions`.
pub(super) async fn end_sessions_of(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with_all_rights()?;
    if request.query_string().contains("tokens_before") {
        return Err(Refusal::bad_message("tokens_before is not known to this version").into());
    }
    let user = asked::user(&asked, &request)?;
    end(&asked, Whose::User(user)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /v1/sessions/{session}`.
pub(super) async fn end_session(request: HttpRequest) -> Answer {
    let asked = Asked::of(&request)?;
    asked.backend_with_all_rights()?;
    let session = SessionId::parse(&asked::segment(&request)?).map_err(|bad| Refusal::bad_message(bad.to_string()))?;
    if end(&asked, Whose::Session(session)).await? == 0 {
        return Err(Refusal::new(ErrorCode::NotFound, "there is no such session").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn end(asked: &Asked, whose: Whose) -> Result<usize, Refusal> {
    let (reply, ended) = oneshot::channel();
    asked.node.directory.do_send(EndSessions { tenant: asked.tenant().clone(), whose, reply });
    told(ended).await
}
