//! Many members who do nothing: what a connection costs while it only answers heartbeats.

use std::time::Duration;

use super::{Bench, Pause};
use crate::Outcome;
use crate::report::{Row, grouped};
use crate::wire::Reach;

const CONNECTIONS: usize = 10_000;
const MEMBERS: usize = 10;

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("idle")?;
    let connections = stage.affordable(bench.options.connections_or(CONNECTIONS).max(1));
    let members = bench.options.members.unwrap_or(MEMBERS).max(1);

    let rss_before_kib = stage.server.rss_kib();
    stage.gather(connections, |member| format!("idle:{}", member / members), Reach::All)?;
    let pings_before = stage.swarm.tally().pings;
    let messages_before = stage.swarm.tally().messages;
    let until = stage.now() + Duration::from_secs(bench.options.seconds_or(15));
    let spent = stage.measure(&mut Pause(until))?;
    // At the end, so that what an idle connection comes to own later is counted as well.
    let rss_kib = stage.server.rss_kib().saturating_sub(rss_before_kib);

    let pings = stage.swarm.tally().pings - pings_before;
    let others = stage.swarm.tally().messages - messages_before;
    let row = Row {
        scenario: "idle",
        load: format!("{} connections in rooms of {members}", grouped(connections as u64)),
        payload: "–".to_owned(),
        features: bench.features("presence, signals, heartbeats"),
        item: "heartbeats",
        rss_kib_per_connection: Some(rss_kib as f64 / connections as f64),
        notes: (others > 0).then(|| format!("{others} messages besides heartbeats while idle")).into_iter().collect(),
        ..Row::default()
    };
    Ok(stage.end(row.spent(pings, spent)))
}
