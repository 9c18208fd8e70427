//! What stands behind the question mark.

use actix_web::HttpRequest;
use actix_web::web;

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
}
