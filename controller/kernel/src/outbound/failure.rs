//! Why a call to a server of others did not work, and what that means: for the breaker, for a repetition, for the caller.
//! Never holds a secret: neither what was sent nor what came back is in here.

use std::time::Duration;

use super::breaker::Verdict;
use super::target::TargetError;
use crate::error::{BoxError, Error};

/// How a call failed. Speaks of HTTP only where a status is the reason.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The place may not be connected to, or has no address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The line's breaker is open: the server has failed again and again.
    #[error("it has failed again and again and is not asked for another {} s", .retry_after.as_secs().max(1))]
    Open {
        /// When it will be asked again.
        retry_after: Duration,
    },
    /// The server has asked for a pause, or our own rate for it is used up.
    #[error("it is not asked for another {} s", .retry_after.as_secs().max(1))]
    Paused {
        /// When it will be asked again.
        retry_after: Duration,
    },
    /// As many calls as there may be are under way, and none ended in time.
    #[error("{in_flight} calls are under way and none ended within {} ms", .waited.as_millis())]
    Busy {
        /// How many are under way.
        in_flight: usize,
        /// How long this one waited.
        waited: Duration,
    },
    /// No connection; nothing was sent.
    #[error("it cannot be connected to")]
    Connect {
        /// What was seen.
        source: BoxError,
    },
    /// The whole call took too long; whether the server did something is not known.
    #[error("it did not answer within {} ms", .waited.as_millis())]
    TimedOut {
        /// How long was waited.
        waited: Duration,
    },
    /// The connection ended, or what came is no answer; whether the server did something is not known.
    #[error("its answer broke off or is not of its protocol")]
    Broken {
        /// What was seen.
        source: BoxError,
    },
    /// The answer is longer than what is read.
    #[error("its answer is longer than {max} octets")]
    TooLong {
        /// What is read at most.
        max: usize,
    },
    /// It sent us elsewhere; we do not go.
    #[error("it answered with status {status}, which would lead elsewhere; redirects are not followed")]
    Redirected {
        /// The status.
        status: u16,
    },
    /// It refused, or failed by its own word.
    #[error("it answered with status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The call cannot be made as it was built.
    #[error("the request cannot be built")]
    Request {
        /// What is wrong.
        source: BoxError,
    },
}

/// Whether a call may be made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing was done, whatever the call was for.
    Always,
    /// Only what does no harm when it is done twice.
    IfHarmless,
    /// It would end the same way.
    No,
}

impl CallError {
    /// What it says about the server. That it refuses somebody (4xx) is not its failure, and 429 means it is well.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Connect { .. } | Self::TimedOut { .. } | Self::Broken { .. } => Verdict::Failed,
            Self::Status { status, .. } if *status >= 500 && *status != 501 => Verdict::Failed,
            Self::Status { .. } | Self::Redirected { .. } | Self::TooLong { .. } => Verdict::Well,
            Self::Target(TargetError::NotLookedUp { .. } | TargetError::NoAddress { .. }) => Verdict::Failed,
            Self::Target(_)
            | Self::Open { .. }
            | Self::Paused { .. }
            | Self::Busy { .. }
            | Self::Request { .. } => Verdict::Nothing,
        }
    }

    /// Whether the call may be made once more.
    pub fn again(&self) -> Again {
        match self {
            Self::Connect { .. } | Self::Target(TargetError::NotLookedUp { .. }) => Again::Always,
            // Not even asked.
            Self::Paused { .. } => Again::Always,
            // "Too many requests" is said before anything is done.
            Self::Status { status: 429, .. } => Again::Always,
            Self::Status {
                status: 502..=504, ..
            }
            | Self::TimedOut { .. }
            | Self::Broken { .. } => Again::IfHarmless,
            _ => Again::No,
        }
    }

    /// How long to wait, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Open { retry_after } | Self::Paused { retry_after } => Some(*retry_after),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status, where it is the reason.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirected { status } => Some(*status),
            _ => None,
        }
    }

    /// A word from a closed list, for metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Target(_) => "refused_target",
            Self::Open { .. } => "breaker_open",
            Self::Paused { .. } => "paused",
            Self::Busy { .. } => "busy",
            Self::Connect { .. } => "no_connection",
            Self::TimedOut { .. } => "timed_out",
            Self::Broken { .. } => "broken",
            Self::TooLong { .. } => "too_long",
            Self::Redirected { .. } => "redirected",
            Self::Status { status: 429, .. } => "too_many_requests",
            Self::Status { status: 500.., .. } => "server_error",
            Self::Status { .. } => "refused",
            Self::Request { .. } => "not_built",
        }
    }

    /// The same for whoever called us: `what` is the server in words, such as "NetBox".
    pub fn into_unavailable(self, what: &str) -> Error {
        Error::Unavailable {
            what: format!("{what} does not help: {self}"),
            source: Box::new(self),
        }
    }
}
