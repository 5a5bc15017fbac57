-- Who may come in beside those who are in: how many at once, from where, bound to what, with which address of a central pool.
-- Most subscribers have no row here; a plan without one asks for nothing.

-- Addresses that are given centrally, whichever NAS a subscriber comes in by.
CREATE TABLE access.address_pools (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    name             text NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,63}$'),  -- how people call it
    kind             text NOT NULL CHECK (kind IN ('ipv4', 'prefix', 'delegated')),  -- which attribute says it
    unit_len         integer NOT NULL,                      -- bits of what one subscriber gets
    ranges           text[] NOT NULL CHECK (cardinality(ranges) BETWEEN 1 AND 64),     -- 10.0.0.0/24, 10.0.0.9-10.0.0.20
    excluded         text[] NOT NULL DEFAULT '{}' CHECK (cardinality(excluded) <= 64), -- never given
    hold_s           integer NOT NULL DEFAULT 300 CHECK (hold_s BETWEEN 0 AND 2592000),  -- kept for its subscriber after his session
    source           text NOT NULL DEFAULT 'own' CHECK (source IN ('own')),  -- who decides about its ranges; another system some day
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    CHECK (CASE kind WHEN 'ipv4' THEN unit_len = 32 WHEN 'prefix' THEN unit_len = 64 ELSE unit_len BETWEEN 32 AND 64 END),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

-- What a plan asks for.
CREATE TABLE access.plan_admission (
    tenant_id         uuid NOT NULL REFERENCES kernel.tenants (id),
    plan_id           uuid NOT NULL,
    simultaneous      integer CHECK (simultaneous BETWEEN 1 AND 1024),  -- logins in at once; NULL: any number
    on_collision      text NOT NULL DEFAULT 'same_device' CHECK (on_collision IN ('reject', 'same_device', 'replace')),
    bind              text CHECK (bind IN ('mac', 'port', 'line')),     -- what the first login binds him to; NULL: nothing
    ipv4_pool_id      uuid,                                             -- NULL: the NAS, or nobody, gives one
    prefix_pool_id    uuid,
    delegated_pool_id uuid,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    updated_by        uuid,
    PRIMARY KEY (tenant_id, plan_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES access.plans (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT plan_admission_ipv4_pool FOREIGN KEY (tenant_id, ipv4_pool_id) REFERENCES access.address_pools (tenant_id, id),
    CONSTRAINT plan_admission_prefix_pool FOREIGN KEY (tenant_id, prefix_pool_id) REFERENCES access.address_pools (tenant_id, id),
    CONSTRAINT plan_admission_delegated_pool FOREIGN KEY (tenant_id, delegated_pool_id) REFERENCES access.address_pools (tenant_id, id)
);
CREATE INDEX plan_admission_pools ON access.plan_admission (tenant_id, ipv4_pool_id, prefix_pool_id, delegated_pool_id);

-- What is special about one subscriber.
CREATE TABLE access.subscriber_admission (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,
    simultaneous     integer CHECK (simultaneous BETWEEN 1 AND 1024),  -- in place of his plan's; NULL: as the plan says
    on_collision     text CHECK (on_collision IN ('reject', 'same_device', 'replace')),  -- likewise
    -- Where he may come from: [{"kind": "nas"|"port"|"vlan"|"mac", "nas": id or null, "value": text}]. No foreign key to the
    -- NAS: one that goes must not open the door.
    allowed          jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(allowed) = 'array' AND jsonb_array_length(allowed) <= 64),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    updated_by       uuid,
    PRIMARY KEY (tenant_id, subscriber_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);

-- Addresses that are a subscriber's for good. No pool gives them, and no other subscriber has them.
CREATE TABLE access.subscriber_addresses (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('ipv4', 'prefix', 'delegated')),
    address          cidr NOT NULL,                         -- one address, or the prefix
    PRIMARY KEY (tenant_id, address),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);
CREATE INDEX subscriber_addresses_subscriber ON access.subscriber_addresses (tenant_id, subscriber_id);

-- What a subscriber's first login has bound him to. Written by the access plane; taken away by one act of a person.
CREATE TABLE access.subscriber_bindings (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,
    bound_by         text NOT NULL CHECK (bound_by IN ('mac', 'port', 'line')),
    nas_id           uuid,                                  -- of a port; no foreign key, as above
    value            text NOT NULL CHECK (char_length(value) BETWEEN 1 AND 512),
    since            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, subscriber_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);

-- Who has, or had last, an address of a pool: so that he gets it again, and nobody else too soon, after a restart as well.
CREATE TABLE access.address_leases (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    pool_id          uuid NOT NULL,
    address          inet NOT NULL,                         -- the first of a prefix
    subscriber_id    uuid NOT NULL,                         -- no foreign key: he may be gone by the time this is written
    device           bigint NOT NULL,                       -- a digest of Calling-Station-Id; 0: none was said
    live             boolean NOT NULL,                      -- he has it now, as far as is known
    since            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pool_id, address),
    FOREIGN KEY (tenant_id, pool_id) REFERENCES access.address_pools (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);

-- How full a pool was at most on each day: what a forecast is made of.
CREATE TABLE access.pool_usage (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    pool_id          uuid NOT NULL,
    day              date NOT NULL,                         -- UTC
    peak             integer NOT NULL,                      -- given at once, at most
    total            integer NOT NULL,                      -- how many there were
    PRIMARY KEY (pool_id, day),
    FOREIGN KEY (tenant_id, pool_id) REFERENCES access.address_pools (tenant_id, id) ON DELETE CASCADE
);

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.plan_admission
    FOR EACH ROW EXECUTE FUNCTION access.note_change('plan', 'plan_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.subscriber_admission
    FOR EACH ROW EXECUTE FUNCTION access.note_change('subscriber', 'subscriber_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.subscriber_addresses
    FOR EACH ROW EXECUTE FUNCTION access.note_change('subscriber', 'subscriber_id', 'tenant_id');
-- No pool may give what is assigned, so the partner's pools are looked at again.
CREATE TRIGGER note_pools AFTER INSERT OR UPDATE OR DELETE ON access.subscriber_addresses
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'tenant_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.subscriber_bindings
    FOR EACH ROW EXECUTE FUNCTION access.note_change('subscriber', 'subscriber_id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.address_pools
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'tenant_id', 'tenant_id');

CALL kernel.isolate('access.address_pools');
CALL kernel.isolate('access.plan_admission');
CALL kernel.isolate('access.subscriber_admission');
CALL kernel.isolate('access.subscriber_addresses');
CALL kernel.isolate('access.subscriber_bindings');
CALL kernel.isolate('access.address_leases');
CALL kernel.isolate('access.pool_usage');
