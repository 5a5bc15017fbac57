-- Jobs: what has to be done later, or outside of the transaction that wants it; and webhooks, which are the first of them.

CREATE TABLE kernel.jobs (
    id            uuid PRIMARY KEY,
    place         bigint GENERATED ALWAYS AS IDENTITY,      -- order of making; of one lane the earlier goes first
    tenant_id     uuid,                                     -- whose; NULL: the platform's own
    kind          text NOT NULL CHECK (char_length(kind) <= 64),  -- which worker does it
    lane          text CHECK (char_length(lane) <= 700),    -- of one lane one at a time, in order; NULL: by itself
    key           text CHECK (char_length(key) <= 200),     -- of one key there is one open job at most; NULL: no matter
    data          jsonb NOT NULL,                           -- what the worker has to know, without secrets
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'dead')),
    run_at        timestamptz NOT NULL DEFAULT now(),       -- not before
    attempts      integer NOT NULL DEFAULT 0,               -- begun so far
    claim         uuid,                                     -- of the attempt under way; who has lost it may not say it is done
    lease_until   timestamptz,                              -- prolonged while the worker lives; past it, it does not
    error         text,                                     -- what the last attempt said
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,                              -- done or dead
    CHECK ((state = 'running') = (claim IS NOT NULL AND lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'dead')) = (finished_at IS NOT NULL))
);
-- Turn by turn among partners: the next of each, without a look at what else he has.
CREATE INDEX jobs_waiting ON kernel.jobs (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), run_at)
    WHERE state = 'waiting';
CREATE INDEX jobs_due ON kernel.jobs (run_at) WHERE state = 'waiting';
CREATE INDEX jobs_running ON kernel.jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_lane ON kernel.jobs (lane, place) WHERE state IN ('waiting', 'running') AND lane IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON kernel.jobs (kind, key) WHERE state IN ('waiting', 'running') AND key IS NOT NULL;
CREATE INDEX jobs_finished ON kernel.jobs (finished_at) WHERE state IN ('done', 'dead');
CREATE INDEX jobs_tenant ON kernel.jobs (tenant_id, id DESC);

-- What is done again and again: when next.
CREATE TABLE kernel.job_schedules (
    name        text PRIMARY KEY,                           -- the schedule's name in code
    next_at     timestamptz NOT NULL,
    last_at     timestamptz                                 -- for which moment it was last due
);

-- Where a partner wants to be told of events.
CREATE TABLE kernel.webhooks (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES kernel.tenants (id),
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    url             text NOT NULL CHECK (char_length(url) <= 2048),
    kinds           text[] NOT NULL,                        -- of which events; never more than its maker could read
    enabled         boolean NOT NULL DEFAULT true,
    disabled_reason text,                                   -- when the program did it
    secret          text NOT NULL,                          -- sealed; signs every message
    older_secret    text,                                   -- sealed; signs as well until the receiver has taken the new one
    older_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

-- What was told, and what came of it.
CREATE TABLE kernel.webhook_deliveries (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    webhook_id    uuid NOT NULL,
    event_id      uuid NOT NULL,                            -- by it the receiver knows that he has seen it
    kind          text NOT NULL,
    body          text NOT NULL,                            -- octet for octet what is sent and signed; outlives the log
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts      integer NOT NULL DEFAULT 0,
    status        integer,                                  -- of the last attempt; NULL: none came
    error         text,                                     -- of the last attempt
    took_ms       integer,                                  -- of the last attempt
    created_at    timestamptz NOT NULL DEFAULT now(),
    tried_at      timestamptz,
    finished_at   timestamptz,
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES kernel.webhooks (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_list ON kernel.webhook_deliveries (tenant_id, webhook_id, id DESC);
CREATE INDEX webhook_deliveries_waiting ON kernel.webhook_deliveries (webhook_id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_old ON kernel.webhook_deliveries (created_at);

CALL kernel.isolate('kernel.jobs');
CALL kernel.isolate('kernel.webhooks');
CALL kernel.isolate('kernel.webhook_deliveries');
