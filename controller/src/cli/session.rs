//! `headend session`: live and past sessions, and how to end one with proof.
//! Never says "disconnected" because a NAS said so: the accounting stop proves it, or its absence is told.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::lookup;
use super::session_bulk as bulk;
use crate::failure::{Exit, Failure};
use crate::output::{self, field};

/// How often the state of a disconnect is asked for.
const POLL_WAIT: Duration = Duration::from_millis(200);

/// What to do with sessions.
#[derive(Subcommand)]
pub enum Command {
    /// List sessions, newest first
    List {
        /// Only of this user name
        #[arg(long, value_name = "USERNAME")]
        username: Option<String>,
        /// Only on this NAS, by name or id
        #[arg(long, value_name = "NAS")]
        nas: Option<String>,
        /// Open ones, or closed ones [default: open]
        #[arg(long, value_parser = ["open", "closed"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one session
    Show {
        /// Session id
        session: String,
    },
    /// Tell who had an address at some time
    At {
        /// Address, or network in CIDR, IPv4 or IPv6
        address: String,
        /// When, as 2026-11-21T12:00:00Z [default: now]
        time: Option<String>,
        /// A port of it: whose that was behind a carrier-grade NAT, else who had the whole address
        #[arg(long, value_name = "N")]
        port: Option<u16>,
    },
    /// End a live session and wait for the proof, or many at a rate
    Disconnect(Wish),
    /// Have a live session get what a login now would get, or many at a rate
    Reshape(Wish),
    /// Put a live session into the walled garden
    Garden {
        /// Session id, or the user name of exactly one open session
        session: String,
        /// Why, for the audit
        #[arg(long)]
        reason: String,
    },
    /// Start or stop a service of the NAS for a live session
    Service {
        /// Session id, or the user name of exactly one open session
        session: String,
        /// Its name on the NAS
        service: String,
        /// Stop it
        #[arg(long)]
        stop: bool,
        /// Why, for the audit
        #[arg(long)]
        reason: String,
    },
    /// List what was asked of sessions, newest first
    Intents {
        /// Only what somebody must look at
        #[arg(long)]
        operator: bool,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// What is wanted of many sessions, and how far it is
    #[command(subcommand)]
    Bulk(bulk::Command),
    /// Show or set what is done when a session does not change as it goes on
    Policy {
        /// disconnect: it is ended; operator: somebody looks at it
        #[arg(value_parser = ["disconnect", "operator"])]
        if_refused: Option<String>,
    },
}

/// What is wanted of one session, or of many.
#[derive(Args)]
pub struct Wish {
    /// Session id, or the user name of exactly one open session; none with --nas, --plan, ...
    #[arg(conflicts_with_all = ["nas", "plan", "site", "pool", "all"])]
    session: Option<String>,
    /// Which sessions, if many
    #[command(flatten)]
    many: bulk::Many,
    /// Why, for the audit
    #[arg(long, required_unless_present = "preview")]
    reason: Option<String>,
    /// Seconds to wait for the proof
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::List {
                username,
                nas,
                state,
                limit,
            } => {
                let filter: Vec<(&str, &str)> = [("username", &username), ("nas", &nas), ("state", &state)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                    .collect();
                let sessions = context
                    .api
                    .list_some(&["partners", &partner, "sessions"], &filter, limit)
                    .await?;
                context.show_list(sessions, &HEADINGS, row);
                Ok(())
            }
            Command::Show { session } => {
                context.show_one(
                    &context
                        .api
                        .get(&["partners", &partner, "sessions", &session])
                        .await?,
                );
                Ok(())
            }
            Command::At { address, time, port } => {
                let at = moment(time.as_deref())?;
                if let Some(port) = port {
                    return holders(context, &partner, &address, port, &at).await;
                }
                let filter = [("address", address.as_str()), ("at", at.as_str())];
                let held = context
                    .api
                    .list(&["partners", &partner, "sessions", "at"], &filter)
                    .await?;
                context.show_list(held, &HEADINGS, row);
                Ok(())
            }
            Command::Disconnect(wish) => wish.carry_out(context, &partner, "disconnect").await,
            Command::Reshape(wish) => wish.carry_out(context, &partner, "reshape").await,
            Command::Garden { session, reason } => {
                let session = find(context, &partner, &session).await?;
                ask(
                    context,
                    &partner,
                    &session,
                    "garden",
                    &json!({ "reason": reason }),
                    Duration::ZERO,
                )
                .await
            }
            Command::Service {
                session,
                service,
                stop,
                reason,
            } => {
                let session = find(context, &partner, &session).await?;
                let body = json!({ "service": service, "starts": !stop, "reason": reason });
                ask(context, &partner, &session, "service", &body, Duration::ZERO).await
            }
            Command::Intents {
                operator,
                state,
                limit,
            } => {
                let operator = operator.then(|| "true".to_owned());
                let filter: Vec<(&str, &str)> = [("operator", &operator), ("state", &state)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                    .collect();
                let path = ["partners", &partner, "intents"];
                let intents = context.api.list_some(&path, &filter, limit).await?;
                context.show_list(intents, &INTENT_HEADINGS, intent_row);
                Ok(())
            }
            Command::Bulk(command) => command.run(context, &partner).await,
            Command::Policy { if_refused } => {
                let path = ["partners", partner.as_str(), "session-policy"];
                let policy = match if_refused {
                    Some(word) => context.api.put(&path, &json!({ "if_refused": word })).await?,
                    None => context.api.get(&path).await?,
                };
                context.show_one(&policy);
                Ok(())
            }
        }
    }
}

/// Tells whose a port of an address was.
async fn holders(
    context: &Context,
    partner: &str,
    address: &str,
    port: u16,
    at: &str,
) -> Result<(), Failure> {
    let port = port.to_string();
    let filter = [("address", address), ("port", port.as_str()), ("at", at)];
    let path = ["partners", partner, "port-blocks", "at"];
    let held = context.api.list(&path, &filter).await?;
    let headings = [
        "USERNAME", "NAS", "INSIDE", "ADDRESS", "PORTS", "SINCE", "UNTIL", "SAID_BY", "SESSION",
    ];
    context.show_list(held, &headings, |holder| {
        vec![
            field(holder, "username"),
            field(holder, "nas"),
            field(holder, "inside"),
            field(holder, "public_address"),
            format!("{}-{}", holder["port_first"], holder["port_last"]),
            output::column(holder, "since"),
            output::column(holder, "until"),
            field(holder, "source"),
            field(&holder["session"], "id"),
        ]
    });
    Ok(())
}

impl Wish {
    /// Asks it of one session, or begins a bulk.
    async fn carry_out(self, context: &Context, partner: &str, verb: &str) -> Result<(), Failure> {
        let reason = self.reason.unwrap_or_default();
        match self.session {
            Some(named) => {
                let session = find(context, partner, &named).await?;
                let wait = Duration::from_secs(self.wait);
                ask(
                    context,
                    partner,
                    &session,
                    verb,
                    &json!({ "reason": reason }),
                    wait,
                )
                .await
            }
            None => self.many.carry_out(context, partner, verb, &reason).await,
        }
    }
}

/// What the columns of [`intent_row`] are.
const INTENT_HEADINGS: [&str; 9] = [
    "ID", "SESSION", "VERB", "STATE", "RUNG", "ASKED", "BY", "REASON", "DETAIL",
];

/// An intent as a row.
fn intent_row(intent: &Value) -> Vec<String> {
    vec![
        field(intent, "id"),
        field(intent, "session_id"),
        field(intent, "verb"),
        field(intent, "state"),
        field(intent, "rung"),
        output::column(intent, "asked_at"),
        field(intent, "created_by"),
        field(intent, "reason"),
        field(intent, "detail"),
    ]
}

/// The moment a caller names, as the API wants it; none: now.
fn moment(named: Option<&str>) -> Result<String, Failure> {
    let at = match named {
        Some(text) => OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| Failure::usage(format!("{text} is no time; allowed: 2026-11-21T12:00:00Z")))?,
        None => OffsetDateTime::now_utc(),
    };
    // In UTC: the plus of another zone means a space in a query.
    at.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .map_err(|_| Failure::usage("that time cannot be written".to_owned()))
}

/// What the columns of [`row`] are.
const HEADINGS: [&str; 12] = [
    "ID", "USERNAME", "NAS", "PORT", "CALLING", "ADDRESS", "PARTNER", "STARTED", "TIME", "IN", "OUT", "STATE",
];

/// A session as a row.
fn row(session: &Value) -> Vec<String> {
    vec![
        field(session, "id"),
        field(session, "username"),
        field(session, "nas"),
        field(session, "nas_port"),
        field(session, "calling_station"),
        field(session, "framed_ip"),
        field(session, "partner"),
        output::column(session, "started_at"),
        output::seconds(session, "session_time_s"),
        output::octets(session, "octets_in"),
        output::octets(session, "octets_out"),
        field(session, "state"),
    ]
}

/// The session with this id, or the only open one of this user name.
async fn find(context: &Context, partner: &str, named: &str) -> Result<Value, Failure> {
    if uuid::Uuid::try_parse(named).is_ok() {
        let found = context.api.get(&["partners", partner, "sessions", named]).await;
        return match found.map_err(Failure::from) {
            // Whoever may not look is told by the act itself that he may not act, and the audit has his name.
            Err(failure) if failure.exit == Exit::Refused => Ok(json!({"id": named})),
            found => found,
        };
    }
    let filter = [("username", named), ("state", "open")];
    let mut open = context
        .api
        .list(&["partners", partner, "sessions"], &filter)
        .await?;
    match open.len() {
        1 => Ok(open.remove(0)),
        0 => {
            let all = context
                .api
                .list_some(&["partners", partner, "sessions"], &[("state", "open")], 200)
                .await?;
            let known: Vec<&str> = all
                .iter()
                .filter_map(|session| session["username"].as_str())
                .collect();
            Err(lookup::not_found("open session of", named, partner, known))
        }
        several => Err(
            Failure::usage(format!("{named} has {several} open sessions")).next(format!(
                "name one by its id: {}",
                open.iter()
                    .map(|session| field(session, "id"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        ),
    }
}

/// Asks something of a session, and tells each stage as it happens.
async fn ask(
    context: &Context,
    partner: &str,
    session: &Value,
    verb: &str,
    body: &Value,
    wait: Duration,
) -> Result<(), Failure> {
    let say = |text: String| {
        if !context.json {
            output::line(&text);
        }
    };
    let id = lookup::id_of(session)?;
    if session["nas"].is_string() {
        say(format!(
            "asked {}: {verb} {} ({id})",
            field(session, "nas"),
            field(session, "username")
        ));
    }
    let path = ["partners", partner, "sessions", &id, verb];
    let started = Instant::now();
    let mut intent = context.api.post(&path, body).await?;
    let intent_id = lookup::id_of(&intent)?;
    let mut acknowledged = false;
    loop {
        let state = intent["state"].as_str().unwrap_or_default().to_owned();
        // The proof may overtake the answer; both are told.
        if !acknowledged && (state == "acknowledged" || (state == "proven" && intent["rtt_us"].is_number())) {
            acknowledged = true;
            say(acknowledgement(&intent));
        }
        if !matches!(state.as_str(), "asked" | "acknowledged") || started.elapsed() >= wait {
            break;
        }
        tokio::time::sleep(POLL_WAIT.min(wait.saturating_sub(started.elapsed()))).await;
        intent = context
            .api
            .get(&["partners", partner, "intents", &intent_id])
            .await?;
    }
    if context.json {
        output::json(&intent);
    }
    let listed = |name: &str| {
        let words = intent[name].as_array().map_or(&[][..], Vec::as_slice);
        words
            .iter()
            .filter_map(Value::as_str)
            .filter(|word| *word != "class")
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !listed("left_out").is_empty() {
        say(format!("with the next login only: {}", listed("left_out")));
    }
    if intent["rung"] == "change" && intent["state"] == "acknowledged" {
        say(format!(
            "changed: {}, says the NAS; its next report proves it, if it repeats the Class",
            listed("told")
        ));
        return Ok(());
    }
    conclude(&intent, wait, &say)
}

/// The line for a NAS that said yes.
fn acknowledgement(intent: &Value) -> String {
    let attempts = intent["attempts"].as_u64().unwrap_or(1);
    let plural = if attempts == 1 { "" } else { "s" };
    match intent["rtt_us"].as_u64() {
        Some(us) => format!(
            "acknowledged in {}.{} ms after {attempts} attempt{plural}",
            us / 1000,
            us / 100 % 10
        ),
        None => format!("acknowledged after {attempts} attempt{plural}"),
    }
}

/// The last line: proven, or why not.
fn conclude(intent: &Value, wait: Duration, say: &dyn Fn(String)) -> Result<(), Failure> {
    let detail = |fallback: &str| intent["detail"].as_str().unwrap_or(fallback).to_owned();
    let failed = |text: String| Failure::new(Exit::Failed, text);
    match intent["state"].as_str().unwrap_or_default() {
        "proven" if intent["evidence"] == "class" => {
            say("proven: the session reports the change".to_owned());
            Ok(())
        }
        "contradicted" => Err(failed(format!(
            "contradicted: {}",
            detail("the session went on as before")
        ))
        .next("the NAS says one thing and does another: look at it, and at headend nas capability list")),
        "proven" => {
            let moment =
                |name: &str| OffsetDateTime::parse(intent[name].as_str().unwrap_or_default(), &Rfc3339).ok();
            // The stop may be on disk before the answer is; then it is not later but there already.
            let later = moment("proven_at")
                .zip(moment("answered_at"))
                .map(|(proven, answered)| proven - answered);
            match later.map(Duration::try_from) {
                Some(Ok(later)) => say(format!(
                    "proven: accounting stop arrived {:.1} s later",
                    later.as_secs_f32()
                )),
                _ => say("proven: accounting stop arrived".to_owned()),
            }
            Ok(())
        }
        "acknowledged" => Err(failed(format!(
            "acknowledged but not proven in {} s: no accounting stop came",
            wait.as_secs()
        ))
        .next("the session may live on at the NAS: headend session show, and look at the NAS's accounting")),
        "asked" => Err(failed(format!(
            "no answer in {} s; the server goes on asking",
            wait.as_secs()
        ))
        .next("headend session disconnect again, with a longer --wait")),
        "refused" => {
            let cause = intent["error_cause"]
                .as_u64()
                .map(|cause| format!(" ({cause})"))
                .unwrap_or_default();
            Err(failed(format!("refused: {}{cause}", detail("the NAS said no")))
                .next("Session-Context-Not-Found means that the NAS does not know this session any more"))
        }
        "silent" => Err(failed(format!("silent: {}", detail("no answer from the NAS")))
            .next("check the NAS's CoA port and secret (headend nas show) and that it accepts this server")),
        other => Err(failed(format!(
            "{other}: {}",
            detail("the disconnect did not happen")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{acknowledgement, conclude};

    #[test]
    fn acknowledgement_tells_time_and_attempts() {
        let intent = json!({"rtt_us": 3240, "attempts": 1});
        assert_eq!(acknowledgement(&intent), "acknowledged in 3.2 ms after 1 attempt");
    }

    #[test]
    fn only_a_proof_is_a_success() {
        for state in [
            "asked",
            "acknowledged",
            "contradicted",
            "refused",
            "silent",
            "failed",
            "replaced",
        ] {
            let told = conclude(&json!({"state": state}), Duration::ZERO, &|_| {});
            assert!(told.is_err(), "{state}");
        }
        assert!(conclude(&json!({"state": "proven"}), Duration::ZERO, &|_| {}).is_ok());
    }

    #[test]
    fn a_proof_tells_how_long_after_the_answer_it_came() {
        let said = std::cell::RefCell::new(Vec::new());
        for answered in ["2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z"] {
            let intent =
                json!({"state": "proven", "answered_at": answered, "proven_at": "2026-01-01T00:00:02.4Z"});
            let told = conclude(&intent, Duration::ZERO, &|line| said.borrow_mut().push(line));
            assert!(told.is_ok());
        }
        let expected = [
            "proven: accounting stop arrived 0.4 s later",
            "proven: accounting stop arrived",
        ];
        assert_eq!(said.into_inner(), expected);
    }

    #[test]
    fn a_refusal_names_the_cause() {
        let intent = json!({"state": "refused", "error_cause": 503, "detail": "Session-Context-Not-Found"});
        let told = conclude(&intent, Duration::ZERO, &|_| {}).map_err(|failure| failure.title);
        assert_eq!(told, Err("refused: Session-Context-Not-Found (503)".to_owned()));
    }
}
