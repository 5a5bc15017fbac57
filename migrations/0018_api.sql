-- What the API remembers of requests.

-- Answers to writes that carried an Idempotency-Key, so that a caller who lost the answer asks again and the act is not done
-- twice. Kept for a day, and of each caller the newest; forgotten by the next writes.
CREATE TABLE kernel.idempotency_keys (
    actor_id        uuid NOT NULL,                          -- who sent it: a person or an API key. No foreign key: it outlives neither by more than a day
    key             text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),  -- chosen by the caller
    tenant_id       uuid,                                   -- in which partner he wrote; NULL: on the platform. No foreign key, as in kernel.audit
    request_sha256  bytea NOT NULL CHECK (octet_length(request_sha256) = 32),   -- of method, path and body: the same key for another request is a mistake
    lease_until     timestamptz NOT NULL,                   -- until then the request may still be under way; after it nobody knows what became of it
    status          smallint,                               -- of the answer; NULL: there is none yet
    answer          text,                                   -- its body, sealed: it may hold what is shown once; NULL: empty, or too long to keep
    answer_lost     boolean NOT NULL DEFAULT false,         -- it was too long to keep
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor_id, key)
);
CREATE INDEX idempotency_keys_newest ON kernel.idempotency_keys (actor_id, created_at DESC);    -- the bound of each caller
CREATE INDEX idempotency_keys_oldest ON kernel.idempotency_keys (created_at);                   -- what is a day old

CALL kernel.isolate('kernel.idempotency_keys');
