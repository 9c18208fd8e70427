//! Latencies of millions of deliveries in a few kilobytes.

use std::time::Duration;

use serde::Serialize;

/// Each power of two is cut into this many buckets, so a reading is off by 1.6 % at most.
const BUCKETS_AN_OCTAVE_LOG2: u32 = 6;
const BUCKETS_AN_OCTAVE: u64 = 1 << BUCKETS_AN_OCTAVE_LOG2;

/// Counts of microseconds in buckets whose width grows with the value.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

/// What a row shows of a histogram, in milliseconds.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

impl Histogram {
    pub(crate) fn record_us(&mut self, us: u64) {
        let bucket = bucket_of(us);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
    }

    pub(crate) fn record(&mut self, time: Duration) {
        self.record_us(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes in what another one has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.buckets.len() > self.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (count, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += others;
        }
        self.count += other.count;
    }

    /// `None` while nothing was recorded.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let at = |share: f64| self.value_us(share).map(|us| us as f64 / 1_000.0);
        Some(Percentiles { p50: at(0.50)?, p95: at(0.95)?, p99: at(0.99)? })
    }

    /// The microseconds below or at which `share` of all readings are: the lower edge of their bucket.
    fn value_us(&self, share: f64) -> Option<u64> {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut passed = 0;
        let reaches = |readings: &u64| {
            passed += readings;
            passed >= rank
        };
        self.buckets.iter().position(reaches).map(edge_of)
    }
}

fn bucket_of(us: u64) -> usize {
    let bucket = if us < BUCKETS_AN_OCTAVE {
        us
    } else {
        let shift = u64::from(us.ilog2() - BUCKETS_AN_OCTAVE_LOG2);
        (shift << BUCKETS_AN_OCTAVE_LOG2) + (us >> shift)
    };
    usize::try_from(bucket).expect("below 64 × 64")
}

fn edge_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < BUCKETS_AN_OCTAVE {
        return bucket;
    }
    let shift = (bucket >> BUCKETS_AN_OCTAVE_LOG2) - 1;
    (bucket - (shift << BUCKETS_AN_OCTAVE_LOG2)) << shift
}
