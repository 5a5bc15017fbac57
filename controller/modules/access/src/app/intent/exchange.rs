//! One exchange with a NAS, from what names the session to the outcome in words.
//! Never stores anything and never takes an ACK for more than it is.

use std::sync::Arc;
use std::time::Duration;

use coa::{Answer, Coa, Heard, Outcome, Request, Target, Verb, Way, error_cause_name};
use radius::attribute::kind;
use radius_server::directory::NasStats;

use super::way::{in_words, learn};
use crate::causes::Causes;
use crate::store::intent::IntentOutcome;

/// Error-Causes after which a smaller identification is worth one more try (RFC 5176 section 3.5).
const TRY_SMALLER: [u32; 2] = [401, 404];

/// What a NAS is asked about one session, on one rung.
pub(in crate::app) struct Question {
    /// The NAS's name, for words.
    pub nas: String,
    /// By which ways, in order, and with which secrets.
    pub ways: Vec<Target>,
    /// What is known of the NAS.
    pub stats: Arc<NasStats>,
    /// What it is asked to do.
    pub verb: Verb,
    /// What names the session for this make.
    pub naming: Vec<u8>,
    /// What names it at the least.
    pub minimal: Vec<u8>,
    /// What the session is told.
    pub change: Vec<u8>,
}

/// What was tried so far.
#[derive(Default)]
struct Tried {
    /// Packets sent.
    attempts: i16,
    /// Ways on which nothing was said.
    silent: Vec<Way>,
    /// How long that took.
    waited: Duration,
}

/// Asks by one way after the other, until the NAS says something.
pub(super) async fn exchange(coa: &Coa, asking: &Question) -> IntentOutcome {
    let mut tried = Tried::default();
    for target in &asking.ways {
        let answered = ask_by(coa, asking, target, &mut tried).await;
        let outcome = match answered {
            Ok(outcome) => outcome,
            Err(failed) => return failed,
        };
        if outcome.answer != Answer::Silent {
            learn(&asking.stats, target.way, &tried.silent);
            return told(asking, outcome, &tried);
        }
        tried.silent.push(target.way);
        tried.waited += outcome.waited;
    }
    silent(asking, &tried)
}

/// Asks by one way, and once more with less when the NAS objects to what it was told.
async fn ask_by(
    coa: &Coa,
    asking: &Question,
    target: &Target,
    tried: &mut Tried,
) -> Result<Outcome, IntentOutcome> {
    let mut identification = &asking.naming;
    loop {
        let request = Request {
            target: target.clone(),
            verb: asking.verb,
            attributes: [&identification[..], &asking.change].concat(),
        };
        let outcome = match coa.send(request).await {
            Ok(outcome) => outcome,
            Err(error) => {
                return Err(failed(format!(
                    "the request to NAS {} was not sent: {}",
                    asking.nas,
                    Causes(&error)
                )));
            }
        };
        tried.attempts += i16::from(outcome.attempts);
        let objects = matches!(outcome.answer, Answer::Nak { error_cause: Some(cause) } if TRY_SMALLER.contains(&cause));
        if objects && *identification != asking.minimal && !asking.minimal.is_empty() {
            identification = &asking.minimal;
            continue;
        }
        return Ok(outcome);
    }
}

/// That the NAS said nothing, as it is stored.
fn silent(asking: &Question, tried: &Tried) -> IntentOutcome {
    let (ways, waited_s) = (in_words(&tried.silent), tried.waited.as_secs_f64());
    IntentOutcome {
        state: "silent",
        attempts: tried.attempts,
        detail: Some(format!(
            "no answer from NAS {} {ways} after {} attempts in {waited_s:.1} s; check its CoA port, secret and firewall",
            asking.nas, tried.attempts
        )),
        ..IntentOutcome::default()
    }
}

/// What the NAS said, as it is stored.
fn told(asking: &Question, outcome: Outcome, tried: &Tried) -> IntentOutcome {
    let (state, error_cause, detail) = match outcome.answer {
        Answer::Ack => ("acknowledged", None, None),
        Answer::Nak { error_cause } => ("refused", error_cause, Some(refusal(&asking.nas, error_cause))),
        Answer::Silent => return silent(asking, tried),
    };
    IntentOutcome {
        state,
        attempts: tried.attempts,
        rtt_us: outcome
            .rtt
            .map(|rtt| i64::try_from(rtt.as_micros()).unwrap_or(i64::MAX)),
        error_cause: error_cause.and_then(|cause| i32::try_from(cause).ok()),
        detail,
        answered: outcome.rtt.is_some(),
        ..IntentOutcome::default()
    }
}

/// What was heard, out of how it is stored.
pub(super) fn heard(outcome: &IntentOutcome) -> Heard {
    Heard::Answer(match outcome.state {
        "acknowledged" => Answer::Ack,
        "refused" => Answer::Nak {
            error_cause: outcome.error_cause.and_then(|cause| u32::try_from(cause).ok()),
        },
        _ => Answer::Silent,
    })
}

/// A refusal in words.
fn refusal(nas: &str, error_cause: Option<u32>) -> String {
    let Some(cause) = error_cause else {
        return format!("NAS {nas} refused and gave no reason");
    };
    let name = error_cause_name(cause);
    let hint = match cause {
        401 | 404 | 407 => {
            "; it does not accept how the session was named, or what it was told: check the NAS's type"
        }
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
        detail: Some(detail),
        ..IntentOutcome::default()
    }
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
