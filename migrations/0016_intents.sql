-- Session control that proves itself: more is asked of live sessions than their end, each thing climbs from the gentlest rung to
-- an operator, and what a NAS makes of it is remembered.

ALTER TABLE access.session_intents
    DROP CONSTRAINT session_intents_verb_check,
    ADD CONSTRAINT session_intents_verb_check
        CHECK (verb IN ('disconnect', 'reshape', 'garden', 'activate', 'deactivate')),
    DROP CONSTRAINT session_intents_state_check,
    ADD CONSTRAINT session_intents_state_check
        CHECK (state IN ('asked', 'acknowledged', 'proven', 'contradicted', 'refused', 'silent', 'failed', 'replaced')),
    ADD COLUMN service    text CHECK (octet_length(service) BETWEEN 1 AND 200),  -- activate, deactivate: its name on the NAS
    ADD COLUMN in_garden  boolean NOT NULL DEFAULT false,   -- the session was let into the garden: that has to be taken back
    ADD COLUMN rung       text NOT NULL DEFAULT 'disconnect' -- what it is asked for now: change, then disconnect, then nobody is
                          CHECK (rung IN ('change', 'disconnect', 'operator')),
    ADD COLUMN if_refused text NOT NULL DEFAULT 'operator'  -- what follows a change that does not happen, as it was when asked for
                          CHECK (if_refused IN ('disconnect', 'operator')),
    ADD COLUMN over       boolean NOT NULL DEFAULT false,   -- nothing more is done about it; a late proof still counts
    ADD COLUMN make       text NOT NULL DEFAULT 'generic',  -- of the NAS when it was asked: what is counted by make must not join
    ADD COLUMN told       text[] NOT NULL DEFAULT '{}',     -- terms that the session was told, as plans call them
    ADD COLUMN left_out   text[] NOT NULL DEFAULT '{}',     -- terms that come with the next login only
    ADD COLUMN evidence   text,                             -- what proves or contradicts it: stop, class, goes_on
    ADD COLUMN steps      jsonb NOT NULL DEFAULT '[]'       -- every answer on every rung, the oldest first; three at most a rung
                          CHECK (jsonb_typeof(steps) = 'array'),
    ADD COLUMN bulk_id    uuid;                             -- of which bulk; no foreign key, it outlives the bulk
UPDATE access.session_intents SET over = true WHERE state NOT IN ('asked', 'acknowledged');

-- One open intent a session; a newer one replaces it.
DROP INDEX access.session_intents_open;
CREATE UNIQUE INDEX session_intents_open ON access.session_intents (session_id) WHERE NOT over;
-- What is watched: few rows, whatever the table holds.
CREATE INDEX session_intents_watched ON access.session_intents (asked_at) WHERE NOT over;
-- What somebody must look at.
CREATE INDEX session_intents_operator ON access.session_intents (tenant_id, id DESC) WHERE rung = 'operator' AND state <> 'proven';
CREATE INDEX session_intents_newest ON access.session_intents (tenant_id, id DESC);

-- What a partner wants done when a session does not change as it goes on. A partner without a row: it is ended.
CREATE TABLE access.session_policies (
    tenant_id       uuid PRIMARY KEY REFERENCES kernel.tenants (id),
    if_refused      text NOT NULL DEFAULT 'disconnect' CHECK (if_refused IN ('disconnect', 'operator')),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      uuid
);
CALL kernel.isolate('access.session_policies');

-- What is known of one NAS, beside what its make promises: learned from what it answered and what accounting showed then, or said
-- by an operator, who wins.
CREATE TABLE access.nas_capabilities (
    tenant_id       uuid NOT NULL REFERENCES kernel.tenants (id),
    nas_id          uuid NOT NULL REFERENCES access.nas (id) ON DELETE CASCADE,
    capability      text NOT NULL CHECK (capability ~ '^[a-z0-9_]{1,40}$'),  -- change, class, disconnect, or a term of a plan
    holds           boolean NOT NULL,
    source          text NOT NULL CHECK (source IN ('learned', 'operator')),
    evidence        text NOT NULL CHECK (char_length(evidence) BETWEEN 1 AND 300),  -- by what: which answer, or an operator's reason
    times           integer NOT NULL DEFAULT 1,             -- how often that was seen in a row
    at              timestamptz NOT NULL DEFAULT now(),     -- when last; what was learned is forgotten after a while
    updated_by      uuid,
    PRIMARY KEY (nas_id, capability)
);
CALL kernel.isolate('access.nas_capabilities');

-- One thing that is wanted of many sessions.
CREATE TABLE access.session_bulks (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES kernel.tenants (id),
    verb            text NOT NULL CHECK (verb IN ('disconnect', 'reshape')),
    selection       jsonb NOT NULL CHECK (jsonb_typeof(selection) = 'object'),  -- in whose words they were chosen
    fingerprint     bytea NOT NULL CHECK (octet_length(fingerprint) = 32),  -- SHA-256 of the chosen sessions, as they were previewed
    total           integer NOT NULL CHECK (total > 0),
    per_s           integer NOT NULL CHECK (per_s BETWEEN 1 AND 1000),      -- sessions a second at most
    state           text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'aborted', 'done')),
    reason          text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200),
    created_by      uuid,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz                             -- aborted or done
);
CREATE INDEX session_bulks_running ON access.session_bulks (created_at) WHERE state = 'running';
CREATE INDEX session_bulks_newest ON access.session_bulks (tenant_id, id DESC);
CALL kernel.isolate('access.session_bulks');

CREATE TABLE access.session_bulk_items (
    bulk_id         uuid NOT NULL REFERENCES access.session_bulks (id) ON DELETE CASCADE,
    tenant_id       uuid NOT NULL REFERENCES kernel.tenants (id),
    position        integer NOT NULL,                       -- in which order they are asked for; of all NAS in turn
    session_id      uuid NOT NULL,
    intent_id       uuid,                                   -- once it was asked for
    skipped         text,                                   -- why it was not: it has ended meanwhile, its NAS is gone
    PRIMARY KEY (bulk_id, position)
);
CREATE INDEX session_bulk_items_waiting ON access.session_bulk_items (bulk_id, position) WHERE intent_id IS NULL AND skipped IS NULL;
CALL kernel.isolate('access.session_bulk_items');
