//! The page: the files of `static/`, which are inside the binary.
//!
//! No file system is behind this: a path is looked up as it came among the names that were there at build time, so no
//! path leads anywhere else. Whatever is not found is answered in JSON, as the default of all routes.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::protocol::Refusal;
use crate::protocol::codes::ErrorCode;

use super::{refusal, wrong_method};

/// What the page may load: its own files and its own host's sockets (`'self'` covers ws and wss of the same origin,
/// CSP 3, 6.7.2.8), no inline script or style. No other site may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; \
                                       frame-ancestors 'self'";

/// Serves the page, and JSON errors for everything that no other route takes.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.default_service(web::to(serve));
}

#[derive(RustEmbed)]
#[folder = "static/"]
struct Folder;

/// A file with what is said along with it.
struct Asset {
    body: Bytes,
    content_type: String,
    /// Of the content alone, so it is the same on all nodes of one version.
    etag: String,
}

static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    // A hidden file is an editor's or the system's, and got in by mistake.
    let is_hidden = |path: &str| path.split('/').any(|step| step.starts_with('.'));
    let paths = Folder::iter().filter(|path| !is_hidden(path));
    paths.filter_map(|path| Some((format!("/{path}"), Asset::new(&path, Folder::get(&path)?)))).collect()
});

impl Asset {
    fn new(path: &str, file: EmbeddedFile) -> Self {
        let mut etag = String::from("\"");
        for byte in &file.metadata.sha256_hash()[..16] {
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        let mime = mime_guess::from_path(path).first_or_octet_stream();
        let is_text = mime.type_() == "text" || mime.subtype() == "javascript" || mime.subtype() == "json";
        let content_type = if is_text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
        Self { body: Bytes::from(file.data.into_owned()), content_type, etag }
    }
}

async fn serve(request: HttpRequest) -> HttpResponse {
    let path = match request.path() {
        "/" => "/index.html",
        path => path,
    };
    let Some(asset) = ASSETS.get(path) else {
        return refusal(&Refusal::new(ErrorCode::NotFound, "there is nothing under this path"));
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return wrong_method("GET, HEAD");
    }
    let has_it = names(request.headers(), &asset.etag);
    let mut response = HttpResponse::build(if has_it { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((header::ETAG, asset.etag.as_str()))
        // Kept, and asked for each time: a new version is there at once, an old one costs one short answer.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    if has_it {
        return response.finish();
    }
    // For HEAD the length is told from the body, which the encoder leaves out.
    response.content_type(asset.content_type.as_str()).body(asset.body.clone())
}

/// Whether `If-None-Match` names `etag`, compared weakly (RFC 9110, 13.1.2).
fn names(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use actix_web::dev::ServiceResponse;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, HttpServer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(request: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(configure)).await;
        call_service(&app, request.to_request()).await
    }

    fn said<'a>(response: &'a ServiceResponse, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn the_page_comes_with_its_type_and_what_it_may_do() {
        for path in ["/", "/index.html", "/?room=lobby"] {
            let response = ask(TestRequest::get().uri(path)).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(said(&response, "content-type"), "text/html; charset=utf-8");
            assert_eq!(said(&response, "cache-control"), "no-cache");
            assert_eq!(said(&response, "x-content-type-options"), "nosniff");
            assert_eq!(said(&response, "referrer-policy"), "no-referrer");
            assert!(said(&response, "content-security-policy").starts_with("default-src 'self'; "));
            let body = read_body(response).await;
            assert!(body.to_ascii_lowercase().starts_with(b"<!doctype html>"));
        }
    }

    #[actix_web::test]
    async fn who_has_a_file_gets_it_again_only_when_it_changed() {
        let etag = said(&ask(TestRequest::get()).await, "etag").to_owned();
        assert!(etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for (has, status) in [
            (etag.clone(), 304),
            (format!("W/{etag}"), 304),
            (format!("\"x\", {etag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (etag.trim_matches('"').to_owned(), 200),
            (String::new(), 200),
        ] {
            let response = ask(TestRequest::get().insert_header(("if-none-match", has.as_str()))).await;
            assert_eq!(response.status(), status, "{has}");
            assert_eq!(said(&response, "etag"), etag);
            assert_eq!(read_body(response).await.is_empty(), status == 304);
        }
    }

    #[actix_web::test]
    async fn what_is_not_there_is_said_in_json_and_no_path_leads_out() {
        for path in [
            "/nothing",
            "/index",
            "/index.html/",
            "/../Cargo.toml",
            "/..%2fCargo.toml",
            "/%2e%2e/Cargo.toml",
            "//index.html",
            "/static/index.html",
            "/./index.html",
            "/%00",
            "/index.html%00",
            "/C:/x",
            "/v1/nothing",
            "/.git/config",
        ] {
            let response = ask(TestRequest::get().uri(path)).await;
            assert_eq!(response.status(), 404, "{path}");
            assert_eq!(said(&response, "content-type"), "application/json");
            assert_eq!(said(&response, "x-content-type-options"), "nosniff");
            let body = read_body(response).await;
            assert_eq!(body, r#"{"type":"error","code":"not_found","message":"there is nothing under this path"}"#);
        }
    }

    #[actix_web::test]
    async fn a_page_is_read_and_nothing_else() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            let response = ask(TestRequest::default().method(method)).await;
            assert_eq!((response.status().as_u16(), said(&response, "allow")), (405, "GET, HEAD"));
        }
        assert_eq!(ask(TestRequest::post().uri("/nothing")).await.status(), 404);
    }

    #[actix_web::test]
    async fn head_tells_the_length_and_sends_no_body() {
        let server = HttpServer::new(|| App::new().configure(configure)).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(b"HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
        let length = ASSETS["/index.html"].body.len();
        assert!(answer.contains(&format!("content-length: {length}\r\n")), "{answer}");
        handle.stop(false).await;
    }
}
