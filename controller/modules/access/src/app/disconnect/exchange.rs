//! One exchange with a NAS, from what names the session to the outcome in words.
//! Never stores anything and never takes an ACK for more than it is.

use std::net::SocketAddr;

use coa::{Answer, Coa, Outcome, Request, Target, Verb, error_cause_name};
use kernel::id::{IntentId, PartnerId};
use radius::attribute::kind;
use radius_server::directory::Nas;
use radius_server::sessions::Session;

use crate::causes::Causes;
use crate::store::intent::IntentOutcome;

/// Error-Causes after which a smaller identification is worth one more try (RFC 5176 section 3.5).
const TRY_SMALLER: [u32; 2] = [401, 404];

/// What is needed to ask a NAS about one session.
pub(super) struct Asking {
    /// Which intent.
    pub id: IntentId,
    /// Whose.
    pub partner: PartnerId,
    /// The NAS's name, for words.
    pub nas: String,
    /// Where and with which secret.
    pub target: Target,
    /// What names the session for this make.
    pub attributes: Vec<u8>,
    /// What names it at the least.
    pub minimal: Vec<u8>,
}

/// Asks, and once more with less when the NAS objects to what it was told.
pub(super) async fn exchange(coa: &Coa, asking: &Asking) -> IntentOutcome {
    let mut attempts = 0;
    let mut identification = &asking.attributes;
    loop {
        let request = Request {
            target: asking.target.clone(),
            verb: Verb::Disconnect,
            attributes: identification.clone(),
        };
        let outcome = match coa.send(request).await {
            Ok(outcome) => outcome,
            Err(error) => {
                return failed(format!(
                    "the request to NAS {} was not sent: {}",
                    asking.nas,
                    Causes(&error)
                ));
            }
        };
        attempts += i16::from(outcome.attempts);
        let objects = matches!(outcome.answer, Answer::Nak { error_cause: Some(cause) } if TRY_SMALLER.contains(&cause));
        if objects && *identification != asking.minimal && !asking.minimal.is_empty() {
            identification = &asking.minimal;
            continue;
        }
        return told(asking, outcome, attempts);
    }
}

/// What the NAS said, as it is stored.
fn told(asking: &Asking, outcome: Outcome, attempts: i16) -> IntentOutcome {
    let (state, error_cause, detail) = match outcome.answer {
        Answer::Ack => ("acknowledged", None, None),
        Answer::Nak { error_cause } => ("refused", error_cause, Some(refusal(&asking.nas, error_cause))),
        Answer::Silent => {
            let waited_s = outcome.waited.as_secs_f64();
            let detail = format!(
                "no answer from NAS {} at {} after {attempts} attempts in {waited_s:.1} s; \
                 check its CoA port, secret and firewall",
                asking.nas, asking.target.addr
            );
            ("silent", None, Some(detail))
        }
    };
    IntentOutcome {
        state,
        attempts,
        rtt_us: outcome
            .rtt
            .map(|rtt| i64::try_from(rtt.as_micros()).unwrap_or(i64::MAX)),
        error_cause: error_cause.and_then(|cause| i32::try_from(cause).ok()),
        detail,
        answered: outcome.rtt.is_some(),
    }
}

/// A refusal in words.
fn refusal(nas: &str, error_cause: Option<u32>) -> String {
    let Some(cause) = error_cause else {
        return format!("NAS {nas} refused and gave no reason");
    };
    let name = error_cause_name(cause);
    let hint = match cause {
        401 | 404 | 407 => "; it does not accept how the session was named: check the NAS's type",
        402 => "; it misses an attribute: check the NAS's type",
        403 => "; it takes the request to be for another NAS",
        501 => "; it is set up not to allow this",
        503 => "; it knows no such session: it has ended and its Accounting-Stop was lost, or is on its way",
        _ => "",
    };
    format!("NAS {nas} refused: {name} ({cause}){hint}")
}

/// The outcome of something that was never sent.
pub(super) fn failed(detail: String) -> IntentOutcome {
    IntentOutcome {
        state: "failed",
        attempts: 0,
        rtt_us: None,
        error_cause: None,
        detail: Some(detail),
        answered: false,
    }
}

/// Where the NAS listens: its own address when it is one host, else where the session's records came from.
pub(super) fn coa_address(nas: &Nas, session: &Session) -> SocketAddr {
    let one_host = nas.network.prefix_len() == nas.network.max_prefix_len();
    let address = if one_host {
        nas.network.addr()
    } else {
        session.source.ip()
    };
    SocketAddr::new(address.to_canonical(), nas.coa.port)
}

/// The Acct-Session-Id alone out of a run of attributes.
pub(super) fn only_session_id(recorded: &[u8]) -> Vec<u8> {
    let mut rest = recorded;
    while let [kind, length, ..] = *rest {
        let (attribute, after) =
            rest.split_at(usize::from(length).clamp(2, rest.len().max(2)).min(rest.len()));
        if kind == kind::ACCT_SESSION_ID {
            return attribute.to_vec();
        }
        rest = after;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_cause_and_what_it_means() {
        let words = refusal("bras-1", Some(503));
        assert!(
            words.starts_with("NAS bras-1 refused: Session-Context-Not-Found (503)"),
            "{words}"
        );
        assert_eq!(refusal("bras-1", None), "NAS bras-1 refused and gave no reason");
    }

    #[test]
    fn the_smallest_identification_is_the_session_id() {
        let recorded = [1, 3, b'a', 44, 4, b'x', b'y', 32, 3, b'n'];
        assert_eq!(only_session_id(&recorded), [44, 4, b'x', b'y']);
        assert!(only_session_id(&[1, 3, b'a']).is_empty());
        assert!(only_session_id(&[1, 200, b'a']).is_empty());
    }
}
