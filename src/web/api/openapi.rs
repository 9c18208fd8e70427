//! The table of calls for machines.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::{answer, only};

/// Written by hand, and held to the code by tests.
const DOCUMENT: &str = include_str!("openapi.json");

/// Serves `/openapi.json`.
pub(super) fn configure(cfg: &mut ServiceConfig) {
    let serve = || async {
        answer(HttpResponse::Ok(), DOCUMENT.replace("\"0.0.0\"", concat!("\"", env!("CARGO_PKG_VERSION"), "\"")))
    };
    cfg.service(only("/openapi.json", "GET", web::get().to(serve)));
}
