//! What stands behind the question mark.

use actix_web::HttpRequest;
use actix_web::web;
use chrono::DateTime;

use crate::auth::LEEWAY_MS;
use crate::domain::entry::Timestamp;
use crate::protocol::Refusal;

/// The fields of a query, each at most once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let parsed = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let fields = parsed.map_err(|_| Refusal::bad_message("the query can't be read"))?.into_inner();
        let is_twice =
            |(at, (name, _)): (usize, &(String, String))| fields[..at].iter().any(|(other, _)| other == name);
        if fields.iter().enumerate().any(is_twice) {
            return Err(Refusal::bad_message("a field stands twice in the query"));
        }
        Ok(Self(fields))
    }

    /// The value of a field, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A whole number from 1 to `max`, or `default`.
    pub(super) fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_digits && (1..=max).contains(number));
        number.ok_or_else(|| Refusal::bad_message(format!("{name} must be 1 to {max}")))
    }

    /// A time: in RFC 3339, in whole seconds since 1970, or `now`. Not after `now`, but for clocks that go a little ahead.
    pub(super) fn time(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let at = if text == "now" {
            Some(now.0)
        } else if is_digits {
            text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000))
        } else {
            DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
        };
        let at = at.filter(|at| *at <= now.0.saturating_add(LEEWAY_MS)).map(Timestamp);
        let rule = "must be a time in RFC 3339, in seconds since 1970, or `now`, and not in the future";
        at.map(Some).ok_or_else(|| Refusal::bad_message(format!("{name} {rule}")))
    }
}
