-- What was brought in from another system: one line an import, and what became of it. The rows themselves are where all rows
-- are; nothing here is needed to serve anybody.

CREATE TABLE access.imports (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    source           text NOT NULL CHECK (char_length(source) BETWEEN 1 AND 200),  -- in words, without any password
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,                           -- NULL: it runs, or broke off; what it had brought is here
    started_by       uuid,
    started_by_name  text NOT NULL,
    UNIQUE (tenant_id, id)
);
CREATE INDEX imports_tenant ON access.imports (tenant_id, id DESC);

-- Moves in the transaction of each batch, so it says what is here however the import ended.
CREATE TABLE access.import_counts (
    import_id        uuid NOT NULL,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    kind             text NOT NULL CHECK (kind IN ('nas', 'group', 'subscriber', 'session')),
    imported         bigint NOT NULL DEFAULT 0,             -- new here
    updated          bigint NOT NULL DEFAULT 0,             -- were here and are as the source has them now
    unchanged        bigint NOT NULL DEFAULT 0,             -- were here already
    refused          bigint NOT NULL DEFAULT 0,             -- are not here, or not as the source has them
    PRIMARY KEY (import_id, kind),
    FOREIGN KEY (tenant_id, import_id) REFERENCES access.imports (tenant_id, id)
);

CALL kernel.isolate('access.imports');
CALL kernel.isolate('access.import_counts');

-- What the planner knows of tables that have just been filled. Until somebody looks at them it takes them for empty, and reads
-- all of a table for each row of another. Runs as the owner of the schema: nobody else may look.
CREATE PROCEDURE access.look_at_imported()
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE access.subscribers, access.radcheck, access.radreply, access.radusergroup, access.radgroupreply, access.radgroupcheck;
END $$;
