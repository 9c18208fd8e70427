//! The HTTP API for backends: the protocol's commands for those who hold no connection.
//!
//! ```text
//! request ─▶ Asked (who, and may they) ─▶ bridge, Directory or room ─▶ answer
//! ```
//!
//! A call writes through the bridge and reads the log, so it wakes no room; who is in one is asked of rooms that are
//! open. `openapi` serves the same table for machines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, StatusCode, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder, Resource, ResponseError, Route};
use tokio::sync::oneshot;

use super::{headers, identity, refusal, wrong_method};
use crate::auth::ApiKeys;
use crate::bridge::solo::Counters;
use crate::clock::Clock;
use crate::config::Config;
use crate::protocol::Refusal;

mod activity;
mod asked;
mod events;
mod failures;
mod inbox;
mod metrics;
mod openapi;
mod query;
mod quota;
mod rooms;
mod state;
mod users;
mod writing;

use failures::Failures;

/// What all calls of a node share.
pub struct Api {
    keys: ApiKeys,
    failures: Failures,
    /// Of the bridge, for `/metrics`.
    counters: Arc<Counters>,
    started: Instant,
}

impl Api {
    /// For the keys of `config`; `counters` are the bridge's.
    #[must_use]
    pub fn new(config: &Config, clock: &Clock, counters: Arc<Counters>) -> Arc<Self> {
        let failures = Failures::new(clock.clone(), config.limits.enabled);
        let keys = ApiKeys::new(&config.auth.api_keys);
        Arc::new(Self { keys, failures, counters, started: clock.now() })
    }
}

/// How long an actor may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Serves the calls under `/v1`, `/openapi.json` and `/metrics`.
pub fn configure(cfg: &mut ServiceConfig, api: &Arc<Api>) {
    openapi::configure(cfg);
    metrics::configure(cfg, api);
    let scope = web::scope("/v1")
        .app_data(web::ThinData(Arc::clone(api)))
        .wrap(from_fn(share_with_origins))
        .service(only("/batch", "POST", web::post().to(events::batch)))
        .service(only("/rooms", "GET", web::get().to(rooms::list)))
        .service(only("/rooms/{room}", "GET", web::get().to(rooms::room)))
        .service(only("/rooms/{room}/events", "POST", web::post().to(events::publish)))
        .service(only("/rooms/{room}/state", "POST", web::post().to(state::set)))
        .service(only("/rooms/{room}/activity", "POST", web::post().to(activity::track)))
        .service(only("/rooms/{room}/history", "GET", web::get().to(rooms::history)))
        .service(
            only("/users/{user}", "GET, DELETE", web::get().to(users::user)).route(web::delete().to(users::forget)),
        )
        .service(only("/notifications", "POST", web::post().to(inbox::notify)))
        .service(only("/users/{user}/inbox", "GET", web::get().to(inbox::inbox)))
        .service(only("/users/{user}/inbox/mark", "POST", web::post().to(inbox::mark)))
        .service(
            only("/users/{user}/preferences", "GET, PATCH", web::get().to(inbox::preferences))
                .route(web::patch().to(inbox::prefer)),
        )
        .service(only("/users/{user}/sessions", "DELETE", web::delete().to(users::end_sessions_of)))
        .service(only("/sessions/{session}", "DELETE", web::delete().to(users::end_session)));
    cfg.service(scope);
}

/// A path with one method; others are told which.
fn only(path: &str, allowed: &'static str, route: Route) -> Resource {
    web::resource(path).route(route).default_service(web::to(move || async move { wrong_method(allowed) }))
}

/// A refusal as the error of a handler.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
struct Refused {
    refusal: Refusal,
    /// Whether the connection ends with the answer.
    closes: bool,
}

impl Refused {
    /// The body drips, and whoever sends it would hold the connection with it.
    fn too_slow(within: Duration) -> Self {
        let message = format!("the body did not come within {} s", within.as_secs_f64());
        Self { refusal: Refusal::bad_message(message), closes: true }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, closes: false }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        if self.closes {
            return StatusCode::REQUEST_TIMEOUT;
        }
        StatusCode::from_u16(self.refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = refusal(&self.refusal);
        *response.status_mut() = self.status_code();
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        if self.closes {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }
}

type Answer = Result<HttpResponse, Refused>;

/// An answer that is JSON already.
fn answer(mut response: HttpResponseBuilder, json: String) -> HttpResponse {
    headers(&mut response);
    response.content_type("application/json").body(json)
}

/// What an actor answers to a letter with a reply channel; `unavailable` when it doesn't in time.
async fn told<T>(reply: oneshot::Receiver<T>) -> Result<T, Refusal> {
    match tokio::time::timeout(DEADLINE, reply).await {
        Ok(Ok(told)) => Ok(told),
        _ => Err(Refusal::unavailable("no answer in time; whether it was done is not known")),
    }
}

/// Lets pages of the origins that may connect read the answers, and answers what browsers ask ahead of a call.
async fn share_with_origins<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let context = request.app_data::<web::ThinData<std::rc::Rc<crate::actors::WorkerContext>>>();
    let origins = context.map(|context| context.0.node.config.server.origins.as_slice());
    let is_allowed = identity::origin_is_allowed(request.headers(), origins.unwrap_or_default());
    let origin = origin.filter(|_| is_allowed);
    let asks_ahead =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_ahead && origin.is_some() {
        let mut granted = HttpResponse::NoContent();
        granted.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"));
        granted.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, idempotency-key"));
        granted.insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
        request.into_response(granted.finish()).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let answer = response.headers_mut();
    answer.append(header::VARY, header::HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}
