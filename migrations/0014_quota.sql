-- Quota: how many octets a plan gives in a period, what happens at its end, and who stands where. What was used is in
-- access.usage_so_far and nowhere else: no row here counts an octet a second time.

-- Whose clock a partner's days, weeks and months go by; an IANA name. The program checks that there is such a zone.
ALTER TABLE kernel.tenants
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC' CHECK (time_zone ~ '^[A-Za-z0-9._+/-]{1,64}$');

-- What a plan gives; without a row, as much as anybody likes.
CREATE TABLE access.plan_quotas (
    tenant_id     uuid NOT NULL REFERENCES kernel.tenants (id),
    plan_id       uuid NOT NULL,
    octets        bigint NOT NULL CHECK (octets BETWEEN 1 AND 1000000000000000000),
    counted       text NOT NULL DEFAULT 'both' CHECK (counted IN ('down', 'up', 'both')),  -- the subscriber's directions
    period        text NOT NULL CHECK (period IN ('day', 'week', 'month')),
    -- Where the period begins: day of the month, the last where a month has none such; day of the week, 1 is Monday; 1 for a day.
    reset_day     integer NOT NULL DEFAULT 1,
    -- Per cent at which somebody is told, once a period for what he is allowed in it.
    thresholds    integer[] NOT NULL DEFAULT '{80,100}' CHECK (cardinality(thresholds) BETWEEN 1 AND 8
                      AND 1 <= ALL (thresholds) AND 100 >= ALL (thresholds)),
    on_used_up    text NOT NULL CHECK (on_used_up IN ('throttle', 'garden', 'reject')),
    throttle      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(throttle) = 'object'),  -- terms in place of the plan's, as in a plan
    updated_at    timestamptz NOT NULL DEFAULT now(),
    updated_by    uuid,
    PRIMARY KEY (tenant_id, plan_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES access.plans (tenant_id, id) ON DELETE CASCADE,
    CHECK ((on_used_up = 'throttle') = (throttle <> '{}')),
    CHECK (CASE period WHEN 'day' THEN reset_day = 1 WHEN 'week' THEN reset_day BETWEEN 1 AND 7 ELSE reset_day BETWEEN 1 AND 31 END)
);
-- The access plane knows what happens at the end of a quota with the plan.
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.plan_quotas
    FOR EACH ROW EXECUTE FUNCTION access.note_change('plan', 'plan_id', 'tenant_id');
CALL kernel.isolate('access.plan_quotas');

-- How far somebody has come in his period. Whoever reached no threshold yet has no row.
CREATE TABLE access.quota_states (
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,
    period_began_at  timestamptz NOT NULL,                  -- by its beginning a row of an earlier period is known
    period_ends_at   timestamptz NOT NULL,                  -- then the access plane gives full service by itself
    allowed          bigint NOT NULL CHECK (allowed > 0),   -- the plan's octets and what was topped up
    used             bigint NOT NULL CHECK (used >= 0),     -- when this was written: the evidence, not the count
    threshold        integer NOT NULL,                      -- the highest that was told of; 0: none, since more was allowed
    used_up_at       timestamptz,                           -- since when what the plan says holds for him; NULL: it does not
    PRIMARY KEY (tenant_id, subscriber_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);
-- Those whose period ends, and those the access plane is to be told of at a start.
CREATE INDEX quota_states_used_up ON access.quota_states (period_ends_at) WHERE used_up_at IS NOT NULL;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON access.quota_states
    FOR EACH ROW EXECUTE FUNCTION access.note_change('subscriber', 'subscriber_id', 'tenant_id');
CALL kernel.isolate('access.quota_states');

-- Every step on the way, for people: what was told, what was done and by what evidence.
CREATE TABLE access.quota_steps (
    id               uuid PRIMARY KEY,                      -- UUIDv7: in order of time
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,                         -- no foreign key: history outlives the subscriber
    step             text NOT NULL CHECK (step IN ('threshold', 'used_up', 'restored')),
    threshold        integer,                               -- per cent, of a threshold
    period_began_at  timestamptz NOT NULL,
    allowed          bigint NOT NULL,
    used             bigint NOT NULL,                       -- by access.usage_so_far at that moment
    why              text NOT NULL CHECK (char_length(why) <= 200),  -- in words
    at               timestamptz NOT NULL DEFAULT now(),
    CHECK ((step = 'threshold') = (threshold IS NOT NULL))
);
-- A threshold is told of once for what is allowed, whoever finds it, and however often.
CREATE UNIQUE INDEX quota_steps_once ON access.quota_steps (tenant_id, subscriber_id, period_began_at, allowed, threshold)
    WHERE step = 'threshold';
CREATE INDEX quota_steps_of ON access.quota_steps (tenant_id, subscriber_id, id);
CREATE INDEX quota_steps_old ON access.quota_steps (at);
CALL kernel.isolate('access.quota_steps');

-- Octets that somebody was given on top, in the period in which that was.
CREATE TABLE access.quota_topups (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES kernel.tenants (id),
    subscriber_id    uuid NOT NULL,
    octets           bigint NOT NULL CHECK (octets BETWEEN 1 AND 1000000000000000),
    reason           text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200),
    created_at       timestamptz NOT NULL DEFAULT now(),    -- says to which period it belongs
    created_by       uuid,
    created_by_name  text NOT NULL,
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES access.subscribers (tenant_id, id)
);
CREATE INDEX quota_topups_of ON access.quota_topups (tenant_id, subscriber_id, created_at);
CALL kernel.isolate('access.quota_topups');

-- A garden may also be for those whose quota is used up.
ALTER TABLE access.gardens DROP CONSTRAINT gardens_reasons_check;
ALTER TABLE access.gardens ADD CONSTRAINT gardens_reasons_check
    CHECK (reasons <@ '{suspended,expired,quota}'::text[] AND cardinality(reasons) >= 1);
