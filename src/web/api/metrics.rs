//! `GET /metrics`, for Prometheus.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::asked::{Asked, address_of};
use super::{Answer, Api, headers, only};
use crate::actors::directory::queries::TakeCensus;
use crate::actors::{Node, WorkerContext};
use crate::telemetry::metrics::{Gauges, render};
use crate::web::identity;

/// Prometheus would rather have the rest than wait.
const CENSUS_TIME: Duration = Duration::from_secs(1);

/// Serves `/metrics`: to anybody on this machine while nobody else can reach the node, else to API keys.
pub(super) fn configure(cfg: &mut ServiceConfig, api: &Arc<Api>) {
    let metrics = only("/metrics", "GET", web::get().to(serve));
    cfg.service(metrics.app_data(web::ThinData(Arc::clone(api))));
}

async fn serve(
    request: HttpRequest,
    context: web::ThinData<Rc<WorkerContext>>,
    api: web::ThinData<Arc<Api>>,
) -> Answer {
    let node = &context.0.node;
    let is_local = node.config.server.bind.ip().is_loopback()
        && address_of(&request, node).is_loopback()
        // Else a page whose name was made to point here could read it.
        && identity::name_is_ours(request.headers(), &node.config.server.origins);
    if !is_local {
        Asked::of(&request)?.backend()?;
    }
    let mut response = HttpResponse::Ok();
    headers(&mut response);
    Ok(response.content_type("text/plain; version=0.0.4; charset=utf-8").body(render(&gauges(node, &api.0).await)))
}

async fn gauges(node: &Node, api: &Api) -> Gauges {
    let (reply, census) = oneshot::channel();
    node.directory.do_send(TakeCensus { reply });
    let census = tokio::time::timeout(CENSUS_TIME, census).await.ok().and_then(Result::ok);
    let counts = api.counters.counts();
    let pending: usize = node.hubs.all().iter().map(|hub| hub.pending.load(Ordering::Relaxed)).sum();
    Gauges {
        connections: node.admission.standing() as u64,
        sessions: census.map(|census| census.sessions as u64),
        rooms: census.map(|census| census.rooms as u64),
        entries: counts.entries,
        entries_refused: counts.refused,
        batches: counts.batches,
        reads: counts.reads,
        reads_refused: counts.reads_refused,
        audit_records: counts.audit_records,
        audit_lost: counts.audit_lost,
        bytes_pending: pending as u64,
        uptime_s: node.clock.now().saturating_duration_since(api.started).as_secs_f64(),
    }
}
