//! HTTP: one file a transport, and what all of them ask of a request.
//!
//! `takeover` builds the server and hands upgraded sockets to `websocket`, whose bytes `inbound` makes messages of.
//! `api` is for backends, `identity` says from where a request comes, `assets` serves the page, `demo`
//! tells it what it may show, `ops` answers those who watch over the node.
//! Nothing here knows a rule of rooms: a transport turns bytes into letters to actors and back.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::protocol::{Refusal, push};

pub mod api;
pub mod assets;
pub mod demo;
pub mod identity;
pub mod inbound;
pub mod ops;
pub mod patience;
pub mod takeover;
pub mod websocket;

/// A refusal over HTTP, with the status and in the form of the protocol's errors.
#[must_use]
pub fn refusal(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    error(HttpResponse::build(status), refusal)
}

/// The refusal of a method, with the ones that are taken.
#[must_use]
pub fn wrong_method(allowed: &'static str) -> HttpResponse {
    let mut response = HttpResponse::MethodNotAllowed();
    response.insert_header((header::ALLOW, allowed));
    error(response, &Refusal::bad_message(format!("only {allowed} is taken here")))
}

fn error(mut response: HttpResponseBuilder, refusal: &Refusal) -> HttpResponse {
    if let Some(seconds) = refusal.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.ceil().to_string()));
    }
    headers(&mut response);
    response.content_type("application/json").body(push::error(None, refusal))
}

/// An answer that is true now alone, and that no browser takes for a page.
fn json(response: &mut HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    headers(response);
    response.json(body)
}

fn headers(response: &mut HttpResponseBuilder) {
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
}
