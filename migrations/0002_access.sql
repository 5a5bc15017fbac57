-- The access module: NAS, plans, subscribers, credentials, sessions, decisions, live-session intents.
--
-- The RADIUS tables keep FreeRADIUS's names and columns, so that existing tools keep reading and an existing database
-- can be imported; tenant_id and what we add stand beside them. A FreeRADIUS tool finds them with search_path = access.

CREATE SCHEMA access;

CREATE TABLE access.nas (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    nasname          text NOT NULL,                         -- source address or network in CIDR; FreeRADIUS's name for it
    address          cidr NOT NULL,                         -- the same, typed; the most specific network wins
    shortname        text NOT NULL CHECK (shortname ~ '^[A-Za-z0-9._-]{1,63}$'),  -- how people call it
    type             text NOT NULL DEFAULT 'other' CHECK (char_length(type) <= 30),  -- make: mikrotik, cisco, juniper, hostapd ...
    ports            integer,
    secret           text NOT NULL,                         -- sealed (kernel::secrets); never the clear text
    coa_secret       text,                                  -- sealed; NULL: the same as secret
    coa_port         integer NOT NULL DEFAULT 3799 CHECK (coa_port BETWEEN 1 AND 65535),
    server           text,                                  -- FreeRADIUS virtual server; kept for import, not used
    community        text,                                  -- SNMP community of FreeRADIUS's schema; kept for import
    description      text CHECK (char_length(description) <= 200),
    require_message_authenticator text NOT NULL DEFAULT 'auto'
                     CHECK (require_message_authenticator IN ('no', 'yes', 'auto')),
    message_authenticator_seen_at timestamptz,              -- auto tightens itself once the NAS has shown it can sign
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    UNIQUE (address),                                       -- across partners: the source address decides the partner
    UNIQUE (tenant_id, shortname)
);

CREATE TABLE access.radius_bandwidth_profiles (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    name             text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    download_bps     bigint NOT NULL CHECK (download_bps > 0),   -- towards the subscriber, bit/s
    upload_bps       bigint NOT NULL CHECK (upload_bps > 0),     -- from the subscriber, bit/s
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, id)
);

CREATE TABLE access.plans (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    slug             text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    name             text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    bandwidth_profile_id uuid,                              -- NULL: the NAS decides the rate
    session_timeout_s    integer CHECK (session_timeout_s > 0),
    idle_timeout_s       integer CHECK (idle_timeout_s > 0),
    interim_interval_s   integer NOT NULL DEFAULT 300 CHECK (interim_interval_s >= 60),  -- RFC 2869: not under 60 s
    framed_pool          text CHECK (char_length(framed_pool) BETWEEN 1 AND 63),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    UNIQUE (tenant_id, slug),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, bandwidth_profile_id) REFERENCES access.radius_bandwidth_profiles (tenant_id, id)
);

-- The access service of a site. Its credential is in radcheck, its sessions are in radacct; neither is here.
CREATE TABLE access.subscribers (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    site_id          uuid NOT NULL,
    plan_id          uuid,                                  -- NULL only once deleted, so that his plan may go, too
    username         text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64),  -- R-251
    name             text NOT NULL DEFAULT '' CHECK (char_length(name) <= 100),
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'terminated')),
    status_reason    text CHECK (char_length(status_reason) <= 200),
    status_since     timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz,                           -- NULL: does not expire
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    updated_by       uuid,
    deleted_at       timestamptz,
    UNIQUE (tenant_id, id),
    CHECK (plan_id IS NOT NULL OR deleted_at IS NOT NULL),
    FOREIGN KEY (tenant_id, site_id) REFERENCES kernel.sites (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES access.plans (tenant_id, id)
);
CREATE UNIQUE INDEX subscribers_username ON access.subscribers (tenant_id, username) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_plan ON access.subscribers (tenant_id, plan_id);

CREATE TABLE access.radcheck (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id uuid,
    username      text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64),
    attribute     text NOT NULL CHECK (char_length(attribute) BETWEEN 1 AND 64),
    op            varchar(2) NOT NULL DEFAULT ':=',
    value         text NOT NULL CHECK (char_length(value) <= 512),  -- a sealed credential is longer than FreeRADIUS's 253
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);
CREATE INDEX radcheck_username ON access.radcheck (tenant_id, username);

CREATE TABLE access.radreply (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id uuid,
    username      text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64),
    attribute     text NOT NULL CHECK (char_length(attribute) BETWEEN 1 AND 64),
    op            varchar(2) NOT NULL DEFAULT '=',
    value         text NOT NULL CHECK (char_length(value) <= 253),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);
CREATE INDEX radreply_username ON access.radreply (tenant_id, username);

CREATE TABLE access.radusergroup (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    username      text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64),
    groupname     text NOT NULL CHECK (char_length(groupname) BETWEEN 1 AND 64),
    priority      integer NOT NULL DEFAULT 0
);
CREATE INDEX radusergroup_username ON access.radusergroup (tenant_id, username);
CREATE INDEX radusergroup_groupname ON access.radusergroup (tenant_id, groupname);

CREATE TABLE access.radgroupcheck (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    groupname     text NOT NULL CHECK (char_length(groupname) BETWEEN 1 AND 64),
    attribute     text NOT NULL CHECK (char_length(attribute) BETWEEN 1 AND 64),
    op            varchar(2) NOT NULL DEFAULT '==',
    value         text NOT NULL CHECK (char_length(value) <= 253)
);
CREATE INDEX radgroupcheck_groupname ON access.radgroupcheck (tenant_id, groupname);

CREATE TABLE access.radgroupreply (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    groupname     text NOT NULL CHECK (char_length(groupname) BETWEEN 1 AND 64),
    attribute     text NOT NULL CHECK (char_length(attribute) BETWEEN 1 AND 64),
    op            varchar(2) NOT NULL DEFAULT '=',
    value         text NOT NULL CHECK (char_length(value) <= 253)
);
CREATE INDEX radgroupreply_groupname ON access.radgroupreply (tenant_id, groupname);

-- One row a session, partitioned by its start. acctstarttime is NOT NULL here: when the Start was lost it is computed
-- from the first record seen (event time minus session time) and stays what it was then.
CREATE TABLE access.radacct (
    radacctid            bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant_id            uuid NOT NULL,
    nas_id               uuid NOT NULL,                     -- no foreign key: history outlives the NAS
    subscriber_id        uuid,
    acctsessionid        text NOT NULL,                     -- as the NAS sent it, byte for byte where it is text
    acctuniqueid         text NOT NULL,                     -- our session id in hex; the same on every node
    username             text,
    realm                text,
    groupname            text,
    nasipaddress         inet NOT NULL,                     -- NAS-IP-Address, else the source of the packet
    nasidentifier        text,
    nasportid            text,
    nasporttype          text,
    acctstarttime        timestamptz NOT NULL,
    acctupdatetime       timestamptz NOT NULL,              -- event time of the newest record
    acctstoptime         timestamptz,                       -- NULL: the session is open
    acctinterval         bigint,                            -- seconds between the last two records
    acctsessiontime      bigint,
    acctauthentic        text,
    connectinfo_start    text,
    connectinfo_stop     text,
    acctinputoctets      bigint NOT NULL DEFAULT 0,         -- from the subscriber; 64 bit, gigawords included
    acctoutputoctets     bigint NOT NULL DEFAULT 0,         -- to the subscriber
    calledstationid      text,
    callingstationid     text,
    acctterminatecause   text,                              -- in words; 'NAS-Reboot' when Accounting-On/Off closed it
    servicetype          text,
    framedprotocol       text,
    framedipaddress      inet,
    framedipv6address    inet,
    framedipv6prefix     inet,
    framedinterfaceid    text,
    delegatedipv6prefix  inet,
    class                text,                              -- hex
    start_seen           boolean NOT NULL DEFAULT false,    -- false: we learned of the session from an interim or a stop
    PRIMARY KEY (acctuniqueid, acctstarttime)
) PARTITION BY RANGE (acctstarttime);
CREATE INDEX radacct_open ON access.radacct (tenant_id, nas_id) WHERE acctstoptime IS NULL;
CREATE INDEX radacct_username ON access.radacct (tenant_id, username, acctstarttime DESC);
CREATE INDEX radacct_sessionid ON access.radacct (tenant_id, acctsessionid);
CREATE INDEX radacct_radacctid ON access.radacct (radacctid);

-- Where a session's row is. A unique constraint cannot span partitions, and the first record to arrive decides the
-- start: whoever inserts here first has decided it for every other node and every later record.
CREATE TABLE access.radacct_key (
    acctuniqueid   text PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    acctstarttime  timestamptz NOT NULL
);

-- Every authentication decision, with the steps that led to it. FreeRADIUS's columns first; pass never holds a password.
CREATE TABLE access.radpostauth (
    id               uuid NOT NULL,                         -- the decision's UUIDv7; also what Class carries
    tenant_id        uuid NOT NULL,
    username         text NOT NULL,
    pass             text,                                  -- always NULL; FreeRADIUS's column
    reply            text NOT NULL,                         -- Access-Accept, Access-Reject, or 'dropped'
    authdate         timestamptz NOT NULL,
    class            text,
    calledstationid  text,
    callingstationid text,
    nas_id           uuid NOT NULL,
    subscriber_id    uuid,
    reason           text NOT NULL,                         -- the typed outcome, for example wrong_password
    steps            jsonb NOT NULL,                        -- [{step, found, ok}], the explanation
    duration_us      integer NOT NULL,
    PRIMARY KEY (id, authdate)
) PARTITION BY RANGE (authdate);
CREATE INDEX radpostauth_username ON access.radpostauth (tenant_id, username, authdate DESC);

-- Makes the monthly partitions from `since` on for `months` months; safe to call again and from several nodes. Runs as
-- the owner of the schema, so that the program's own role needs no right to create tables; the owner is held by
-- row-level security, too, hence the scope. Rows that came before their month was made wait in the default partition
-- and move over: PostgreSQL refuses a partition whose rows are there.
CREATE PROCEDURE access.ensure_partitions(since date, months integer)
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
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', early);
            EXECUTE format('WITH moved AS (DELETE FROM %s WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %s SELECT * FROM moved',
                early, clock, low, clock, high, part);
            EXECUTE format('ALTER TABLE access.%I ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, low, high);
            CALL kernel.isolate(part::regclass);
        END LOOP;
    END LOOP;
    PERFORM set_config('app.scope', scope, true);
END $$;
-- A NAS with a wrong clock must not lose its records: what fits no month lands here.
CREATE TABLE access.radacct_default PARTITION OF access.radacct DEFAULT;
CREATE TABLE access.radpostauth_default PARTITION OF access.radpostauth DEFAULT;

-- How far each node's journal has been carried into this database. Moves in the same transaction as the rows.
CREATE TABLE access.journal_cursor (
    node_id     uuid NOT NULL,
    stream      text NOT NULL CHECK (stream IN ('accounting', 'decisions')),
    next_seq    bigint NOT NULL,                            -- the first record not yet here
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, stream)
);

-- What an operator (or an event) wants of a live session. One open intent a session; a newer one replaces it.
CREATE TABLE access.session_intents (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    session_id       uuid NOT NULL,                         -- = acctuniqueid
    nas_id           uuid NOT NULL,
    subscriber_id    uuid,
    verb             text NOT NULL CHECK (verb IN ('disconnect')),
    reason           text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200),
    state            text NOT NULL DEFAULT 'asked'
                     CHECK (state IN ('asked', 'acknowledged', 'proven', 'refused', 'silent', 'failed', 'replaced')),
    attempts         smallint NOT NULL DEFAULT 0,           -- datagrams sent
    rtt_us           bigint,                                -- first send to answer
    error_cause      integer,                               -- RFC 5176 section 3.5, when refused
    detail           text,                                  -- the same in words, or why it failed
    asked_at         timestamptz NOT NULL DEFAULT now(),
    answered_at      timestamptz,
    proven_at        timestamptz,                           -- the Accounting-Stop was on disk
    created_by       uuid,
    created_by_name  text NOT NULL
);
CREATE UNIQUE INDEX session_intents_open ON access.session_intents (session_id) WHERE state IN ('asked', 'acknowledged');
CREATE INDEX session_intents_session ON access.session_intents (tenant_id, session_id, id DESC);

-- Everything that changes what the access plane must know leaves a line here, in the same transaction, whoever made the
-- change. The feeder reads the lines of finished transactions in order; xid keeps a late commit from being skipped.
CREATE TABLE access.directory_change (
    version     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL DEFAULT now(),
    tenant_id   uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('partner', 'nas', 'plan', 'bandwidth_profile', 'subscriber', 'username', 'group')),
    key         text NOT NULL                               -- id, user name or group name
);
CREATE INDEX directory_change_order ON access.directory_change (xid, version);

CREATE FUNCTION access.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := TG_ARGV[0];
    key_column text := TG_ARGV[1];
    tenant_column text := TG_ARGV[2];
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
BEGIN
    IF new_row IS NOT NULL THEN
        INSERT INTO access.directory_change (tenant_id, kind, key)
            VALUES ((new_row ->> tenant_column)::uuid, kind, new_row ->> key_column);
    END IF;
    -- A changed key leaves its old holder behind; the feeder must look at both.
    IF old_row IS NOT NULL AND (new_row IS NULL
        OR (old_row ->> key_column, old_row ->> tenant_column) IS DISTINCT FROM (new_row ->> key_column, new_row ->> tenant_column)) THEN
        INSERT INTO access.directory_change (tenant_id, kind, key)
            VALUES ((old_row ->> tenant_column)::uuid, kind, old_row ->> key_column);
    END IF;
    PERFORM pg_notify('access_directory', '');
    RETURN NULL;
END $$;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON kernel.tenants
    FOR EACH ROW EXECUTE FUNCTION access.note_change('partner', 'id', 'id');
CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE OF address, shortname, type, secret, coa_secret, coa_port,
        require_message_authenticator ON access.nas
    FOR EACH ROW EXECUTE FUNCTION access.note_change('nas', 'id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radius_bandwidth_profiles
    FOR EACH ROW EXECUTE FUNCTION access.note_change('bandwidth_profile', 'id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.plans
    FOR EACH ROW EXECUTE FUNCTION access.note_change('plan', 'id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.subscribers
    FOR EACH ROW EXECUTE FUNCTION access.note_change('subscriber', 'id', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radcheck
    FOR EACH ROW EXECUTE FUNCTION access.note_change('username', 'username', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radreply
    FOR EACH ROW EXECUTE FUNCTION access.note_change('username', 'username', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radusergroup
    FOR EACH ROW EXECUTE FUNCTION access.note_change('username', 'username', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radgroupcheck
    FOR EACH ROW EXECUTE FUNCTION access.note_change('group', 'groupname', 'tenant_id');
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.radgroupreply
    FOR EACH ROW EXECUTE FUNCTION access.note_change('group', 'groupname', 'tenant_id');

CALL kernel.isolate('access.nas');
CALL kernel.isolate('access.radius_bandwidth_profiles');
CALL kernel.isolate('access.plans');
CALL kernel.isolate('access.subscribers');
CALL kernel.isolate('access.radcheck');
CALL kernel.isolate('access.radreply');
CALL kernel.isolate('access.radusergroup');
CALL kernel.isolate('access.radgroupcheck');
CALL kernel.isolate('access.radgroupreply');
CALL kernel.isolate('access.radacct');
CALL kernel.isolate('access.radacct_default');
CALL kernel.isolate('access.radpostauth_default');
CALL kernel.isolate('access.radacct_key');
CALL kernel.isolate('access.radpostauth');
CALL kernel.isolate('access.session_intents');
CALL kernel.isolate('access.directory_change');
