//! `GET /demo.json`: what the page may show of itself.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use serde::Serialize;

use super::{json, wrong_method};
use crate::config::Config;
use crate::domain::robot::ROOM;

/// `{"room":"dashboard:sales","robot":true,"chaos":true,"node":"n1"}`.
#[derive(Clone, Serialize)]
struct Demo {
    /// The room that the page opens.
    room: &'static str,
    /// Whether a robot colleague is in it.
    robot: bool,
    /// Whether the page shows buttons that break things.
    chaos: bool,
    /// What this node calls itself.
    node: String,
}

/// Serves `/demo.json`, to everybody.
pub fn configure(cfg: &mut ServiceConfig, config: &Config) {
    let has_demo = config.has_demo();
    let demo = Demo { room: ROOM, robot: has_demo, chaos: has_demo, node: config.server.node.clone() };
    let tell = move || {
        let answer = json(&mut HttpResponse::Ok(), &demo);
        async move { answer }
    };
    cfg.service(
        web::resource("/demo.json")
            .route(web::get().to(tell.clone()))
            .route(web::head().to(tell))
            .default_service(web::to(|| async { wrong_method("GET, HEAD") })),
    );
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::dev::ServiceResponse;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};

    use super::*;

    #[actix_web::test]
    async fn the_page_is_told_what_it_may_show() {
        for (settings, body) in [
            ("", r#"{"room":"dashboard:sales","robot":true,"chaos":true,"node":"n1"}"#),
            (
                "[demo]\nenabled = false\n[server]\nnode = 'b-2'",
                r#"{"room":"dashboard:sales","robot":false,"chaos":false,"node":"b-2"}"#,
            ),
        ] {
            let config = Config::from_toml(settings).unwrap();
            let app = init_service(App::new().configure(|cfg| configure(cfg, &config))).await;
            let ask = async |request: TestRequest| call_service(&app, request.uri("/demo.json").to_request()).await;
            let said = |response: &ServiceResponse, name: &str| response.headers().get(name).cloned().unwrap();
            let response = ask(TestRequest::get()).await;
            assert_eq!(response.status(), 200);
            assert_eq!(said(&response, "cache-control"), "no-store");
            assert_eq!(said(&response, "content-type"), "application/json");
            assert_eq!(read_body(response).await, body);
            let response = ask(TestRequest::post()).await;
            assert_eq!(response.status(), 405);
            assert_eq!(said(&response, "allow"), "GET, HEAD");
        }
    }
}
