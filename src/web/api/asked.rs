//! Who asks, and what they may.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::Api;
use super::quota::Quota;
use crate::actors::audit::{self, Deed};
use crate::actors::{Node, WorkerContext};
use crate::auth::{ApiKey, Identity};
use crate::domain::audit::{self as audit_log, Act, Facts};
use crate::domain::entry::Draft;
use crate::domain::grants::Right;
use crate::domain::ids::{RoomKey, RoomName, Tenant, UserId};
use crate::domain::visibility::Reader;
use crate::protocol::codes::ErrorCode;
use crate::protocol::{Refusal, push};
use crate::telemetry::metrics::COUNTS;
use crate::web::identity;

/// A call whose sender is known.
pub(super) struct Asked {
    /// The node.
    pub(super) node: Arc<Node>,
    /// Who calls.
    pub(super) caller: Caller,
    /// What the caller pays from.
    pub(super) quota: Quota,
    /// From where.
    address: IpAddr,
}

/// Who calls.
pub(super) enum Caller {
    /// A backend.
    Backend(Arc<ApiKey>),
    /// A user, for whom realtime may be off.
    User(Box<Identity>),
}

impl Asked {
    /// Reads who calls from `Authorization`: an API key, or a user's token.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let node = Arc::clone(&context_of(request)?.node);
        let api = request.app_data::<web::ThinData<Arc<Api>>>().ok_or_else(no_context)?;
        let address = address_of(request, &node);
        if let Some(wait) = api.failures.blocked(address) {
            node.audit.turned_away(address, "too many refused keys");
            return Err(Refusal::rate_limited("too many refused keys from this address", wait));
        }
        let caller = caller(request, &node, api).inspect_err(|refusal| {
            // While an issuer's keys are being fetched nobody has guessed anything.
            if refusal.code != ErrorCode::Unauthorized {
                return;
            }
            COUNTS.call_refused();
            node.audit.turned_away(address, "wrong key or token at the API");
            if api.failures.note(address) {
                let why = &refusal.message;
                log::warn!("a call of the API from {address} was refused: {why}; more within a minute are not told");
            }
        })?;
        let quota = Quota::of(&caller, &node.limits, address);
        // A call costs something however short it is.
        quota.pay_for_bytes(0)?;
        Ok(Self { node, caller, quota, address })
    }

    /// The world of the caller.
    pub(super) fn tenant(&self) -> &Tenant {
        match &self.caller {
            Caller::Backend(key) => &key.tenant,
            Caller::User(identity) => &identity.tenant,
        }
    }

    /// Whether the caller may do this in that room.
    pub(super) fn may(&self, room: &RoomName, right: Right) -> Result<(), Refusal> {
        let (may, who) = match &self.caller {
            Caller::Backend(key) => (key.rights.has(right), "key"),
            Caller::User(identity) => (identity.grants.allow(room, right), "user"),
        };
        let refused = || Refusal::forbidden(format!("this {who} has no right to {} in this room", right.as_str()));
        may.then_some(()).ok_or_else(|| self.denied(right.as_str(), Some(room), refused()))
    }

    /// A refusal that the audit log tells of.
    fn denied(&self, wanted: &str, room: Option<&RoomName>, refusal: Refusal) -> Refusal {
        let what = Facts::new().name("wanted", wanted);
        let what = room.map_or(what.clone(), |room| what.name("room", room.as_str()));
        self.node.audit.denied(self.tenant(), self.who(), self.address, what, refusal.code);
        refusal
    }

    /// The caller, as the audit log names one.
    fn who(&self) -> Arc<str> {
        match &self.caller {
            Caller::Backend(key) => audit::backend(&key.name),
            Caller::User(identity) => audit::user(&identity.user.id),
        }
    }

    /// What the audit log says of an entry that is written for the caller; of users' entries it says nothing.
    pub(super) fn record_of(&self, entry: &Draft, room: &RoomName) -> Option<audit_log::Draft> {
        let Caller::Backend(key) = &self.caller else { return None };
        self.node.audit.of_entry(&key.name, self.address, entry, room)
    }

    /// The record of what the caller does, to travel with what does it.
    pub(super) fn draft(&self, act: Act, what: Facts) -> Option<audit_log::Draft> {
        self.node.audit.draft(self.deed(act, what))
    }

    fn deed(&self, act: Act, what: Facts) -> Deed<'_> {
        Deed { tenant: self.tenant(), who: self.who(), address: self.address, act, what }
    }

    /// The caller did something that belongs to no entry. To be awaited before it is acknowledged.
    ///
    /// # Errors
    /// `unavailable` when it is done and the audit log can't take it now.
    pub(super) async fn recorded(&self, act: Act, what: Facts) -> Result<(), Refusal> {
        let recorded = self.node.audit.recorded(self.deed(act, what));
        let is_recorded = tokio::time::timeout(super::DEADLINE, recorded).await;
        let unavailable = || Refusal::unavailable("it is done, but the audit log can't take it now; call again");
        (is_recorded == Ok(true)).then_some(()).ok_or_else(unavailable)
    }

    /// For what is no user's business: the key, if it has this right.
    pub(super) fn backend_with(&self, right: Right) -> Result<&ApiKey, Refusal> {
        let key = self.backend()?;
        let refused = || Refusal::forbidden(format!("this key has no right to {}", right.as_str()));
        key.rights.has(right).then_some(key).ok_or_else(|| self.denied(right.as_str(), None, refused()))
    }

    /// For what reaches into other people's connections: the key, if it may do everything.
    pub(super) fn backend_with_all_rights(&self) -> Result<&ApiKey, Refusal> {
        let key = self.backend()?;
        let refused = || Refusal::forbidden("this takes a key with all rights");
        key.has_all_rights().then_some(key).ok_or_else(|| self.denied("all rights", None, refused()))
    }

    pub(super) fn backend(&self) -> Result<&ApiKey, Refusal> {
        match &self.caller {
            Caller::Backend(key) => Ok(key),
            Caller::User(_) => {
                let refused = Refusal::forbidden("this takes a backend's key, not a user's token");
                Err(self.denied("what is for backends", None, refused))
            }
        }
    }

    /// As the author of an entry, and under whose name keys count: a user's are shared with the user's sessions.
    pub(super) fn author(&self) -> (Arc<str>, Arc<str>) {
        match &self.caller {
            Caller::Backend(key) => (push::api::from_backend(&key.name), format!("api:{}", key.name).into()),
            Caller::User(identity) => {
                let user = &identity.user.id;
                (push::api::from_user(user), format!("user:{user}").into())
            }
        }
    }

    /// For whose eyes the answer is.
    pub(super) fn reader(&self) -> Reader {
        match &self.caller {
            Caller::Backend(_) => Reader::Backend,
            Caller::User(identity) => identity.reader(),
        }
    }

    /// The room that the path names, where the caller needs this right.
    pub(super) fn room(&self, request: &HttpRequest, right: Right) -> Result<RoomKey, Refusal> {
        let room = RoomName::parse(&segment(request)?).map_err(|bad| Refusal::bad_message(bad.to_string()))?;
        self.may(&room, right)?;
        Ok(RoomKey::new(self.tenant().clone(), room))
    }
}

/// The user that the path names; for a user's token that is the caller, also called `me`.
pub(super) fn user(asked: &Asked, request: &HttpRequest) -> Result<UserId, Refusal> {
    let named = UserId::parse(&segment(request)?).map_err(|bad| Refusal::bad_message(bad.to_string()))?;
    match &asked.caller {
        Caller::Backend(_) => Ok(named),
        Caller::User(identity) if named.as_str() == "me" || named == identity.user.id => Ok(identity.user.id.clone()),
        Caller::User(_) => {
            let refused = Refusal::forbidden("a user's token asks for that user alone");
            Err(asked.denied("another user", None, refused))
        }
    }
}

/// The one name in the path, decoded.
pub(super) fn segment(request: &HttpRequest) -> Result<String, Refusal> {
    let decoded = web::Path::<String>::from_request(request, &mut actix_web::dev::Payload::None).into_inner();
    decoded.map(web::Path::into_inner).map_err(|_| Refusal::bad_message("the path must be percent-encoded UTF-8"))
}

/// Where the call comes from, as far as trusted proxies tell.
pub(super) fn address_of(request: &HttpRequest, node: &Node) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    identity::client_address(peer, request.headers(), &node.config.server.trusted_proxies)
}

fn context_of(request: &HttpRequest) -> Result<&Rc<WorkerContext>, Refusal> {
    request.app_data::<web::ThinData<Rc<WorkerContext>>>().map(|context| &context.0).ok_or_else(no_context)
}

fn no_context() -> Refusal {
    Refusal::unavailable("this node is not whole yet")
}

/// What the caller proves; else why not, in words without any of it.
fn caller(request: &HttpRequest, node: &Node, api: &Api) -> Result<Caller, Refusal> {
    let mut lines = request.headers().get_all(header::AUTHORIZATION);
    let line = lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok());
    let bearer = line.and_then(|line| line.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, secret)) = bearer else {
        return Err(Refusal::unauthorized("Authorization must be `Bearer` and an API key, or a user's token"));
    };
    let secret = secret.trim();
    if let Some(key) = api.keys.find(secret) {
        return Ok(Caller::Backend(key));
    }
    // Two dots make a token; anything else was meant as a key.
    if secret.split('.').count() != 3 {
        return Err(Refusal::unauthorized("this is no API key of this server"));
    }
    let name_is_ours = identity::name_is_ours(request.headers(), &node.config.server.origins);
    let admitted =
        node.gate.admit_by_name(name_is_ours, Some(secret), None).map_err(|refused| Refusal::from(&refused))?;
    Ok(Caller::User(Box::new(admitted.identity)))
}
