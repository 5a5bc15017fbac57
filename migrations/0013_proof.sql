-- Proof: that the audit is as it was written, and that somebody is who he says he is.

-- The chain over the audit, one for each partner and one for the platform. A line's hash covers the hash before it, so whoever
-- changes, removes, inserts or moves a line has to write every later hash anew, and those are in the exports of others.
CREATE TABLE kernel.audit_chain (
    tenant_id   uuid,                                       -- whose chain; NULL: the platform's. No foreign key, as in kernel.audit
    seq         bigint NOT NULL CHECK (seq > 0),            -- place in the chain, from 1 without a gap
    audit_id    uuid NOT NULL UNIQUE,                       -- the line. No foreign key: a line that is gone must be missed, not hidden
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32)  -- SHA-256 over the line as it is exported, the hash before it included
);
CREATE UNIQUE INDEX audit_chain_place
    ON kernel.audit_chain (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), seq);

-- Lines that are committed and not chained yet; written with the line, emptied within a second. The acts of a partner therefore
-- never wait for each other at the head of a chain.
CREATE TABLE kernel.audit_unsealed (
    id          uuid PRIMARY KEY,                           -- the line
    tenant_id   uuid                                        -- whose; NULL: the platform's
);

CALL kernel.isolate('kernel.audit_chain');
CALL kernel.isolate('kernel.audit_unsealed');

CREATE OR REPLACE FUNCTION kernel.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE ON kernel.audit_chain
    FOR EACH ROW EXECUTE FUNCTION kernel.audit_is_append_only();
CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON kernel.audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.audit_is_append_only();

-- What was written before there was a chain is chained as it is found now.
DO $$
BEGIN
    PERFORM set_config('app.scope', 'platform', true);
    INSERT INTO kernel.audit_unsealed (id, tenant_id) SELECT id, tenant_id FROM kernel.audit;
    PERFORM set_config('app.scope', '', true);
END $$;

-- A person's second factor: a secret shared with his telephone (RFC 6238).
CREATE TABLE kernel.second_factors (
    user_id       uuid PRIMARY KEY REFERENCES kernel.users (id),
    secret        text NOT NULL,                            -- sealed; never shown again once it is confirmed
    confirmed_at  timestamptz,                              -- NULL: begun, and asked for nowhere until a first code was right
    last_step     bigint NOT NULL DEFAULT 0,                -- the step of the last code that counted; it and earlier ones count no more
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- Codes on paper, for who has lost his telephone. Each counts once.
CREATE TABLE kernel.backup_codes (
    user_id       uuid NOT NULL REFERENCES kernel.users (id),
    code_sha256   bytea NOT NULL,                           -- 80 bits of randomness need no slow hash
    used_at       timestamptz,
    PRIMARY KEY (user_id, code_sha256)
);

-- When this session last proved who holds it; critical acts want that to be recent.
ALTER TABLE kernel.login_sessions ADD COLUMN proved_at timestamptz NOT NULL DEFAULT now();

-- The key this one was made to replace, which works on until it expires.
ALTER TABLE kernel.api_keys ADD COLUMN replaces uuid REFERENCES kernel.api_keys (id);
