//! A command that was refused, as its sender hears it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::inbox_log::InboxError;
use crate::domain::log::AppendError;

use super::codes::ErrorCode;

/// The answer to a command that was not done: code, words for a person, and when to try again.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// What a program acts on.
    pub code: ErrorCode,
    /// What a person reads. Lowercase, no full stop, and never another user's data.
    pub message: Cow<'static, str>,
    /// Seconds until the same message may be sent again.
    pub retry_after: Option<f64>,
    /// For a write of state that lost the race: what is there now, as JSON.
    pub current: Option<Arc<str>>,
}

impl Refusal {
    /// A refusal that names no time.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None, current: None }
    }

    /// The message is wrong in itself; `message` names the field and what it must be.
    #[must_use]
    pub fn bad_message(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadMessage, message)
    }

    /// Over a size limit.
    #[must_use]
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::TooLarge, message)
    }

    /// The token is missing, invalid or expired.
    #[must_use]
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, message)
    }

    /// This user may not do this here.
    #[must_use]
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// The session is not in the room that the command names.
    #[must_use]
    pub fn not_joined() -> Self {
        Self::new(ErrorCode::NotJoined, "this session is not in the room")
    }

    /// The key was used before for other content.
    #[must_use]
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// Too many of something.
    #[must_use]
    pub fn over_limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::OverLimit, message)
    }

    /// Too fast.
    #[must_use]
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, message).after(retry_after)
    }

    /// It can't be done now, and may be later.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// The same refusal, with the time after which to try again.
    #[must_use]
    pub fn after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after.as_secs_f64()), ..self }
    }
}

impl From<InboxError> for Refusal {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::NotFound(what) => Self::new(ErrorCode::NotFound, what),
            InboxError::Bad(why) => Self::bad_message(why),
            InboxError::OverLimit(what) => Self::over_limit(what),
            InboxError::AnotherEpoch => Self::conflict(error.to_string()),
            InboxError::Unavailable { retry_after } => Self::unavailable(error.to_string()).after(retry_after),
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict => Self::conflict("key: it was used before for other content"),
            AppendError::Stale { current } => {
                let refusal = Self::conflict("if_offset: a key was written or removed since, see current");
                Self { current: Some(current), ..refusal }
            }
            AppendError::OverLimit { what } => Self::over_limit(what),
            AppendError::Unavailable { retry_after } => {
                Self::unavailable("the log can't take entries now").after(retry_after)
            }
        }
    }
}
