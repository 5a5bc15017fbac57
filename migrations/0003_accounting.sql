-- What carrying accounting costs: indexes that updates need not touch, room on the page for the next interim, and a place for
-- records that the database will not take.

-- Ids are hex: comparing them octet by octet is right and, under any other collation than C, several times cheaper.
ALTER TABLE access.radacct ALTER COLUMN acctuniqueid TYPE text COLLATE "C";
ALTER TABLE access.radacct_key ALTER COLUMN acctuniqueid TYPE text COLLATE "C";

-- Rises with the rows, so a few octets for every 32 pages find it; only FreeRADIUS's tools ever ask for one number.
DROP INDEX access.radacct_radacctid;
CREATE INDEX radacct_radacctid ON access.radacct USING brin (radacctid) WITH (pages_per_range = 32);

-- FreeRADIUS's tools name no partner; row-level security, which does, cannot use an index.
DROP INDEX access.radacct_sessionid;
CREATE INDEX radacct_sessionid ON access.radacct (acctsessionid);

-- An interim rewrites its row. With room on the same page that touches no index (a heap-only update); without, all of them.
-- Between two interims of a session most rows of its page have one, hence that much room. Rows that are there already stay.
CREATE PROCEDURE access.leave_room(part regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (fillfactor = 65, autovacuum_vacuum_scale_factor = 0.05)', part);
END $$;
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'access.radacct'::regclass LOOP
        CALL access.leave_room(part);
    END LOOP;
END $$;

-- As before, and leaves room in the partitions of radacct: LIKE does not copy storage parameters, and a partitioned
-- table has none of its own.
CREATE OR REPLACE PROCEDURE access.ensure_partitions(since date, months integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    clock  text;
    part   text;
    early  text;
    first  date;
    low    timestamptz;
    high   timestamptz;
    scope  text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('access.ensure_partitions'));
    PERFORM set_config('app.scope', 'platform', true);
    FOR parent, clock IN VALUES ('radacct', 'acctstarttime'), ('radpostauth', 'authdate') LOOP
        FOR n IN 0 .. months - 1 LOOP
            first := (date_trunc('month', since::timestamp) + make_interval(months => n))::date;
            low := first::timestamp AT TIME ZONE 'UTC';
            high := (first + interval '1 month') AT TIME ZONE 'UTC';
            part := format('access.%I', parent || to_char(first, '_YYYYMM'));
            early := format('access.%I', parent || '_default');
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            EXECUTE format('CREATE TABLE %s (LIKE access.%I INCLUDING ALL EXCLUDING IDENTITY)', part, parent);
            IF parent = 'radacct' THEN
                CALL access.leave_room(part::regclass);
            END IF;
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', early);
            EXECUTE format('WITH moved AS (DELETE FROM %s WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %s SELECT * FROM moved',
                early, clock, low, clock, high, part);
            EXECUTE format('ALTER TABLE access.%I ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, low, high);
            CALL kernel.isolate(part::regclass);
        END LOOP;
    END LOOP;
    PERFORM set_config('app.scope', scope, true);
END $$;

-- Journal records that could not become rows: nobody can read them, or the database refuses what they say. The journal
-- lets go of them, so they are kept here as they were, for a person to look at.
CREATE TABLE access.journal_refused (
    node_id     uuid NOT NULL,
    stream      text NOT NULL CHECK (stream IN ('accounting', 'decisions')),
    seq         bigint NOT NULL,
    tenant_id   uuid,                                       -- NULL: the record does not say, or cannot be read
    payload     bytea NOT NULL,                             -- the journalled octets
    reason      text NOT NULL,                              -- what was said when it was refused
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, stream, seq)
);
CREATE INDEX journal_refused_at ON access.journal_refused (at);
CALL kernel.isolate('access.journal_refused');
