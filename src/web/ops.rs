//! For those who watch over the node: is it alive, and may it be sent connections?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use serde::Serialize;

use super::{json, wrong_method};

/// What a node is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Phase {
    /// Nothing yet.
    Starting = 0,
    /// Connections.
    Ready = 1,
    /// To end; there is no way back.
    Draining = 2,
}

/// The node's phase, shared by whoever changes it and whoever is asked. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Everything has started. Too late once the node drains.
    pub fn ready(&self) {
        self.0.fetch_max(Phase::Ready as u8, Ordering::Relaxed);
    }

    /// The node is about to end.
    pub fn drain(&self) {
        self.0.fetch_max(Phase::Draining as u8, Ordering::Relaxed);
    }

    /// Where the node is now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }
}

/// Serves `/healthz` (200 while the process answers at all) and `/readyz` (200 when it may be sent connections, else
/// 503), each with `{"status":…}`.
pub fn configure(cfg: &mut ServiceConfig, readiness: &Readiness) {
    let readiness = readiness.clone();
    let alive = || async { status(StatusCode::OK, "alive") };
    let ready = move || {
        let phase = readiness.phase();
        let code = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        async move { status(code, phase) }
    };
    cfg.service(
        web::resource("/healthz")
            .route(web::get().to(alive))
            .route(web::head().to(alive))
            .default_service(other_method()),
    );
    cfg.service(
        web::resource("/readyz")
            .route(web::get().to(ready.clone()))
            .route(web::head().to(ready))
            .default_service(other_method()),
    );
}

fn other_method() -> actix_web::Route {
    web::to(|| async { wrong_method("GET, HEAD") })
}

fn status(code: StatusCode, status: impl Serialize) -> HttpResponse {
    #[derive(Serialize)]
    struct Status<S> {
        status: S,
    }
    json(&mut HttpResponse::build(code), &Status { status })
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, http::header};

    use super::*;

    async fn ask(readiness: &Readiness, method: Method, path: &str) -> (u16, String, String) {
        let app = init_service(App::new().configure(|cfg| configure(cfg, readiness))).await;
        let response = call_service(&app, TestRequest::default().method(method).uri(path).to_request()).await;
        let allow = response.headers().get(header::ALLOW).map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status().as_u16(), allow, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }

    #[actix_web::test]
    async fn a_node_is_ready_between_its_start_and_its_drain() {
        let readiness = Readiness::default();
        for (change, status, body) in [
            (None, 503, r#"{"status":"starting"}"#),
            (Some(Readiness::ready as fn(&Readiness)), 200, r#"{"status":"ready"}"#),
            (Some(Readiness::drain), 503, r#"{"status":"draining"}"#),
            (Some(Readiness::ready), 503, r#"{"status":"draining"}"#),
        ] {
            if let Some(change) = change {
                change(&readiness);
            }
            assert_eq!(ask(&readiness, Method::GET, "/readyz").await, (status, String::new(), body.to_owned()));
            let alive = (200, String::new(), r#"{"status":"alive"}"#.to_owned());
            assert_eq!(ask(&readiness, Method::GET, "/healthz").await, alive);
            assert_eq!(ask(&readiness, Method::HEAD, "/readyz").await.0, status);
        }
    }

    #[actix_web::test]
    async fn other_methods_are_told_what_is_taken() {
        for path in ["/healthz", "/readyz"] {
            for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
                let (status, allow, body) = ask(&Readiness::default(), method, path).await;
                assert_eq!((status, allow.as_str()), (405, "GET, HEAD"));
                assert!(
                    body.starts_with(r#"{"type":"error","code":"bad_message","message":"only GET, HEAD"#),
                    "{body}"
                );
            }
        }
    }
}
