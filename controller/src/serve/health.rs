//! `/healthz`, `/readyz` and `/metrics`: is it alive, may it get traffic, how is it.
//! Never asks who wants to know, and never says more than counts and states.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use radius_server::Plane;
use radius_server::counters::JournalState;
use serde_json::{Value, json};

use super::metrics::{self, Sample};

/// What is looked at.
#[derive(Clone)]
pub struct Health {
    /// The access plane.
    pub plane: Arc<Plane>,
    /// The access module.
    pub access: access::Access,
    /// The database.
    pub database: kernel::Database,
    /// The ways to servers of others.
    pub lines: kernel::outbound::Lines,
    /// When the server was ready, in seconds since 1970.
    pub started_unix_s: u64,
}

/// The three routes.
pub fn routes(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(health)
}

/// Whether traffic should come here, and if not why.
async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let reasons = health.reasons().await;
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body: Value = json!({"ready": reasons.is_empty(), "reasons": reasons});
    (status, Json(body))
}

/// All counters.
async fn scrape(State(health): State<Health>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        metrics::text(health.samples()),
    )
}

impl Health {
    /// Why traffic should not come here; empty when it should.
    async fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Err(error) = self.database.ping().await {
            tracing::debug!(%error, "the database does not answer the health check");
            reasons.push("the database does not answer; RADIUS is answered from memory meanwhile".to_owned());
        }
        if !self.access.ready() {
            reasons.push("the directory of NAS and subscribers is not loaded yet".to_owned());
        }
        let counters = self.plane.counters();
        let journals = [
            ("accounting", counters.accounting_journal()),
            ("decision", counters.decision_journal()),
        ];
        for (name, state) in journals {
            if let JournalState::Stopped { why, .. } = state {
                reasons.push(format!("the {name} journal cannot be written: {why}"));
            }
        }
        reasons
    }

    /// What every part counts.
    fn samples(&self) -> Vec<Sample> {
        let counts = self.plane.directory().counts();
        let pool = self.database.pool_size();
        let counters = self.plane.counters();
        let stopped = |state| u64::from(matches!(state, JournalState::Stopped { .. }));
        let mut samples = vec![
            Sample::plain("headend_up", 1),
            Sample::plain("headend_start_time_seconds", self.started_unix_s),
            Sample::plain("radius_directory_partners", wide(counts.partners)),
            Sample::plain("radius_directory_nas", wide(counts.nas)),
            Sample::plain("radius_directory_subscribers", wide(counts.subscribers)),
            Sample::plain("radius_sessions_open", wide(self.plane.sessions().count())),
            Sample::plain(
                "radius_unknown_sources",
                wide(self.plane.unknown_sources().list().len()),
            ),
            Sample::plain("database_connections_open", pool.open.into()),
            Sample::plain("database_connections_idle", pool.idle.into()),
            Sample::plain("database_connections_max", pool.max.into()),
        ];
        let journals = [
            (
                "accounting",
                counters.accounting_journal(),
                self.plane.accounting_journal(),
            ),
            (
                "decisions",
                counters.decision_journal(),
                self.plane.decision_journal(),
            ),
        ];
        for (stream, state, journal) in journals {
            for (name, value) in [
                ("radius_journal_stopped", stopped(state)),
                ("radius_journal_kept_bytes", journal.kept_bytes()),
            ] {
                samples.push(Sample {
                    labels: vec![("stream", stream.into())],
                    ..Sample::plain(name, value)
                });
            }
        }
        samples.extend(counters.snapshot().into_iter().map(|sample| Sample {
            name: sample.name.to_owned(),
            labels: owned(sample.labels.iter().copied()),
            value: sample.value,
        }));
        samples.extend(self.access.metrics().into_iter().map(|metric| Sample {
            name: metric.name.to_owned(),
            labels: owned(metric.label),
            value: metric.value,
        }));
        samples.extend(self.access.home_metrics().into_iter().map(|metric| {
            Sample {
                name: metric.name.to_owned(),
                labels: metric
                    .labels
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect(),
                value: metric.value,
            }
        }));
        samples.extend(super::outbound::samples(&self.lines));
        samples
    }
}

/// Labels that are words of ours.
fn owned(
    labels: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Vec<(&'static str, Cow<'static, str>)> {
    labels
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect()
}

/// A count as a sample's value.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
