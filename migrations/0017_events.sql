-- Events: what happened, told to whoever wants to know; written in the transaction that made it happen.

-- Written by the act, emptied within moments. An act draws no position in the log: it would otherwise have to wait for every
-- act before it, or leave holes that a reader takes for the end.
CREATE TABLE kernel.event_outbox (
    place         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- drawn while the act holds its subject: of one subject, in order
    id            uuid NOT NULL,                            -- the event's own; by it a receiver knows that he has seen it before
    tenant_id     uuid,                                     -- whose; NULL: the platform's own. No foreign key: history outlives
    kind          text NOT NULL CHECK (char_length(kind) <= 64),  -- from the closed lists in code: subject, dot, what happened
    subject_kind  text NOT NULL,                            -- subscriber, plan, nas, session, user …
    subject_id    text NOT NULL CHECK (char_length(subject_id) <= 500),
    subject_label text NOT NULL CHECK (char_length(subject_label) <= 500),  -- as people called it then
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind    text NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'system', 'anonymous')),
    actor_id      uuid,
    actor_name    text NOT NULL,
    request_id    uuid NOT NULL,                            -- ties it to the audit and the log
    data          jsonb NOT NULL                            -- what changed, small and without secrets
);

-- The log. One task at a time moves committed rows here and draws their position, so that a position that can be seen has no
-- unseen one before it: a reader needs to remember one number.
CREATE TABLE kernel.events (
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL,
    tenant_id     uuid,
    kind          text NOT NULL,
    subject_kind  text NOT NULL,
    subject_id    text NOT NULL,
    subject_label text NOT NULL,
    at            timestamptz NOT NULL,
    actor_kind    text NOT NULL,
    actor_id      uuid,
    actor_name    text NOT NULL,
    request_id    uuid NOT NULL,
    data          jsonb NOT NULL
);
CREATE INDEX events_tenant ON kernel.events (tenant_id, position);  -- a partner's stream
CREATE INDEX events_subject ON kernel.events (tenant_id, subject_kind, subject_id, position);  -- the story of one thing

-- How far each part of the program has come. Moved in the transaction of what the part did about the event.
CREATE TABLE kernel.event_consumers (
    name        text PRIMARY KEY,
    position    bigint NOT NULL,                            -- everything up to and including this is done, or parked
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Events a consumer could not take, and those of the same subject behind them: they wait here and hold up nobody else.
CREATE TABLE kernel.event_parked (
    consumer      text NOT NULL REFERENCES kernel.event_consumers (name) ON DELETE CASCADE,
    position      bigint NOT NULL REFERENCES kernel.events (position),  -- so it is not deleted while it waits
    tenant_id     uuid,                                     -- whose, as in the event
    subject_kind  text NOT NULL,
    subject_id    text NOT NULL,
    tries         integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),       -- not tried before
    error         text NOT NULL,                            -- what the last try said
    PRIMARY KEY (consumer, position)
);
CREATE INDEX event_parked_subject ON kernel.event_parked (consumer, subject_kind, subject_id, position);
CREATE INDEX event_parked_position ON kernel.event_parked (position);

CALL kernel.isolate('kernel.event_outbox');
CALL kernel.isolate('kernel.events');
CALL kernel.isolate('kernel.event_parked');
