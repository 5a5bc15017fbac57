-- Sessions that tell the truth: what each one used, out of counters that wrap or begin anew; what each subscriber used, by
-- the hour; when our own clock last heard of it; who had an address at some time.

ALTER TABLE access.radacct
    ADD COLUMN said_in bigint,                              -- what its counter from the subscriber said last; NULL: acctinputoctets
    ADD COLUMN said_out bigint,                             -- what the other one said last
    ADD COLUMN said_at bigint,                              -- Acct-Session-Time of that record: what is newer is told by it
    ADD COLUMN counter_wraps integer NOT NULL DEFAULT 0,    -- evidence: how often a counter went over 2^32 unsaid
    ADD COLUMN counter_resets integer NOT NULL DEFAULT 0,   -- evidence: how often a counter began anew in the session
    ADD COLUMN acctinputoctets6 bigint,                     -- of acctinputoctets those over IPv6, where the NAS tells
    ADD COLUMN acctoutputoctets6 bigint,                    -- the same to the subscriber
    ADD COLUMN heard_at timestamptz,                        -- when its newest record was sent, by our clock
    ADD COLUMN interim interval,                            -- the longest it was ever silent: its NAS's interim interval
    ADD COLUMN usage_hour timestamptz,                      -- while it is open: the hour that what stands behind belongs to
    ADD COLUMN usage_in bigint NOT NULL DEFAULT 0,          -- used in that hour, and not in access.usage until the hour is
    ADD COLUMN usage_out bigint NOT NULL DEFAULT 0,         -- over or the session ends; once it has ended: what was added
    ADD COLUMN usage_in6 bigint NOT NULL DEFAULT 0,         -- there last
    ADD COLUMN usage_out6 bigint NOT NULL DEFAULT 0,
    ADD COLUMN booked_hour timestamptz,                     -- only in the version of the row that leaves an hour behind: what
    ADD COLUMN booked_in bigint,                            -- goes to access.usage in the same statement. Without an hour, in
    ADD COLUMN booked_out bigint,                           -- the version a batch inserts: what the first record of it said, for
    ADD COLUMN booked_in6 bigint,                           -- the merge to read (counters, Acct-Session-Time, 1 if Gigawords)
    ADD COLUMN booked_out6 bigint;

-- Who had this address at that time. Both ends stand in the index, so that of all sessions an address ever had only those
-- that held it then are fetched; the end changes once, when the row leaves radacct_open anyway.
CREATE INDEX radacct_framedip ON access.radacct (tenant_id, framedipaddress, acctstarttime, acctstoptime);
CREATE INDEX radacct_framedipv6 ON access.radacct (tenant_id, framedipv6address, acctstarttime, acctstoptime)
    WHERE framedipv6address IS NOT NULL;
CREATE INDEX radacct_framedipv6prefix ON access.radacct (tenant_id, framedipv6prefix, acctstarttime, acctstoptime)
    WHERE framedipv6prefix IS NOT NULL;
CREATE INDEX radacct_delegatedipv6prefix ON access.radacct (tenant_id, delegatedipv6prefix, acctstarttime, acctstoptime)
    WHERE delegatedipv6prefix IS NOT NULL;

-- What a subscriber used, hour by hour, by our clock. The drain adds to it in the transaction that moves its cursor, so a
-- record counts once. Of open sessions the hour that goes on stands in radacct; access.usage_so_far has both.
CREATE TABLE access.usage (
    tenant_id      uuid NOT NULL,
    subscriber_id  uuid NOT NULL,                           -- no foreign key: history outlives the subscriber
    hour           timestamptz NOT NULL,                    -- its beginning
    octets_in      bigint NOT NULL CHECK (octets_in >= 0),  -- from the subscriber
    octets_out     bigint NOT NULL CHECK (octets_out >= 0), -- to the subscriber
    octets_in6     bigint NOT NULL CHECK (octets_in6 >= 0), -- of those over IPv6, where the NAS tells
    octets_out6    bigint NOT NULL CHECK (octets_out6 >= 0),
    PRIMARY KEY (tenant_id, subscriber_id, hour)
) PARTITION BY RANGE (hour);
CREATE TABLE access.usage_default PARTITION OF access.usage DEFAULT;
CALL kernel.isolate('access.usage');
CALL kernel.isolate('access.usage_default');

-- An interim rewrites its row of radacct; each hour it adds a row here.
CREATE VIEW access.usage_so_far WITH (security_invoker = true) AS
    SELECT tenant_id, subscriber_id, hour, octets_in, octets_out, octets_in6, octets_out6 FROM access.usage
    UNION ALL
    SELECT tenant_id, subscriber_id, usage_hour, usage_in, usage_out, usage_in6, usage_out6 FROM access.radacct
     WHERE acctstoptime IS NULL AND subscriber_id IS NOT NULL AND usage_hour IS NOT NULL;
-- Finds those of one subscriber without a look at each row; one more index would cost every session two entries.
DROP INDEX access.radacct_open;
CREATE INDEX radacct_open ON access.radacct (tenant_id, nas_id, subscriber_id) WHERE acctstoptime IS NULL;

-- As before, and for access.usage.
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
    FOR parent, clock IN VALUES ('radacct', 'acctstarttime'), ('radpostauth', 'authdate'), ('usage', 'hour') LOOP
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

-- What a counter did from the row to a batch of later records, by the rules of radius-server/src/sessions/counted.rs:
-- `before` is what the row has, at `before_s` of the session; `began` and `now` what the first and the last record of the
-- batch say, at `began_s` and `now_s`; between those two it only grew. Written so that PostgreSQL puts them into the
-- statement instead of calling them.

-- Whether it went over 2^32, and whether it began anew.
CREATE FUNCTION access.counter_wrapped(before bigint, began bigint, before_s bigint, began_s bigint, gigawords boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT began_s > before_s AND began > 0 AND began < before AND NOT gigawords AND before < 4294967296
       AND before - began > 2147483648 AND began + 4294967296 - before <= (began_s - before_s) * 1250000000
$$;
CREATE FUNCTION access.counter_reset(before bigint, began bigint, before_s bigint, began_s bigint, gigawords boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT began_s > before_s AND began > 0 AND began < before - began
       AND (gigawords OR before >= 4294967296 OR before - began <= 2147483648
            OR began + 4294967296 - before > (began_s - before_s) * 1250000000)
$$;

-- What the session used then, and what its counter has said then. `fell`: one of its counters wrapped or began anew before,
-- so that a record of unknown age tells nothing.
CREATE FUNCTION access.counter_total(total bigint, before bigint, began bigint, now bigint, before_s bigint, began_s bigint,
    now_s bigint, gigawords boolean, fell boolean) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(now, total + CASE
        WHEN began_s > before_s AND began >= before THEN now - before   -- nearly always
        WHEN before_s IS NULL OR now_s IS NULL OR now_s < before_s
            THEN CASE WHEN fell THEN 0 ELSE greatest(now - before, 0) END
        WHEN access.counter_wrapped(before, began, before_s, began_s, gigawords) THEN now + 4294967296 - before
        WHEN access.counter_reset(before, began, before_s, began_s, gigawords) THEN now
        ELSE greatest(now - before, 0) END)
$$;
CREATE FUNCTION access.counter_said(before bigint, began bigint, now bigint, before_s bigint, began_s bigint,
    now_s bigint, gigawords boolean, fell boolean) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN began_s > before_s AND began >= before THEN now
        WHEN before_s IS NULL OR now_s IS NULL OR now_s < before_s
            THEN CASE WHEN fell THEN before ELSE greatest(before, now) END
        WHEN access.counter_wrapped(before, began, before_s, began_s, gigawords)
          OR access.counter_reset(before, began, before_s, began_s, gigawords) THEN now
        ELSE greatest(before, now) END
$$;
