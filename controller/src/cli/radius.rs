//! `headend radius explain`: why the last logins of a subscriber went as they did, step by step; `preview`: what he would get.
//! Never interprets a step; the words come from the access plane. `headend radius dictionary` is [`super::dictionary`],
//! `headend radius certificate` [`super::certificate`].

use clap::Subcommand;
use serde_json::{Value, json};

use super::certificate;
use super::context::Context;
use super::dictionary::Lookup;
use super::lookup::{NAS, SUBSCRIBER, not_found};
use crate::failure::Failure;
use crate::output::{self, cell, field};

/// What to ask the access plane.
#[derive(Subcommand)]
pub enum Command {
    /// Explain the last logins of a subscriber, newest first
    Explain {
        /// The user name as the NAS sends it
        username: String,
        /// How many logins at most
        #[arg(long, default_value_t = 5)]
        limit: usize,
    },
    /// Show exactly what a subscriber would be sent now through a NAS, where each attribute comes from and what it means
    Preview {
        /// His user name
        subscriber: String,
        /// The NAS, by name or id
        #[arg(long)]
        nas: String,
    },
    /// Say whether a subscriber would get in now, on that NAS, and with what; nothing changes by it
    Simulate {
        /// User name or id
        subscriber: String,
        /// The NAS, by name or id
        #[arg(long)]
        nas: String,
        /// Calling-Station-Id: the device's MAC address, as the NAS would send it
        #[arg(long, value_name = "MAC")]
        mac: Option<String>,
        /// NAS-Port-Id, as the NAS would send it
        #[arg(long)]
        port: Option<String>,
    },
    /// Look attributes up: what they are called, their numbers, types and values; needs no server
    Dictionary(Lookup),
    /// Certificates for RADIUS over TLS, of the authority of the server on this machine
    #[command(subcommand)]
    Certificate(certificate::Command),
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let (username, limit) = match self {
            Command::Explain { username, limit } => (username, limit),
            Command::Simulate {
                subscriber,
                nas,
                mac,
                port,
            } => return simulate(context, &subscriber, &nas, mac, port).await,
            Command::Preview { subscriber, nas } => return preview(context, &subscriber, &nas).await,
            Command::Certificate(command) => return command.run(context).await,
            // The dictionary is looked up before a context is made.
            Command::Dictionary(_) => return Ok(()),
        };
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "radius", "explain"];
        let query = [("username", username.as_str()), ("limit", &limit.to_string())];
        let answer = context.api.query(&path, &query).await?;
        if context.json {
            output::json(&answer);
            return Ok(());
        }
        let decisions = answer.as_array().map_or(&[][..], Vec::as_slice);
        if decisions.is_empty() {
            // A wrong name is worth a hint; a known subscriber has simply not tried yet.
            SUBSCRIBER
                .find(context, &partner, &username)
                .await
                .map_err(|failure| {
                    let mut told = not_found("login of", &username, &partner, []);
                    told.next = failure.next;
                    told
                })?;
            output::line(&format!(
                "{username} has not tried to log in yet, or his NAS is unknown (headend nas unknown)"
            ));
        }
        for decision in decisions {
            output::line(&explanation(decision));
        }
        Ok(())
    }
}

/// Asks about a login that is only thought of, and shows the answer with the attributes it would bring.
async fn simulate(
    context: &Context,
    subscriber: &str,
    nas: &str,
    mac: Option<String>,
    port: Option<String>,
) -> Result<(), Failure> {
    let partner = context.partner().await?;
    let mut body = json!({
        "subscriber_id": SUBSCRIBER.id(context, &partner, subscriber).await?,
        "nas_id": NAS.id(context, &partner, nas).await?,
    });
    for (name, given) in [("calling_station_id", mac), ("nas_port_id", port)] {
        if let Some(given) = given {
            body[name] = given.into();
        }
    }
    let path = ["partners", partner.as_str(), "radius", "simulate"];
    let answer = context.api.post(&path, &body).await?;
    if context.json {
        output::json(&answer);
        return Ok(());
    }
    let mut text = format!(
        "{subscriber} would get {}: {}",
        field(&answer, "outcome"),
        field(&answer, "words")
    );
    text.push_str(&steps(&answer));
    for attribute in answer["attributes"].as_array().map_or(&[][..], Vec::as_slice) {
        text.push_str(&format!("\n        {}", cell(attribute)));
    }
    output::line(&text);
    Ok(())
}

/// Shows what a subscriber would be sent.
async fn preview(context: &Context, subscriber: &str, nas: &str) -> Result<(), Failure> {
    let partner = context.partner().await?;
    let path = ["partners", partner.as_str(), "radius", "preview"];
    let answer = context
        .api
        .query(&path, &[("username", subscriber), ("nas", nas)])
        .await?;
    if context.json {
        output::json(&answer);
    } else {
        output::line(&previewed(&answer));
    }
    Ok(())
}

/// A preview as people read it.
fn previewed(answer: &Value) -> String {
    let said = |name| field(answer, name);
    let mut text = format!(
        "{} on {} ({}): {}; {}; plan {}",
        said("username"),
        said("nas"),
        said("make"),
        said("outcome"),
        said("found"),
        said("plan"),
    );
    if !answer["window"].is_null() {
        text.push_str(&format!("; hours {}", said("window")));
    }
    let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let sent = list("attributes");
    let width = |name: &str| {
        sent.iter()
            .map(|one| cell(&one[name]).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (origins, attributes) = (width("origin"), width("attribute"));
    for one in &sent {
        text.push_str(&format!(
            "\n  {:<origins$}  {:<attributes$}  {}",
            cell(&one["origin"]),
            cell(&one["attribute"]),
            cell(&one["words"])
        ));
    }
    for one in list("unsaid") {
        text.push_str(&format!(
            "\n  not said  {}: {}",
            cell(&one["term"]),
            cell(&one["why"])
        ));
    }
    text
}

/// One decision with its steps.
fn explanation(decision: &Value) -> String {
    let words = match field(decision, "words") {
        none if none == "-" => String::new(),
        words => format!(": {words}"),
    };
    let mut facts = vec![
        field(decision, "reason"),
        format!("nas {}", field(decision, "nas")),
    ];
    facts.retain(|fact| fact != "-");
    facts.push(format!("{} us", field(decision, "duration_us")));
    let mut text = format!(
        "{}  {}{words}  ({})",
        output::column(decision, "at"),
        field(decision, "outcome"),
        facts.join(", ")
    );
    text.push_str(&steps(decision));
    text
}

/// The steps of a decision, a line each.
fn steps(decision: &Value) -> String {
    let mut text = String::new();
    let steps = decision["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let width = steps
        .iter()
        .map(|step| cell(&step["step"]).len())
        .max()
        .unwrap_or(0);
    for step in steps {
        let mark = if step["ok"].as_bool() == Some(false) {
            "FAIL"
        } else {
            "ok  "
        };
        text.push_str(&format!(
            "\n  {mark}  {:<width$}  {}",
            cell(&step["step"]),
            cell(&step["found"])
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{explanation, previewed};

    #[test]
    fn a_preview_shows_what_is_sent_from_where_and_what_is_not() {
        let preview = json!({
            "username": "alice", "nas": "bras-1", "make": "mikrotik", "outcome": "accept", "found": "active", "plan": "Home",
            "window": null,
            "attributes": [
                {"origin": "plan", "attribute": "Session-Timeout = 60", "words": "the session ends after 60 s"},
                {"origin": "subscriber", "attribute": "Idle-Timeout = 9", "words": "given as such"},
            ],
            "unsaid": [{"term": "vrf", "why": "RouterOS takes no routing instance from RADIUS"}],
        });
        let expected = "alice on bras-1 (mikrotik): accept; active; plan Home\n  \
                        plan        Session-Timeout = 60  the session ends after 60 s\n  \
                        subscriber  Idle-Timeout = 9      given as such\n  \
                        not said  vrf: RouterOS takes no routing instance from RADIUS";
        assert_eq!(previewed(&preview), expected);
    }

    #[test]
    fn an_explanation_shows_the_step_that_failed() {
        let decision = json!({
            "at": "2026-11-21T13:00:00Z", "outcome": "Access-Reject", "reason": "wrong_password", "nas": "bras-1",
            "words": "the password differs from the stored one", "duration_us": 81,
            "steps": [
                {"step": "source", "found": "10.0.0.1 is NAS bras-1", "ok": true},
                {"step": "credential", "found": "PAP password differs", "ok": false},
            ],
        });
        let expected = "2026-11-21T13:00:00Z  Access-Reject: the password differs from the stored one  \
                        (wrong_password, nas bras-1, 81 us)\n  ok    source      10.0.0.1 is NAS bras-1\n  \
                        FAIL  credential  PAP password differs";
        assert_eq!(explanation(&decision), expected);
    }
}
