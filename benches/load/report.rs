//! What a run prints: a line on the machine, a Markdown table or JSON, and what went wrong.

use std::fmt::Write;

use serde::Serialize;

use crate::histogram::Percentiles;
use crate::process::Spent;

/// A whole run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) server: String,
    /// The log that rooms have, and for `disk` the file system it is on.
    pub(crate) log: String,
    pub(crate) rows: Vec<Row>,
}

/// One scenario's figures.
#[derive(Default, Serialize)]
pub(crate) struct Row {
    /// Whose figures these are.
    pub(crate) server: &'static str,
    pub(crate) scenario: &'static str,
    /// Members, rooms, rates.
    pub(crate) load: String,
    /// What travels, with its sizes in bytes.
    pub(crate) payload: String,
    /// What of the server was at work.
    pub(crate) features: String,
    /// What is counted, and how many there were.
    pub(crate) item: &'static str,
    pub(crate) items: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    /// Microseconds of user and system time; none where there are no items to share it.
    pub(crate) server_cpu_us_per_item: Option<f64>,
    pub(crate) server_cpu_percent: f64,
    pub(crate) generator_cpu_percent: f64,
    pub(crate) others_cpu_percent: f64,
    pub(crate) latency_ms: Option<Percentiles>,
    pub(crate) order: Option<Order>,
    pub(crate) rss_kib_per_connection: Option<f64>,
    pub(crate) notes: Vec<String>,
    /// Why the figures must not be trusted; empty when they may be.
    pub(crate) failures: Vec<String>,
}

/// How many deliveries broke "exactly once and in order".
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Order {
    pub(crate) lost: u64,
    pub(crate) duplicate: u64,
    pub(crate) reordered: u64,
}

impl Row {
    /// Fills in what follows from the CPU that was spent on `items`.
    pub(crate) fn spent(mut self, items: u64, spent: Spent) -> Self {
        let seconds = spent.wall.as_secs_f64().max(f64::MIN_POSITIVE);
        self.items = items;
        self.seconds = seconds;
        self.per_second = items as f64 / seconds;
        self.server_cpu_us_per_item = (items > 0).then(|| spent.server.as_secs_f64() * 1e6 / items as f64);
        self.server_cpu_percent = spent.server.as_secs_f64() / seconds * 100.0;
        self.generator_cpu_percent = spent.own.as_secs_f64() / seconds * 100.0;
        self.others_cpu_percent = spent.others.as_secs_f64() / seconds * 100.0;
        self
    }

    /// Adds what was lost, doubled or reordered, which is a failure unless it is nothing.
    pub(crate) fn checked(mut self, order: Order) -> Self {
        if order != Order::default() {
            self.failures.push("not every member got every entry exactly once and in order".to_owned());
        }
        self.order = Some(order);
        self
    }

    fn markdown(&self) -> String {
        let mut result = format!("{} {}/s", grouped(self.per_second.round() as u64), self.item);
        if let Some(kib) = self.rss_kib_per_connection {
            result = format!("{kib:.1} KiB RSS a connection; {result}");
        }
        let none = || "–".to_owned();
        let cpu = self.server_cpu_us_per_item.map_or_else(none, |us| format!("{us:.2}"));
        let latency = self.latency_ms.map_or_else(none, |ms| format!("{:.1} / {:.1} / {:.1}", ms.p50, ms.p95, ms.p99));
        let order =
            self.order.map_or_else(none, |order| format!("{} / {} / {}", order.lost, order.duplicate, order.reordered));
        format!(
            "| {} | {} | {} | {} | {result} | {cpu} | {latency} | {order} | {:.0} % | {:.0} % |\n",
            self.scenario, self.load, self.payload, self.features, self.server_cpu_percent, self.generator_cpu_percent
        )
    }
}

impl Report {
    pub(crate) fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.failures.is_empty())
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}; {}; log: {}\n\n", self.server, self.machine, self.log);
        text += "| scenario | load | payload | at work | result | server CPU µs each | latency ms p50 / p95 / p99 \
                 | lost / twice / reordered | server CPU | generator CPU |\n|---|---|---|---|---|---|---|---|---|---|\n";
        text.extend(self.rows.iter().map(Row::markdown));
        text += "\nCPU is user and system time, 100 % is one core; over loopback a sender pays for its receiver's half of \
                 TCP.\n";
        for row in &self.rows {
            for note in &row.notes {
                writeln!(text, "- {}: {note}", row.scenario).expect("a string takes every write");
            }
            for failure in &row.failures {
                writeln!(text, "- FAILED {}: {failure}", row.scenario).expect("a string takes every write");
            }
        }
        text
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
