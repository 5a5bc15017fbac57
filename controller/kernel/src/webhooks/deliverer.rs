//! The deliverer: sends one message, notes what came of it, and lets the queue try again.
//! Never reads the answer's body, never follows it elsewhere, never uses a connection twice, so that no two partners share one.
//!
//! Taken is what is answered with 2xx. 410 means "never again" and disables the webhook. A wish for a pause (429 and 503 with
//! Retry-After) is granted up to an hour. Everything else is tried again, less and less often, for about a day.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use time::OffsetDateTime;

use super::signature::Secret;
use super::{Place, Webhooks, context};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::Error;
use crate::id::{DeliveryId, PartnerId, WebhookId};
use crate::jobs::{Done, Failed, Job, Worker, Working};
use crate::op::OpContext;
use crate::outbound::{Target, TargetError};

/// The queue's word for deliveries.
pub const KIND: &str = "webhook.deliver";
/// How long a receiver may take to answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a message is sent before it is given up.
const ATTEMPTS_MAX: u32 = 12;
/// The wait after the first attempt; each later one is three times the one before.
const WAIT_MIN: Duration = Duration::from_secs(10);
/// The longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// The longest pause that a receiver is granted.
const PAUSE_MAX: Duration = Duration::from_secs(60 * 60);

/// The header of the event's id.
const ID: HeaderName = HeaderName::from_static("webhook-id");
/// The header of when it was signed.
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The header of the signatures.
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends messages.
pub struct Deliverer {
    /// What is sent, and with which secrets.
    webhooks: Webhooks,
    /// Connects; made when it is first used, with TLS or without.
    clients: Mutex<[Option<reqwest::Client>; 2]>,
    /// How long a receiver may take to answer.
    answer_wait: Duration,
}

/// What is to be sent.
struct Message {
    /// The delivery.
    id: DeliveryId,
    /// Of which webhook.
    webhook: WebhookId,
    /// The event's id.
    event: String,
    /// What is sent.
    body: String,
    /// Where to.
    url: String,
    /// Whether it may go there.
    enabled: bool,
    /// What signs it; the current one first.
    secrets: Vec<Secret>,
}

/// What came of one attempt.
struct Attempt {
    /// The status; `None`: none came.
    status: Option<u16>,
    /// What went wrong, in words for the partner.
    error: Option<String>,
    /// How long the receiver wants to be left alone.
    pause: Option<Duration>,
    /// How long it took.
    took: Duration,
}

impl Deliverer {
    /// For these webhooks.
    #[must_use]
    pub fn new(webhooks: Webhooks) -> Self {
        Self {
            webhooks,
            clients: Mutex::default(),
            answer_wait: ANSWER_WAIT_MAX,
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn answered_within(self, answer_wait: Duration) -> Self {
        Self { answer_wait, ..self }
    }

    /// Sends what a job asks for.
    async fn deliver(&self, op: &OpContext, job: &Job) -> Result<Done, Failed> {
        let id = job.data["delivery"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id else {
            return Err(Failed::for_good("the job names no delivery"));
        };
        let Some(message) = self.message_fetch(op, id).await? else {
            return Ok(Done::Note); // removed meanwhile, with its webhook
        };
        if !message.enabled {
            return Err(Failed::for_good("the webhook is disabled"));
        }
        let attempt = self.send(&message).await;
        self.note(op, job, &message, attempt).await
    }

    /// What is to be sent; `None` when it is gone or was taken already.
    async fn message_fetch(&self, op: &OpContext, id: DeliveryId) -> Result<Option<Message>, Error> {
        let partner = op.require_partner()?;
        let mut tx = self.webhooks.db.begin(op).await?;
        let row = sqlx::query!(
            r#"SELECT delivery.webhook_id AS "webhook: WebhookId", delivery.event_id, delivery.body, webhook.url,
                      webhook.enabled, webhook.secret,
                      CASE WHEN webhook.older_until > now() THEN webhook.older_secret END AS older
               FROM kernel.webhook_deliveries delivery JOIN kernel.webhooks webhook
                 ON webhook.tenant_id = delivery.tenant_id AND webhook.id = delivery.webhook_id
               WHERE delivery.tenant_id = $1 AND delivery.id = $2 AND delivery.state <> 'delivered'"#,
            partner.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let open = |place, sealed: &str| {
            let opened = self
                .webhooks
                .sealer
                .open(&context(partner, row.webhook, place), sealed)?;
            Ok::<_, Error>(Secret::from_octets(opened))
        };
        let mut secrets = vec![open(Place::Current, &row.secret)?];
        if let Some(older) = &row.older {
            secrets.push(open(Place::Older, older)?);
        }
        Ok(Some(Message {
            id,
            webhook: row.webhook,
            event: row.event_id.to_string(),
            body: row.body,
            url: row.url,
            enabled: row.enabled,
            secrets,
        }))
    }

    /// Sends a message.
    async fn send(&self, message: &Message) -> Attempt {
        let began = Instant::now();
        let sent = self.send_to(message).await;
        let took = began.elapsed();
        match sent {
            Ok((status, pause)) => {
                let taken = (200..300).contains(&status);
                let error = match status {
                    _ if taken => None,
                    300..400 => Some(format!(
                        "it answered {status}, which leads elsewhere; redirects are not followed"
                    )),
                    _ => Some(format!("it answered {status}")),
                };
                Attempt {
                    status: Some(status),
                    error,
                    pause,
                    took,
                }
            }
            Err(error) => Attempt {
                status: None,
                error: Some(error),
                pause: None,
                took,
            },
        }
    }

    /// The same; the answer's status and the pause it asks for, or what went wrong.
    async fn send_to(&self, message: &Message) -> Result<(u16, Option<Duration>), String> {
        let target = Target::parse(&message.url).map_err(|error| error.to_string())?;
        // A host that is an address is not resolved, and what may be reached can have changed since it was written down.
        self.webhooks
            .reach
            .check_literal(&target)
            .map_err(|error| error.to_string())?;
        let response = self
            .client(target.is_encrypted())?
            .post(target.url().clone())
            .headers(headers(message)?)
            .body(message.body.clone())
            .send()
            .await
            .map_err(|error| in_words(&error, self.answer_wait))?;
        let pause = matches!(response.status().as_u16(), 429 | 503)
            .then(|| {
                response
                    .headers()
                    .get(header::RETRY_AFTER)?
                    .to_str()
                    .ok()?
                    .trim()
                    .parse::<u64>()
                    .ok()
            })
            .flatten()
            .map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
        Ok((response.status().as_u16(), pause))
    }

    /// What connects. Without TLS it needs none of the machine's certificates, which a small container does not have.
    fn client(&self, encrypted: bool) -> Result<reqwest::Client, String> {
        let mut clients = self.clients.lock();
        let slot = &mut clients[usize::from(encrypted)];
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        // A second installation is refused, and the first is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT_MAX)
            .timeout(self.answer_wait)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .dns_resolver(self.webhooks.reach.resolver())
            .user_agent(concat!("headend/", env!("CARGO_PKG_VERSION")));
        if !encrypted {
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|_| "TLS cannot be set up on this server; tell its operator".to_owned())?;
        Ok(slot.insert(client).clone())
    }

    /// Notes an attempt; with a message that was taken, the job's end in the same transaction.
    async fn note(
        &self,
        op: &OpContext,
        job: &Job,
        message: &Message,
        attempt: Attempt,
    ) -> Result<Done, Failed> {
        let taken = attempt.error.is_none();
        let mut tx = self.webhooks.db.begin(op).await?;
        sqlx::query!(
            "UPDATE kernel.webhook_deliveries SET attempts = attempts + 1, status = $3, error = $4, took_ms = $5,
                    tried_at = now(), state = CASE WHEN $6 THEN 'delivered' ELSE state END,
                    finished_at = CASE WHEN $6 THEN now() ELSE finished_at END
             WHERE tenant_id = $1 AND id = $2 AND state <> 'delivered'",
            op.require_partner().map(PartnerId::as_uuid)?,
            message.id.as_uuid(),
            attempt.status.map(i32::from),
            attempt.error,
            i32::try_from(attempt.took.as_millis()).unwrap_or(i32::MAX),
            taken,
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)?;
        if attempt.status == Some(410) {
            disable_in_tx(&mut tx, op, message.webhook, "it answered 410: gone").await?;
        }
        if taken {
            job.finish_in_tx(&mut tx).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        match attempt.error {
            None => Ok(Done::Committed),
            Some(error) if attempt.status == Some(410) => Err(Failed::for_good(error)),
            Some(error) => Err(Failed {
                after: attempt.pause,
                ..Failed::again(error)
            }),
        }
    }
}

impl Worker for Deliverer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn attempts_max(&self) -> u32 {
        ATTEMPTS_MAX
    }

    fn time_max(&self) -> Duration {
        ANSWER_WAIT_MAX * 3
    }

    fn wait(&self, attempt: u32) -> Duration {
        let tripled = 3_u32.saturating_pow(attempt.saturating_sub(1));
        WAIT_MIN.saturating_mul(tripled).min(WAIT_MAX)
    }

    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a> {
        Box::pin(self.deliver(op, job))
    }

    fn dead<'a>(
        &'a self,
        tx: &'a mut Tx,
        op: &'a OpContext,
        job: &'a Job,
        error: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let id: Option<DeliveryId> = job.data["delivery"].as_str().and_then(|id| id.parse().ok());
            sqlx::query!(
                "UPDATE kernel.webhook_deliveries SET state = 'dead', error = $3, finished_at = now()
                 WHERE tenant_id = $1 AND id = $2 AND state = 'waiting'",
                op.require_partner()?.as_uuid(),
                id.map(DeliveryId::as_uuid),
                error,
            )
            .execute(&mut **tx)
            .await?;
            Ok(())
        })
    }
}

/// Sends nothing more to a webhook, until somebody enables it again.
async fn disable_in_tx(tx: &mut Tx, op: &OpContext, webhook: WebhookId, reason: &str) -> Result<(), Error> {
    let name = sqlx::query_scalar!(
        "UPDATE kernel.webhooks SET enabled = false, disabled_reason = $3, updated_at = now()
         WHERE tenant_id = $1 AND id = $2 AND enabled RETURNING name",
        op.require_partner()?.as_uuid(),
        webhook.as_uuid(),
        reason,
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(name) = name {
        let entry = Entry::ok("webhook.disable", "webhook")
            .object(webhook, name)
            .reason(reason);
        audit::record(tx, op, entry).await?;
    }
    Ok(())
}

/// The headers of a message, signed now.
fn headers(message: &Message) -> Result<HeaderMap, String> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let signatures: Vec<String> = message
        .secrets
        .iter()
        .map(|secret| secret.sign(&message.event, now, message.body.as_bytes()))
        .collect();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    Ok([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ID, value(&message.event)?),
        (TIMESTAMP, HeaderValue::from(now)),
        (SIGNATURE, value(&signatures.join(" "))?),
    ]
    .into_iter()
    .collect())
}

/// What went wrong, without the URL (it may hold a receiver's token) and without addresses of ours.
fn in_words(error: &reqwest::Error, waited: Duration) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<TargetError>() {
            return refused.to_string();
        }
        cause = found.source();
    }
    match () {
        () if error.is_connect() => "it cannot be connected to".to_owned(),
        () if error.is_timeout() => format!("it did not answer within {} ms", waited.as_millis()),
        () => "its answer broke off or is not HTTP".to_owned(),
    }
}
