//! HTTP: one file a transport, and what all of them ask of a request.
//!
//! `identity` says from where a request comes, `assets` serves the page, `ops` answers those who watch over the node.
//! Nothing here knows a rule of rooms: a transport turns bytes into letters to actors and back.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

pub mod assets;
pub mod identity;
pub mod ops;

/// A refusal over HTTP, in the form of the protocol's errors: `{"type":"error","code":…,"message":…}`.
#[must_use]
pub fn refusal(status: StatusCode, code: &'static str, message: &str) -> HttpResponse {
    error(HttpResponse::build(status), code, message)
}

/// The refusal of a method, with the ones that are taken.
#[must_use]
pub fn wrong_method(allowed: &'static str) -> HttpResponse {
    let mut response = HttpResponse::MethodNotAllowed();
    response.insert_header((header::ALLOW, allowed));
    error(response, "bad_message", &format!("only {allowed} is taken here"))
}

#[derive(Serialize)]
struct Error<'a> {
    r#type: &'static str,
    code: &'static str,
    message: &'a str,
}

fn error(mut response: HttpResponseBuilder, code: &'static str, message: &str) -> HttpResponse {
    json(&mut response, &Error { r#type: "error", code, message })
}

/// An answer that is true now alone, and that no browser takes for a page.
fn json(response: &mut HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response.json(body)
}
