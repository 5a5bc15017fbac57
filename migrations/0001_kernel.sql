-- The kernel: partners, clients, sites, people, permissions, sessions, keys, audit.
--
-- Isolation. Every table with a tenant_id has row-level security enabled AND forced, with one policy each:
-- a row is visible to the partner named by app.tenant_id in this transaction, or to a transaction that says
-- app.scope = 'platform' (system tasks and platform staff; the kernel audits the latter). With neither set a table
-- shows no rows and takes no inserts. After a SET LOCAL the setting reads '' and not NULL, hence nullif().

CREATE SCHEMA kernel;

CREATE TABLE kernel.tenants (
    id          uuid PRIMARY KEY,                           -- the partner; this is the tenant_id of every other table
    slug        text NOT NULL UNIQUE                        -- stable short name for URLs, files and the command line
                CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),  -- what people read
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,                                       -- user or API key; NULL when the system did it
    updated_by  uuid,
    deleted_at  timestamptz                                 -- soft delete: hidden everywhere, kept for history
);

CREATE TABLE kernel.tenant_settings (
    tenant_id   uuid NOT NULL REFERENCES kernel.tenants (id),
    key         text NOT NULL CHECK (key ~ '^[a-z0-9_.]{1,64}$'),
    value       jsonb NOT NULL,                             -- for example label_overrides: {"client": "Customer account"}
    updated_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  uuid,
    PRIMARY KEY (tenant_id, key)
);

CREATE TABLE kernel.clients (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100 AND name !~ '[<>&;|`$]'),
    contact_email text CHECK (char_length(contact_email) <= 255),
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid,
    updated_by    uuid,
    deleted_at    timestamptz,
    UNIQUE (tenant_id, slug),
    UNIQUE (tenant_id, id)                                  -- lets children prove they hang under the same partner
);

CREATE TABLE kernel.sites (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES kernel.tenants (id),
    client_id   uuid NOT NULL,
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    address     text CHECK (char_length(address) <= 500),   -- NULL: a site may be a logical grouping without a place
    parent_id   uuid REFERENCES kernel.sites (id),          -- room for departments inside a site; unused so far
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    UNIQUE (tenant_id, client_id, slug),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES kernel.clients (tenant_id, id)
);

-- People belong to no partner by themselves: one person may work for several. What somebody may do, and where, is in
-- msp_users (the whole platform) and tenant_users (one partner).
CREATE TABLE kernel.users (
    id             uuid PRIMARY KEY,
    email          text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 255 AND email = lower(email)),
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    password_hash  text NOT NULL,                           -- Argon2id, PHC string; never leaves the kernel
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    created_by     uuid,
    updated_by     uuid,
    deleted_at     timestamptz
);
CREATE UNIQUE INDEX users_email ON kernel.users (email) WHERE deleted_at IS NULL;

-- The closed list of permissions lives in code (kernel::authz); this copy is refreshed at start so that roles can
-- refer to it and a report can join it.
CREATE TABLE kernel.permissions (
    name        text PRIMARY KEY,
    critical    boolean NOT NULL,                           -- needs care: step-up, approval, always audited
    description text NOT NULL
);

CREATE TABLE kernel.roles (
    id          uuid PRIMARY KEY,
    tenant_id   uuid REFERENCES kernel.tenants (id),        -- NULL: a built-in role, the same for everybody
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    updated_by  uuid
);
CREATE UNIQUE INDEX roles_slug ON kernel.roles (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), slug);

CREATE TABLE kernel.role_permissions (
    role_id     uuid NOT NULL REFERENCES kernel.roles (id) ON DELETE CASCADE,
    permission  text NOT NULL REFERENCES kernel.permissions (name),
    PRIMARY KEY (role_id, permission)
);

CREATE TABLE kernel.msp_users (
    user_id     uuid NOT NULL REFERENCES kernel.users (id),
    role_id     uuid NOT NULL REFERENCES kernel.roles (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    PRIMARY KEY (user_id, role_id)
);

CREATE TABLE kernel.tenant_users (
    tenant_id   uuid NOT NULL REFERENCES kernel.tenants (id),
    user_id     uuid NOT NULL REFERENCES kernel.users (id),
    role_id     uuid NOT NULL REFERENCES kernel.roles (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    PRIMARY KEY (tenant_id, user_id, role_id)
);

CREATE TABLE kernel.login_sessions (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES kernel.users (id),
    token_sha256 bytea NOT NULL UNIQUE,                     -- the token itself is known to its holder only
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),        -- idle timeout counts from here; written at most once a minute
    expires_at   timestamptz NOT NULL,                      -- absolute timeout
    revoked_at   timestamptz,
    source_ip    inet,
    user_agent   text CHECK (char_length(user_agent) <= 300)
);
CREATE INDEX login_sessions_user ON kernel.login_sessions (user_id);

CREATE TABLE kernel.api_keys (
    id           uuid PRIMARY KEY,
    tenant_id    uuid REFERENCES kernel.tenants (id),       -- NULL: a platform key
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    prefix       text NOT NULL,                             -- first characters, to recognise a key without knowing it
    token_sha256 bytea NOT NULL UNIQUE,
    permissions  text[] NOT NULL,                           -- never more than its maker had
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid REFERENCES kernel.users (id),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- The one-time set-up link. One row; once completed it never opens again.
CREATE TABLE kernel.setup (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    token_sha256 bytea NOT NULL,
    issued_at    timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz
);

-- Who did what, when, from where, on which object, with what outcome. Append-only: not even the owner can change a row.
CREATE TABLE kernel.audit (
    id           uuid PRIMARY KEY,                          -- UUIDv7, so it sorts by time
    tenant_id    uuid,                                      -- NULL: an act on the platform itself. No foreign key: audit outlives
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind   text NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'system', 'anonymous')),
    actor_id     uuid,
    actor_name   text NOT NULL,                             -- as it was called then; names change, history does not
    action       text NOT NULL,                             -- a permission or a verb such as session.disconnect
    object_kind  text NOT NULL,
    object_id    text,
    object_label text,
    outcome      text NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
    reason       text,                                      -- what the actor gave, or why it was refused
    before       jsonb,
    after        jsonb,                                     -- secrets appear as "REDACTED"
    source_ip    inet,
    request_id   uuid
);
CREATE INDEX audit_tenant_at ON kernel.audit (tenant_id, id DESC);

CREATE FUNCTION kernel.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'kernel.audit is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON kernel.audit
    FOR EACH ROW EXECUTE FUNCTION kernel.audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON kernel.audit
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.audit_is_append_only();

-- Forces row-level security on a table and writes its one policy. `shared` tables also show rows without a partner
-- (built-in roles); nobody but the platform may write those.
CREATE PROCEDURE kernel.isolate(tab regclass, partner_column text DEFAULT 'tenant_id', shared boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
    own text := format('%I = nullif(current_setting(''app.tenant_id'', true), '''')::uuid', partner_column);
    platform text := 'coalesce(current_setting(''app.scope'', true), '''') = ''platform''';
    seen text := own || ' OR ' || platform;
BEGIN
    IF shared THEN
        seen := seen || format(' OR %I IS NULL', partner_column);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY partner ON %s USING (%s) WITH CHECK (%s)', tab, seen, own || ' OR ' || platform);
END $$;

CALL kernel.isolate('kernel.tenants', 'id');
CALL kernel.isolate('kernel.tenant_settings');
CALL kernel.isolate('kernel.clients');
CALL kernel.isolate('kernel.sites');
CALL kernel.isolate('kernel.roles', shared => true);
CALL kernel.isolate('kernel.tenant_users');
CALL kernel.isolate('kernel.api_keys');
CALL kernel.isolate('kernel.audit');
