//! Error and close codes: one table each, which the client's own mirrors.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why a command was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    /// Not JSON, no such type, a field missing or wrong, nested too deep; the message says which.
    BadMessage,
    /// Over the size limit.
    TooLarge,
    /// The token is missing, invalid or expired.
    Unauthorized,
    /// This user may not do this in this room.
    Forbidden,
    /// The command needs the session to be in the room.
    NotJoined,
    /// No such entry, notification, session …
    NotFound,
    /// Somebody else was first: a version that is no longer current, or a key used for other content.
    Conflict,
    /// Too fast; `retry_after` says when.
    RateLimited,
    /// Too many rooms, sessions, keys …
    OverLimit,
    /// The log can't take it now, or did not answer in time: whether it was written is then unknown.
    Unavailable,
    /// An operator switched this off.
    Disabled,
}

/// Whether the same message may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// It would be refused again.
    No,
    /// With a new token.
    WithNewToken,
    /// After joining the room.
    AfterJoin,
    /// After reading what is there now.
    AfterReading,
    /// After `retry_after` seconds.
    AfterPause,
    /// Later, and with the same `key`, so that it is written once.
    LaterWithSameKey,
    /// Later.
    Later,
}

impl ErrorCode {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::BadMessage,
        Self::TooLarge,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotJoined,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::OverLimit,
        Self::Unavailable,
        Self::Disabled,
    ];

    /// The table: name on the wire, HTTP status, same message again?
    const fn row(self) -> (&'static str, u16, Again) {
        match self {
            Self::BadMessage => ("bad_message", 400, Again::No),
            Self::TooLarge => ("too_large", 413, Again::No),
            Self::Unauthorized => ("unauthorized", 401, Again::WithNewToken),
            Self::Forbidden => ("forbidden", 403, Again::No),
            Self::NotJoined => ("not_joined", 409, Again::AfterJoin),
            Self::NotFound => ("not_found", 404, Again::No),
            Self::Conflict => ("conflict", 409, Again::AfterReading),
            Self::RateLimited => ("rate_limited", 429, Again::AfterPause),
            Self::OverLimit => ("over_limit", 422, Again::No),
            Self::Unavailable => ("unavailable", 503, Again::LaterWithSameKey),
            Self::Disabled => ("disabled", 503, Again::Later),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status of an HTTP answer with this error.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.row().1
    }

    /// Whether the same message may be sent again.
    #[must_use]
    pub const fn again(self) -> Again {
        self.row().2
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a connection ends, as its close frame says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseCode {
    /// The client said goodbye.
    Goodbye,
    /// WebSocket itself broken.
    Broken,
    /// Text that is not UTF-8.
    NotText,
    /// This node drains or restarts.
    Restarting,
    /// Not this protocol, or unreadable several times over.
    BadProtocol,
    /// The token was refused or has expired.
    Unauthorized,
    /// Ended by an operator or a backend.
    Ended,
    /// No `connect` in time.
    ConnectTimeout,
    /// A newer connection took the session up.
    TakenOver,
    /// Nothing was heard for too long.
    HeartbeatMissed,
    /// A message far over the size limit.
    TooLarge,
    /// Kept on over a rate limit.
    RateLimited,
    /// Too slow to read.
    TooSlow,
    /// The node is full, or the feature is off.
    Full,
}

/// Whether and how a client comes back after a close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reconnect {
    /// Not by itself.
    No,
    /// As it was.
    Yes,
    /// As it was, and it resumes its session.
    AndResume,
    /// With a new token alone.
    WithNewToken,
    /// After the pause that `closing` named.
    AfterPause,
}

impl CloseCode {
    /// All of them, by number.
    pub const ALL: [Self; 14] = [
        Self::Goodbye,
        Self::Broken,
        Self::NotText,
        Self::Restarting,
        Self::BadProtocol,
        Self::Unauthorized,
        Self::Ended,
        Self::ConnectTimeout,
        Self::TakenOver,
        Self::HeartbeatMissed,
        Self::TooLarge,
        Self::RateLimited,
        Self::TooSlow,
        Self::Full,
    ];

    /// The table: number, reason, reconnect?
    const fn row(self) -> (u16, &'static str, Reconnect) {
        match self {
            Self::Goodbye => (1000, "goodbye", Reconnect::No),
            Self::Broken => (1002, "not WebSocket any more", Reconnect::No),
            Self::NotText => (1007, "text that is not UTF-8", Reconnect::No),
            Self::Restarting => (1012, "this node drains or restarts", Reconnect::AndResume),
            Self::BadProtocol => (4400, "not this protocol", Reconnect::No),
            Self::Unauthorized => (4401, "token refused or expired", Reconnect::WithNewToken),
            Self::Ended => (4403, "ended by an operator or a backend", Reconnect::No),
            Self::ConnectTimeout => (4408, "no connect in time", Reconnect::Yes),
            Self::TakenOver => (4409, "this session was taken up by a newer connection", Reconnect::No),
            Self::HeartbeatMissed => (4410, "heartbeat missed", Reconnect::Yes),
            Self::TooLarge => (4413, "message over the size limit", Reconnect::No),
            Self::RateLimited => (4429, "kept on over a rate limit", Reconnect::AfterPause),
            Self::TooSlow => (4431, "too slow to read", Reconnect::AndResume),
            Self::Full => (4503, "node full or feature switched off", Reconnect::AfterPause),
        }
    }

    /// The number in the close frame.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.row().0
    }

    /// The words beside it, under the 123 bytes that a close frame has for them.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.row().1
    }

    /// Whether and how a client comes back.
    #[must_use]
    pub const fn reconnect(self) -> Reconnect {
        self.row().2
    }

    /// Whether a client comes back by itself with what it has: the `reconnect` of `closing`.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        !matches!(self.reconnect(), Reconnect::No | Reconnect::WithNewToken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_told_apart() {
        let names: HashSet<_> = ErrorCode::ALL.map(ErrorCode::as_str).into();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        let numbers = CloseCode::ALL.map(CloseCode::number);
        assert!(numbers.is_sorted_by(|a, b| a < b), "by number, and none twice");
        assert!(CloseCode::ALL.iter().all(|code| code.reason().len() <= 123));
    }

    #[test]
    fn a_refused_token_is_no_reason_to_come_back_with_it() {
        assert!(!CloseCode::Unauthorized.is_temporary());
        assert!(CloseCode::TooSlow.is_temporary() && CloseCode::Full.is_temporary());
        assert_eq!(ErrorCode::Unavailable.again(), Again::LaterWithSameKey);
    }
}
