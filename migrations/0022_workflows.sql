-- Workflows: several steps that belong together, each of which can be undone.

CREATE TABLE kernel.workflows (
    id          uuid PRIMARY KEY,
    tenant_id   uuid,                                       -- whose; NULL: the platform's own
    kind        text NOT NULL CHECK (char_length(kind) <= 64),  -- which list of steps, by its name in code
    subject     text NOT NULL CHECK (char_length(subject) <= 500),  -- about what, for people
    input       jsonb NOT NULL,                             -- what its steps have to know, without secrets
    state       text NOT NULL DEFAULT 'running'             -- stuck: an undo was given up; somebody has to look
                CHECK (state IN ('running', 'undoing', 'done', 'undone', 'stuck')),
    error       text,                                       -- why it is undone
    actor_name  text NOT NULL,                              -- who wanted it
    request_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (id, tenant_id)
);
CREATE INDEX workflows_tenant ON kernel.workflows (tenant_id, id DESC);

-- The timeline: a row a step, written when it begins for the first time.
CREATE TABLE kernel.workflow_steps (
    workflow_id uuid NOT NULL REFERENCES kernel.workflows (id) ON DELETE CASCADE,
    n           smallint NOT NULL CHECK (n >= 0),           -- its place
    tenant_id   uuid,                                       -- as of the workflow
    name        text NOT NULL,
    state       text NOT NULL DEFAULT 'begun'               -- begun: may or may not have happened
                CHECK (state IN ('begun', 'done', 'undone')),
    attempts    integer NOT NULL DEFAULT 0,                 -- to do it and to undo it
    output      jsonb,                                      -- what it made, for later steps and for its undo
    error       text,                                       -- of the last attempt
    begun_at    timestamptz NOT NULL DEFAULT now(),
    done_at     timestamptz,
    undone_at   timestamptz,
    PRIMARY KEY (workflow_id, n)
);

CALL kernel.isolate('kernel.workflows');
CALL kernel.isolate('kernel.workflow_steps');
