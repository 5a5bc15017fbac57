-- Systems of others that a partner works with, one configuration for each partner and system.

CREATE TABLE kernel.integrations (
    tenant_id      uuid NOT NULL REFERENCES kernel.tenants (id),
    system         text NOT NULL CHECK (system IN ('voltha', 'netbox', 'genieacs', 'awx', 'radius', 'vault')),
    enabled        boolean NOT NULL DEFAULT false,          -- nothing is sent there before somebody says so
    url            text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 255),  -- for radius a host name or address
    port           integer CHECK (port BETWEEN 1 AND 65535),-- where the system has one beside its URL: gRPC, Disconnect-Requests
    external_id    text CHECK (char_length(external_id) BETWEEN 1 AND 100),   -- who this partner is there: VOLTHA's tenant, NetBox's
                                                            -- tenant, AWX's organization; several partners may share a server
    authority      text CHECK (octet_length(authority) <= 65536),  -- PEM; the only authorities believed there. NULL: the machine's
    options        jsonb NOT NULL DEFAULT '{}',             -- what only this system has; its type is in kernel::integration
    health_ms      integer NOT NULL CHECK (health_ms BETWEEN 100 AND 600000),  -- how long a look at its health may take
    read_ms        integer NOT NULL CHECK (read_ms BETWEEN 100 AND 600000),    -- how long a question may take
    write_ms       integer NOT NULL CHECK (write_ms BETWEEN 100 AND 600000),   -- how long a change may take; an ONU wants a minute
    in_flight_max  integer NOT NULL CHECK (in_flight_max BETWEEN 1 AND 200),   -- calls at a time
    per_second_max integer CHECK (per_second_max BETWEEN 1 AND 10000),         -- NULL: no bound of ours; the server may have one
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    created_by     uuid,
    updated_by     uuid,
    PRIMARY KEY (tenant_id, system)
);

-- What is shown there to be let in: sealed here, or only where it is kept.
CREATE TABLE kernel.integration_secrets (
    tenant_id      uuid NOT NULL,
    system         text NOT NULL,
    name           text NOT NULL CHECK (name ~ '^[a-z_]{1,40}$'),   -- the system's word for it: token, username, password, secret_id
    sealed         text CHECK (sealed LIKE 'sealed:%'),     -- the value; never in the clear
    reference      text CHECK (reference LIKE 'vault:%' AND char_length(reference) <= 400),  -- or where it is read at use
    set_at         timestamptz NOT NULL DEFAULT now(),      -- its age, for the report of what wants to be replaced
    set_by         uuid,
    PRIMARY KEY (tenant_id, system, name),
    FOREIGN KEY (tenant_id, system) REFERENCES kernel.integrations (tenant_id, system) ON DELETE CASCADE,
    CHECK (num_nonnulls(sealed, reference) = 1)
);

CALL kernel.isolate('kernel.integrations');
CALL kernel.isolate('kernel.integration_secrets');
