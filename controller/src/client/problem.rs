//! Why a request to the API gave no data: its problem documents in words, with the exit code they mean.
//! Never sends anything; [`super::Api`] does.

use reqwest::StatusCode;

use crate::failure::{Exit, Failure};

/// Why a request gave no data.
#[derive(Debug)]
pub enum ClientError {
    /// No answer.
    Unreachable {
        /// The server.
        url: String,
        /// What the network said.
        why: String,
    },
    /// The API said no.
    Problem(Box<Problem>),
    /// Something answered that is not the API.
    NotOurs {
        /// The server.
        url: String,
        /// What it said.
        status: StatusCode,
    },
}

/// A `application/problem+json` body.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable word for programs.
    pub code: String,
    /// What kind of problem.
    pub title: String,
    /// What happened this time.
    pub detail: Option<String>,
    /// Which request, for the server's log.
    pub request_id: Option<String>,
    /// Which fields.
    pub errors: Vec<ProblemField>,
}

/// One field a problem is about.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct ProblemField {
    /// JSON pointer into what was sent.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl ClientError {
    /// The problem's stable word, if it is one.
    pub fn code(&self) -> Option<&str> {
        match self {
            ClientError::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Unreachable { url, why } => Failure::new(
                Exit::Unreachable,
                format!("cannot reach the server at {url}: {why}"),
            )
            .next("is headend serve running there? give --url or set HEADEND_URL for another address"),
            ClientError::NotOurs { url, status } => Failure::new(
                Exit::Failed,
                format!("{url} answered {status}, and not as Headend does"),
            )
            .next("check --url: it must be the server's origin, such as http://127.0.0.1:8080"),
            ClientError::Problem(problem) => refusal(*problem),
        }
    }
}

/// A problem in words, with its exit code and what to do next.
fn refusal(problem: Problem) -> Failure {
    let (exit, next) = match problem.status {
        400 | 422 => (Exit::Usage, None),
        401 if problem.code == "unauthenticated" => (
            Exit::Refused,
            Some("log in with headend login --email you@example.net, or give a token"),
        ),
        401 => (Exit::Refused, None),
        403 if problem.code == "proof_required" => (Exit::Refused, Some("headend prove, then again")),
        403 => (
            Exit::Refused,
            Some("ask an administrator for a role with this permission (headend role list)"),
        ),
        404 => (Exit::NotFound, None),
        409 => (Exit::Conflict, None),
        410 => (Exit::Refused, None),
        429 => (Exit::Failed, Some("wait a moment and try again")),
        503 => (
            Exit::Failed,
            Some("the server is up but something behind it is not; see /readyz"),
        ),
        _ => (Exit::Failed, None),
    };
    // The title is the status in words; the detail is what happened. With fields, they are.
    let title = match &problem.detail {
        _ if !problem.errors.is_empty() => "the server does not accept what was given".to_owned(),
        Some(detail) => detail.clone(),
        None => problem.title.clone(),
    };
    let mut failure = Failure::new(exit, title);
    for field in &problem.errors {
        failure = failure.detail(format!("{}: {}", field.pointer, field.message));
    }
    if let Some(id) = problem.request_id.filter(|_| problem.status >= 500) {
        failure = failure.detail(format!("request {id} in the server's log"));
    }
    match next {
        Some(next) => failure.next(next),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientError, Problem, ProblemField};
    use crate::failure::{Exit, Failure};

    /// The exit code and the printed text of a problem.
    fn shown(status: u16, code: &str) -> (Exit, String) {
        let problem = Problem {
            status,
            code: code.to_owned(),
            title: "Not accepted".to_owned(),
            detail: Some("one field is wrong".to_owned()),
            request_id: Some("r-1".to_owned()),
            errors: vec![ProblemField {
                pointer: "/slug".to_owned(),
                message: "too long".to_owned(),
            }],
        };
        let failure = Failure::from(ClientError::Problem(Box::new(problem)));
        (failure.exit, failure.to_string())
    }

    #[test]
    fn statuses_become_exit_codes() {
        let codes: Vec<Exit> = [422, 401, 403, 404, 409, 410, 500]
            .map(|status| shown(status, "x").0)
            .to_vec();
        let expected = [
            Exit::Usage,
            Exit::Refused,
            Exit::Refused,
            Exit::NotFound,
            Exit::Conflict,
            Exit::Refused,
            Exit::Failed,
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn a_problem_shows_its_fields() {
        let (_, text) = shown(422, "invalid");
        assert_eq!(
            text,
            "headend: the server does not accept what was given\n  /slug: too long"
        );
    }

    #[test]
    fn a_fault_of_the_server_names_its_request() {
        assert!(
            shown(500, "internal")
                .1
                .contains("request r-1 in the server's log")
        );
    }
}
