//! What is counted, as Prometheus reads it: the one list of names.
//!
//! Counts that nobody else keeps are in [`COUNTS`], one for the process; what others know already is handed to
//! [`render`]. No label bears anything that a client chose.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Rising counts of this process.
pub static COUNTS: Counts = Counts {
    deliveries: AtomicU64::new(0),
    refused_calls: AtomicU64::new(0),
    unreadable_requests: AtomicU64::new(0),
    closes: Mutex::new(BTreeMap::new()),
    closes_by_client: AtomicU64::new(0),
};

/// See [`COUNTS`].
pub struct Counts {
    deliveries: AtomicU64,
    refused_calls: AtomicU64,
    unreadable_requests: AtomicU64,
    /// By our own codes, so there are few.
    closes: Mutex<BTreeMap<u16, u64>>,
    closes_by_client: AtomicU64,
}

impl Counts {
    /// Something of a room was given to so many outboxes.
    pub fn delivered(&self, outboxes: u64) {
        self.deliveries.fetch_add(outboxes, Ordering::Relaxed);
    }

    /// A call of the HTTP API was refused for its key or token.
    pub fn call_refused(&self) {
        self.refused_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection brought no request that can be read, or not in time.
    pub fn request_unreadable(&self) {
        self.unreadable_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// We close a connection.
    pub fn closed(&self, code: u16) {
        *self.closes.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// A client closes its connection. Its code is its own choice and no label.
    pub fn closed_by_client(&self) {
        self.closes_by_client.fetch_add(1, Ordering::Relaxed);
    }
}

/// What others know at this moment. `None` where nobody answered in time; the line is left out then.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Standing connections.
    pub connections: u64,
    /// Sessions, those in their grace time included.
    pub sessions: Option<u64>,
    /// Open rooms.
    pub rooms: Option<u64>,
    /// Entries written.
    pub entries: u64,
    /// Appends that were refused.
    pub entries_refused: u64,
    /// Transactions.
    pub batches: u64,
    /// Reads of the log.
    pub reads: u64,
    /// Reads refused because too many waited.
    pub reads_refused: u64,
    /// Records of the audit log.
    pub audit_records: u64,
    /// Records that the audit log could not keep.
    pub audit_lost: u64,
    /// Bytes on their way to outboxes.
    pub bytes_pending: u64,
    /// Seconds since the start.
    pub uptime_s: f64,
}

/// The text that Prometheus reads (format 0.0.4).
#[must_use]
pub fn render(gauges: &Gauges) -> String {
    let mut page = Page(String::with_capacity(4_096));
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.metric("build_info", "gauge", "Which version this is.");
    page.line("build_info", concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1);
    page.metric("uptime_seconds", "gauge", "Seconds since the start.");
    page.line("uptime_seconds", "", format_args!("{:.3}", gauges.uptime_s));
    page.one("connections", "gauge", "Standing connections.", Some(gauges.connections));
    page.one("sessions", "gauge", "Sessions, those whose client may still return included.", gauges.sessions);
    page.one("rooms", "gauge", "Open rooms.", gauges.rooms);
    page.one("entries_appended_total", "counter", "Entries written to logs.", Some(gauges.entries));
    page.one("entries_refused_total", "counter", "Appends that ended with an error.", Some(gauges.entries_refused));
    page.one("batches_total", "counter", "Transactions of the store.", Some(gauges.batches));
    page.one("reads_total", "counter", "Reads of logs.", Some(gauges.reads));
    page.one("reads_refused_total", "counter", "Reads refused because too many waited.", Some(gauges.reads_refused));
    page.one("audit_records_total", "counter", "Records written to the audit log.", Some(gauges.audit_records));
    page.one("audit_lost_total", "counter", "Records that the audit log could not keep.", Some(gauges.audit_lost));
    let deliveries = Some(count(&COUNTS.deliveries));
    page.one("deliveries_total", "counter", "What rooms pushed, by each connection that got it.", deliveries);
    page.one("bytes_pending", "gauge", "Bytes pushed and not yet handed to connections.", Some(gauges.bytes_pending));
    let refused = Some(count(&COUNTS.refused_calls));
    page.one("calls_refused_total", "counter", "Calls of the API refused for their key or token.", refused);
    let unreadable = Some(count(&COUNTS.unreadable_requests));
    page.one("requests_unreadable_total", "counter", "Requests that are no HTTP, or were too slow.", unreadable);
    page.metric("closes_total", "counter", "Connections closed, by our code or by the client.");
    page.line("closes_total", "{code=\"client\"}", count(&COUNTS.closes_by_client));
    for (code, closes) in &*COUNTS.closes.lock().unwrap_or_else(PoisonError::into_inner) {
        page.line("closes_total", &format!("{{code=\"{code}\"}}"), closes);
    }
    page.0
}

struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP copresence_{name} {help}\n# TYPE copresence_{name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "copresence_{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.metric(name, kind, help);
            self.line(name, "", value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_that_prometheus_reads() {
        COUNTS.closed(4_403);
        let text = render(&Gauges { sessions: Some(3), ..Gauges::default() });
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("copresence_") && value.parse::<f64>().is_ok(), "{line}");
            let metric = name.split('{').next().unwrap();
            assert!(text.contains(&format!("# TYPE {metric} ")), "{line}");
        }
        assert!(text.contains("\ncopresence_sessions 3\n") && !text.contains("copresence_rooms"), "{text}");
        assert!(text.contains("{code=\"4403\"} "), "{text}");
    }
}
