//! Servers side by side: each has its turn in each round of one run, so that what disturbs the machine disturbs all; the
//! table shows medians over the rounds, and for CPU the median of the ratios to the fastest peer within each round.

use std::fmt::Write;

use crate::Outcome;
use crate::peer::Peer;
use crate::report::{Report, Row, grouped};
use crate::scenarios::Bench;

/// Whom the ratios are to.
const BASELINE: &str = "Bun (uWebSockets)";

/// Runs the scenarios for each of the peers that are asked for, `rounds` times.
pub(crate) fn in_turns(bench: &mut Bench<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for _ in 0..bench.options.rounds {
        for peer in &bench.options.peers {
            bench.peer = *peer;
            rows.extend(bench.run_all()?);
        }
    }
    let ours = [Peer::Copresence.name(), Peer::IN_MEMORY];
    // What a peer loses or reorders is shown as its own, and is no failure of this run.
    for row in rows.iter_mut().filter(|row| !ours.contains(&row.server)) {
        let failures = std::mem::take(&mut row.failures);
        row.notes.extend(failures);
    }
    Ok(rows)
}

/// A table for each load: a line for each server, the cheapest first.
pub(crate) fn markdown(report: &Report, rounds: u32) -> String {
    let mut text = format!("{}; {}; log: {}; medians of {rounds} rounds\n", report.server, report.machine, report.log);
    let mut loads: Vec<(&str, &str)> = Vec::new();
    for row in &report.rows {
        let load = (row.scenario, row.load.as_str());
        if !loads.contains(&load) {
            loads.push(load);
        }
    }
    for (scenario, load) in loads {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.scenario == scenario && row.load == load).collect();
        text += &table(scenario, load, &rows);
    }
    text += "\nCPU is user and system time of the server, 100 % is one core; over loopback a sender pays for its receiver's half \
             of TCP. Peers pass bytes on and do nothing else.\n";
    let busiest = report.rows.iter().max_by(|one, other| one.others_cpu_percent.total_cmp(&other.others_cpu_percent));
    if let Some(row) = busiest {
        let percent = row.others_cpu_percent;
        writeln!(text, "Others used up to {percent:.0} % of a core meanwhile ({}, {}).", row.server, row.scenario)
            .expect("a string takes every write");
    }
    text.push('\n');
    for row in &report.rows {
        // Told above, for all at once.
        for note in row.notes.iter().filter(|note| !note.starts_with("others used")) {
            writeln!(text, "- {}, {}: {note}", row.server, row.scenario).expect("a string takes every write");
        }
        for failure in &row.failures {
            writeln!(text, "- FAILED {}, {}: {failure}", row.server, row.scenario).expect("a string takes every write");
        }
    }
    text
}

fn table(scenario: &str, load: &str, rows: &[&Row]) -> String {
    let mut servers: Vec<&str> = Vec::new();
    for row in rows {
        if !servers.contains(&row.server) {
            servers.push(row.server);
        }
    }
    let of = |server: &str| rows.iter().copied().filter(|row| row.server == server).collect::<Vec<_>>();
    let baseline: Vec<Option<f64>> = of(BASELINE).iter().map(|row| row.server_cpu_us_per_item).collect();
    let mut lines: Vec<(f64, String)> = servers
        .iter()
        .map(|server| {
            let rows = of(server);
            let cpu = median(rows.iter().filter_map(|row| row.server_cpu_us_per_item));
            let ratio = median(rows.iter().zip(&baseline).filter_map(|(row, base)| {
                base.filter(|base| *base > 0.0).and_then(|base| row.server_cpu_us_per_item.map(|cpu| cpu / base))
            }));
            let p99 = median(rows.iter().filter_map(|row| row.latency_ms.map(|ms| ms.p99)));
            let rate = median(rows.iter().map(|row| row.per_second));
            let memory = median(rows.iter().filter_map(|row| row.rss_kib_per_connection));
            let order =
                rows.iter().filter_map(|row| row.order).map(|order| order.lost + order.duplicate + order.reordered);
            let broken: u64 = order.sum();
            let line = format!(
                "| {server} | {} | {} | {} | {} | {} | {broken} |\n",
                figure(cpu, 2),
                figure(ratio, 2),
                figure(p99, 1),
                rate.map_or_else(none, |rate| grouped(rate.round().max(0.0) as u64)),
                figure(memory, 1),
            );
            (memory.or(cpu).unwrap_or(f64::INFINITY), line)
        })
        .collect();
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    let item = rows.first().map_or("", |row| row.item);
    let mut text = format!(
        "\n**{scenario}**: {load}\n\n| server | CPU µs each | × Bun | p99 ms | {item}/s | KiB RSS a connection | lost, twice or \
         reordered |\n|---|---|---|---|---|---|---|\n"
    );
    text.extend(lines.into_iter().map(|(_, line)| line));
    text
}

fn none() -> String {
    "–".to_owned()
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(none, |value| format!("{value:.digits$}"))
}

/// The middle value, the mean of the two middle ones when there are two; `None` of none.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}
