//! Serving HTTP with actix-web, and taking a socket over after its upgrade.
//!
//! An upgraded connection that stays inside HTTP's machinery keeps its buffers (16 KiB) and hides its socket, so that
//! frames could not be gathered into one write. So the server is built by hand: requests to upgrade go to a second
//! instance of the same `App`; when its answer is 101 and carries a [`Takeover`], the head is written and the bare
//! socket handed over. Any other answer is sent as usual. Routing, guards, extractors and errors stay those of the App.
//!
//! ```text
//! accept ─▶ h1 ─┬─ ordinary request ─▶ App ─▶ response
//!               └─ upgrade ─▶ App (2nd) ─┬─ 101 + Takeover ─▶ socket, bytes already read ─▶ websocket::run
//!                                        └─ anything else ──▶ response
//! ```

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_codec::Framed;
use actix_http::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_http::error::DispatchError;
use actix_http::h1::{Codec, Message, SendResponse};
use actix_http::{HttpService, Protocol, Request, Response, StatusCode};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_factory, fn_service,
    map_config,
};
use actix_web::dev::AppConfig;
use actix_web::{App, HttpResponse, web};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio::net::TcpStream;

use super::patience::{Impatient, Patience};
use crate::clock::Clock;
use crate::telemetry::metrics::COUNTS;
use crate::telemetry::seldom::Seldom;

/// What to do with the socket after the head of a 101 is written; kept in the response's extensions.
pub struct Takeover(Box<dyn FnOnce(TcpStream, Bytes)>);

impl Takeover {
    /// Hands the socket, and what was already read from it, to `run`.
    pub fn new(run: impl FnOnce(TcpStream, Bytes) + 'static) -> Self {
        Self(Box::new(run))
    }

    /// Puts the takeover into a response that switches protocols.
    #[must_use]
    pub fn into_response(self, mut response: HttpResponse) -> HttpResponse {
        response.extensions_mut().insert(self);
        response
    }
}

/// Builds the server: `configure` is called twice on each worker thread and must make the same App each time, with its
/// state made outside. Slow clients are waited for no longer than `patience` says.
///
/// # Errors
/// When the listener can't be used.
pub fn serve<F>(listener: TcpListener, builder: ServerBuilder, patience: Patience, configure: F) -> io::Result<Server>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let builder = builder.listen("http", listener, move || {
        let (plain, upgrading) = (configure.clone(), configure.clone());
        let upgrade = fn_factory(move || {
            let app = map_config(app(&upgrading), |()| AppConfig::default());
            async move {
                let app = app.new_service(()).await?;
                let app = std::rc::Rc::new(app);
                Ok::<_, ()>(fn_service(move |(request, framed)| {
                    answer_upgrade(std::rc::Rc::clone(&app), request, framed)
                }))
            }
        });
        let head_within = patience.head;
        let (patience, clock) = (patience.clone(), patience.clock.clone());
        let accepted = fn_service(move |io: TcpStream| {
            let patience = patience.clone();
            async move {
                let peer = io.peer_addr().ok();
                Ok((Impatient::new(io, patience), Protocol::Http1, peer))
            }
        });
        let http = HttpService::build()
            .client_request_timeout(head_within)
            .upgrade(upgrade)
            .finish(map_config(app(&plain), |()| AppConfig::default()));
        // Errors end here: the server would drop them.
        let http =
            apply_fn_factory(http, move |(io, protocol, peer): (Impatient, Protocol, Option<SocketAddr>), http| {
                let (served, clock) = (Service::call(http, (io, protocol, peer)), clock.clone());
                async move { served.await.inspect_err(|error| tell(error, peer, &clock)) }
            });
        accepted.and_then(http)
    })?;
    Ok(builder.run())
}

/// Tells how a connection ended that was no WebSocket: what it brought, as far as it was its own fault, counted and seldom.
fn tell(error: &DispatchError, peer: Option<SocketAddr>, clock: &Clock) {
    static UNREADABLE: Seldom = Seldom::new();
    static DEFECTS: Seldom = Seldom::new();
    let from = peer.map_or_else(|| "nowhere".to_owned(), |peer| peer.ip().to_string());
    match error {
        DispatchError::Parse(_) | DispatchError::SlowRequestTimeout => {
            COUNTS.request_unreadable();
            if let Some(untold) = UNREADABLE.is_told(clock.now()) {
                log::warn!("a connection from {from} brought no request that can be read: {error}{untold}");
            }
        }
        DispatchError::InternalError => {
            if let Some(untold) = DEFECTS.is_told(clock.now()) {
                log::error!("a connection from {from} ended by a defect: {error}{untold}");
            }
        }
        // It was cut off, by either side, in the middle of something.
        _ => log::debug!("a connection from {from} ended: {error}"),
    }
}

/// The client went while it was answered; nobody is left to hear of it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is gone")]
struct Broken;

impl From<Broken> for Response<BoxBody> {
    /// Asked for by the dispatcher's types and never sent.
    fn from(_: Broken) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn app<F: Fn(&mut web::ServiceConfig)>(
    configure: &F,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = actix_web::dev::ServiceResponse<impl MessageBody + use<F>>,
    Error = actix_web::Error,
    InitError = (),
    Service: 'static,
> + use<F> {
    IntoServiceFactory::into_factory(App::new().configure(|config| configure(config)))
}

async fn answer_upgrade<S, B>(
    app: std::rc::Rc<S>,
    request: Request,
    mut framed: Framed<Impatient, Codec>,
) -> Result<(), Broken>
where
    S: Service<Request, Response = actix_web::dev::ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    let mut response: Response<BoxBody> = match app.call(request).await {
        Ok(response) => Response::from(response).map_into_boxed_body(),
        Err(error) => Response::from(HttpResponse::from_error(error)),
    };
    let takeover = response.extensions_mut().remove::<Takeover>();
    match takeover {
        Some(Takeover(run)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let (head, _) = response.into_parts();
            framed.send(Message::Item((head, BodySize::None))).await.map_err(|_| Broken)?;
            let parts = framed.into_parts();
            // Copied, because a slice of HTTP's read buffer would keep its 8 KiB for as long as the connection stands.
            run(parts.io.into_inner(), Bytes::copy_from_slice(&parts.read_buf));
        }
        _ => {
            // What refuses an upgrade is a few bytes of ours, so it is sent in one piece.
            let (head, body) = response.into_parts();
            let bytes = to_bytes(body).await.map_err(|_| Broken)?;
            SendResponse::new(framed, head.set_body(bytes)).await.map_err(|_| Broken)?;
        }
    }
    Ok(())
}
