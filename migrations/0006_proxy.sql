-- Realms, and the home servers that decide about their logins or take copies of accounting. A change is noted as a change of
-- the partner: its few rows are read again as a whole.

CREATE TABLE access.home_servers (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    name             text NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,63}$'),  -- how people call it
    address          inet NOT NULL CHECK (masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 128 END),
    auth_port        integer CHECK (auth_port BETWEEN 1 AND 65535),       -- NULL: takes no logins
    accounting_port  integer CHECK (accounting_port BETWEEN 1 AND 65535), -- NULL: takes no accounting
    secret           text NOT NULL,                         -- sealed (kernel::secrets); never the clear text
    require_message_authenticator boolean NOT NULL DEFAULT true,  -- of its replies to logins (CVE-2024-3596)
    status_server    boolean NOT NULL DEFAULT true,         -- it answers Status-Server (RFC 5997)
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    CHECK (num_nonnulls(auth_port, accounting_port) > 0),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

CREATE TABLE access.realms (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    name             text NOT NULL CHECK (name = lower(name) AND octet_length(name) BETWEEN 1 AND 253),  -- * : every other
    decided          text NOT NULL CHECK (decided IN ('here', 'nowhere', 'by_home_servers')),
    strip            boolean NOT NULL DEFAULT false,        -- the realm is taken off the user name
    balance          text NOT NULL DEFAULT 'fail_over' CHECK (balance IN ('fail_over', 'spread')),
    pass             text NOT NULL DEFAULT 'all' CHECK (pass IN ('all', 'roaming')),  -- what of replies a NAS gets
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

-- The home servers of a realm, in order.
CREATE TABLE access.realm_servers (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    realm_id         uuid NOT NULL,
    home_server_id   uuid NOT NULL,
    position         integer NOT NULL CHECK (position >= 0),
    PRIMARY KEY (tenant_id, realm_id, home_server_id),
    FOREIGN KEY (tenant_id, realm_id) REFERENCES access.realms (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT realm_servers_home_server FOREIGN KEY (tenant_id, home_server_id) REFERENCES access.home_servers (tenant_id, id)
);
CREATE INDEX realm_servers_home_server ON access.realm_servers (tenant_id, home_server_id);

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.home_servers
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'tenant_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.realms
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'tenant_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.realm_servers
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'tenant_id', 'tenant_id');

CALL kernel.isolate('access.home_servers');
CALL kernel.isolate('access.realms');
CALL kernel.isolate('access.realm_servers');
