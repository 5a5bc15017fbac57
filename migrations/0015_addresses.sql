-- Addresses again: who was behind a shared one, which site gives which, and who had one at some time, found at the same cost
-- however long the history is.

-- Which ports of a public address were whose: carrier-grade NAT. What makes of NAS say in accounting, and what a NAT's own
-- log says when it is brought in. A day of it is as long as a day of sessions, so it has months like radacct.
CREATE TABLE access.port_blocks (
    tenant_id       uuid NOT NULL,                          -- no foreign key, as in radacct
    public_address  inet NOT NULL CHECK (family(public_address) = 4 AND masklen(public_address) = 32),
    port_first      integer NOT NULL CHECK (port_first BETWEEN 0 AND 65535),
    port_last       integer NOT NULL CHECK (port_last BETWEEN port_first AND 65535),
    since           timestamptz NOT NULL,                   -- when it was first said to be his; never guessed to be earlier
    until           timestamptz CHECK (until >= since),     -- when it was taken back; NULL: as long as his session lasts
    session_id      uuid,                                   -- acctuniqueid of the session that said it; NULL: it was brought in
    inside          inet,                                   -- the address behind the NAT; NULL: the session's
    nas_id          uuid,                                   -- no foreign key: history outlives the NAS
    subscriber_id   uuid,                                   -- no foreign key: history outlives the subscriber
    username        text CHECK (octet_length(username) <= 253),  -- as it was brought in, also when nobody has the name
    source          text NOT NULL CHECK (source IN ('accounting', 'api', 'import'))
) PARTITION BY RANGE (since);
CREATE TABLE access.port_blocks_default PARTITION OF access.port_blocks DEFAULT;
-- Newest first down from the time that is asked for, the ports looked at in the index.
CREATE INDEX port_blocks_public ON access.port_blocks (tenant_id, public_address, since, port_first, port_last);
-- Whether what an interim repeats is known already.
CREATE INDEX port_blocks_session ON access.port_blocks (session_id) WHERE session_id IS NOT NULL;
CALL kernel.isolate('access.port_blocks');
CALL kernel.isolate('access.port_blocks_default');

ALTER TABLE access.import_counts DROP CONSTRAINT import_counts_kind_check,
    ADD CONSTRAINT import_counts_kind_check CHECK (kind IN ('nas', 'group', 'subscriber', 'session', 'port_block'));

-- As before, and for access.port_blocks.
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
    FOR parent, clock IN VALUES ('radacct', 'acctstarttime'), ('radpostauth', 'authdate'), ('usage', 'hour'),
                                ('port_blocks', 'since') LOOP
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

-- Who had an address at that time. The end stands before the start: those that are open are found at once (no end), those that
-- have ended by the few that ended within a month after the time that is asked for, in the two months they can have begun in.
-- What lasted longer than that month is in an index of its own, which has a dozen entries a year for each address.
DROP INDEX access.radacct_framedip;
DROP INDEX access.radacct_framedipv6;
DROP INDEX access.radacct_framedipv6prefix;
DROP INDEX access.radacct_delegatedipv6prefix;
CREATE INDEX radacct_framedip ON access.radacct (tenant_id, framedipaddress, acctstoptime, acctstarttime);
CREATE INDEX radacct_framedipv6 ON access.radacct (tenant_id, framedipv6address, acctstoptime, acctstarttime)
    WHERE framedipv6address IS NOT NULL;
CREATE INDEX radacct_framedipv6prefix ON access.radacct (tenant_id, framedipv6prefix, acctstoptime, acctstarttime)
    WHERE framedipv6prefix IS NOT NULL;
CREATE INDEX radacct_delegatedipv6prefix ON access.radacct (tenant_id, delegatedipv6prefix, acctstoptime, acctstarttime)
    WHERE delegatedipv6prefix IS NOT NULL;
CREATE INDEX radacct_framedip_long ON access.radacct (tenant_id, framedipaddress, acctstoptime, acctstarttime)
    WHERE acctstoptime - acctstarttime > interval '31 days';
CREATE INDEX radacct_framedipv6_long ON access.radacct (tenant_id, framedipv6address, acctstoptime, acctstarttime)
    WHERE framedipv6address IS NOT NULL AND acctstoptime - acctstarttime > interval '31 days';
CREATE INDEX radacct_framedipv6prefix_long ON access.radacct (tenant_id, framedipv6prefix, acctstoptime, acctstarttime)
    WHERE framedipv6prefix IS NOT NULL AND acctstoptime - acctstarttime > interval '31 days';
CREATE INDEX radacct_delegatedipv6prefix_long ON access.radacct (tenant_id, delegatedipv6prefix, acctstoptime, acctstarttime)
    WHERE delegatedipv6prefix IS NOT NULL AND acctstoptime - acctstarttime > interval '31 days';

-- Which pools those at a site get addresses of, in place of their plan's: a place is routed where it is, whatever was sold there.
CREATE TABLE access.site_pools (
    tenant_id         uuid NOT NULL REFERENCES kernel.tenants (id),
    site_id           uuid NOT NULL,
    ipv4_pool_id      uuid,                                 -- NULL: that of the plan
    prefix_pool_id    uuid,
    delegated_pool_id uuid,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    updated_by        uuid,
    PRIMARY KEY (tenant_id, site_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES kernel.sites (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT site_pools_ipv4_pool FOREIGN KEY (tenant_id, ipv4_pool_id) REFERENCES access.address_pools (tenant_id, id),
    CONSTRAINT site_pools_prefix_pool FOREIGN KEY (tenant_id, prefix_pool_id) REFERENCES access.address_pools (tenant_id, id),
    CONSTRAINT site_pools_delegated_pool FOREIGN KEY (tenant_id, delegated_pool_id) REFERENCES access.address_pools (tenant_id, id)
);
CALL kernel.isolate('access.site_pools');
CREATE INDEX subscribers_site ON access.subscribers (tenant_id, site_id);  -- who is at a site, without a look at everybody
-- Everybody there is looked at again: the access plane keeps with each what is his, and no sites.
CREATE FUNCTION access.note_site() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    site uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.site_id ELSE NEW.site_id END;
    whose uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END;
BEGIN
    INSERT INTO access.directory_change (tenant_id, kind, key)
        SELECT tenant_id, 'subscriber', id FROM access.subscribers WHERE tenant_id = whose AND site_id = site AND deleted_at IS NULL;
    PERFORM pg_notify('access_directory', '');
    RETURN NULL;
END $$;
CREATE TRIGGER note_site AFTER INSERT OR UPDATE OR DELETE ON access.site_pools
    FOR EACH ROW EXECUTE FUNCTION access.note_site();

-- A default of one partner cannot be for the NAS of another.
ALTER TABLE access.nas ADD UNIQUE (tenant_id, id);
ALTER TABLE access.service_defaults DROP CONSTRAINT service_defaults_nas_id_fkey,
    ADD CONSTRAINT service_defaults_nas FOREIGN KEY (tenant_id, nas_id) REFERENCES access.nas (tenant_id, id) ON DELETE CASCADE;
