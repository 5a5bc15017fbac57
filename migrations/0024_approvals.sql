-- Acts that want a second person, where a partner demands it (R-34, R-220).

CREATE TABLE kernel.approval_policies (
    tenant_id    uuid PRIMARY KEY REFERENCES kernel.tenants (id),
    permissions  text[] NOT NULL,                           -- what wants a second person; names, so that the list in code may change
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   uuid
);

-- One request that waits for a second person. It is not kept to be sent by us: who asked sends it again, the very same one.
CREATE TABLE kernel.approvals (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    permission       text NOT NULL,                         -- what the act needs; who decides must hold it, too
    method           text NOT NULL CHECK (char_length(method) <= 10),
    path             text NOT NULL CHECK (char_length(path) <= 2000),  -- below the mount, query included
    body_digest      text NOT NULL,                         -- sealed: a body may hold a password, whose bare hash could be guessed at
    body             jsonb,                                 -- for who decides, secrets REDACTED; NULL: none, or too long to show
    asked_kind       text NOT NULL CHECK (asked_kind IN ('user', 'api_key')),
    asked_by         uuid NOT NULL,
    asked_name       text NOT NULL,
    asked_person     uuid,                                  -- the person behind: himself, or who made the key; never decides
    asked_at         timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,                  -- decided and used before this, or not at all
    decision         text CHECK (decision IN ('approved', 'denied')),
    decided_by       uuid REFERENCES kernel.users (id),
    decided_name     text,
    decided_at       timestamptz,
    reason           text CHECK (char_length(reason) <= 500),
    used_at          timestamptz,                           -- counts once
    CHECK ((decision IS NULL) = (decided_by IS NULL AND decided_at IS NULL)),
    CHECK (used_at IS NULL OR decision = 'approved')
);
CREATE INDEX approvals_open ON kernel.approvals (tenant_id, id DESC);
CREATE INDEX approvals_expired ON kernel.approvals (expires_at);

CALL kernel.isolate('kernel.approval_policies');
CALL kernel.isolate('kernel.approvals');
