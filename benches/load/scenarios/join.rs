//! A storm of arrivals: TCP, upgrade, `connect` as a guest and `join`, so many at a time.

use super::Bench;
use super::arrival;
use crate::Outcome;
use crate::report::{Row, grouped};
use crate::wire::Reach;

const CONNECTIONS: usize = 5_000;
const MEMBERS: usize = 10;
const IN_FLIGHT: usize = 64;

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("join")?;
    let connections = stage.affordable(bench.options.connections_or(CONNECTIONS).max(1));
    let members = bench.options.members.unwrap_or(MEMBERS).max(1);
    let in_flight = bench.options.in_flight.unwrap_or(IN_FLIGHT).max(1);

    let room_of = |member| format!("join:{}", member / members);
    let mut arrival = arrival::guests(connections, in_flight, room_of, Reach::All, &bench.clock);
    let spent = stage.measure(&mut arrival)?;

    let joined = arrival.joined();
    let mut row = Row {
        scenario: "join",
        load: format!("{} connections into rooms of {members}, {in_flight} in flight", grouped(connections as u64)),
        payload: "upgrade, connect, join".to_owned(),
        features: bench.features("guests, presence, signals"),
        item: "joins",
        latency_ms: arrival.latency().percentiles(),
        ..Row::default()
    };
    if joined < connections {
        row.failures.push(format!("only {joined} of {connections} joined"));
    }
    Ok(stage.end(row.spent(joined as u64, spent)))
}
