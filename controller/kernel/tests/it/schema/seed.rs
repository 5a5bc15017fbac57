//! A row of each of two partners in every table that has a `tenant_id`. A new table needs a line in [`SEED`].

use kernel::OpContext;
use kernel::id::PartnerId;
use kernel::testing::TestDatabase;
use sqlx::AssertSqlSafe;

/// Two partners and a row of each in every table.
pub(super) struct Seeded {
    /// The database.
    pub(super) test: TestDatabase,
    /// The one whose operations are looked at.
    pub(super) west: PartnerId,
    /// The one whose rows must not be seen.
    pub(super) east: PartnerId,
}

/// Makes them.
pub(super) async fn seed() -> Seeded {
    let test = TestDatabase::new().await;
    let (west, east) = (test.partner("isp-west").await, test.partner("isp-east").await);
    let mut tx = test
        .database()
        .begin(&OpContext::system("test"))
        .await
        .expect("begins");
    sqlx::raw_sql("CALL access.ensure_partitions('2026-01-01', 2)")
        .execute(&mut *tx)
        .await
        .expect("partitions");
    for (number, partner) in [west, east].into_iter().enumerate() {
        let script = SEED
            .replace("$tenant", &format!("'{partner}'::uuid"))
            .replace("$n", &number.to_string());
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&mut *tx)
            .await
            .expect("a row in every table");
    }
    tx.commit().await.expect("commits");
    Seeded { test, west, east }
}

/// A row in every table for one partner; `$n` keeps what is unique across partners apart.
const SEED: &str = "
    INSERT INTO kernel.tenant_settings (tenant_id, key, value) VALUES ($tenant, 'labels', '{}');
    INSERT INTO kernel.clients (id, tenant_id, slug, name) VALUES (gen_random_uuid(), $tenant, 'acme', 'Acme');
    INSERT INTO kernel.sites (id, tenant_id, client_id, slug, name)
        SELECT gen_random_uuid(), tenant_id, id, 'main', 'Main' FROM kernel.clients WHERE tenant_id = $tenant;
    INSERT INTO kernel.users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'u$n@example.net', 'U', 'x');
    INSERT INTO kernel.roles (id, tenant_id, slug, name) VALUES (gen_random_uuid(), $tenant, 'own', 'Own');
    INSERT INTO kernel.tenant_users (tenant_id, user_id, role_id)
        SELECT $tenant, users.id, roles.id FROM kernel.users, kernel.roles
        WHERE email = 'u$n@example.net' AND roles.tenant_id = $tenant;
    INSERT INTO kernel.approval_policies (tenant_id, permissions) VALUES ($tenant, '{}');
    INSERT INTO kernel.approvals (id, tenant_id, permission, method, path, body_digest, asked_kind, asked_by, asked_name, expires_at)
        VALUES (gen_random_uuid(), $tenant, 'users:manage', 'POST', '/x', 'sealed', 'user', gen_random_uuid(), 'test', now());
    INSERT INTO kernel.sso_providers (tenant_id, issuer, client_id) VALUES ($tenant, 'https://op.example', 'headend');
    INSERT INTO kernel.sso_groups (tenant_id, group_name, role_id)
        SELECT $tenant, 'noc', id FROM kernel.roles WHERE tenant_id = $tenant;
    INSERT INTO kernel.sso_people (tenant_id, issuer, subject, user_id)
        SELECT $tenant, 'https://op.example', '1', id FROM kernel.users WHERE email = 'u$n@example.net';
    INSERT INTO kernel.api_keys (id, tenant_id, name, prefix, token_sha256, permissions)
        VALUES (gen_random_uuid(), $tenant, 'bot', 'hek_', sha256('$n'), '{}');
    INSERT INTO kernel.audit (id, tenant_id, actor_kind, actor_name, action, object_kind, outcome)
        VALUES (gen_random_uuid(), $tenant, 'system', 'test', 'test', 'test', 'ok');
    INSERT INTO kernel.event_outbox (id, tenant_id, kind, subject_kind, subject_id, subject_label, actor_kind, actor_name, request_id, data)
        VALUES (gen_random_uuid(), $tenant, 'x.done', 'x', '1', 'x', 'system', 'test', gen_random_uuid(), '{}');
    INSERT INTO kernel.events (id, tenant_id, kind, subject_kind, subject_id, subject_label, at, actor_kind, actor_name, request_id, data)
        VALUES (gen_random_uuid(), $tenant, 'x.done', 'x', '1', 'x', now(), 'system', 'test', gen_random_uuid(), '{}');
    INSERT INTO kernel.event_consumers (name, position) VALUES ('test', 0) ON CONFLICT DO NOTHING;
    INSERT INTO kernel.event_parked (consumer, position, tenant_id, subject_kind, subject_id, error)
        SELECT 'test', position, tenant_id, 'x', '1', 'x' FROM kernel.events WHERE tenant_id = $tenant;
    INSERT INTO kernel.jobs (id, tenant_id, kind, data) VALUES (gen_random_uuid(), $tenant, 'x', '{}');
    INSERT INTO kernel.workflows (id, tenant_id, kind, subject, input, actor_name, request_id)
        VALUES (gen_random_uuid(), $tenant, 'x', 'x', '{}', 'x', gen_random_uuid());
    INSERT INTO kernel.workflow_steps (workflow_id, n, tenant_id, name)
        SELECT id, 0, tenant_id, 'x' FROM kernel.workflows WHERE tenant_id = $tenant;
    INSERT INTO kernel.webhooks (id, tenant_id, name, url, kinds, secret)
        VALUES (gen_random_uuid(), $tenant, 'x', 'https://example.net/', '{}', 'x');
    INSERT INTO kernel.webhook_deliveries (id, tenant_id, webhook_id, event_id, kind, body)
        SELECT gen_random_uuid(), tenant_id, id, gen_random_uuid(), 'x', '{}' FROM kernel.webhooks WHERE tenant_id = $tenant;
    INSERT INTO kernel.audit_chain (tenant_id, seq, audit_id, hash)
        SELECT tenant_id, 1, id, sha256('$n') FROM kernel.audit WHERE tenant_id = $tenant;
    INSERT INTO kernel.audit_unsealed (id, tenant_id) VALUES (gen_random_uuid(), $tenant);
    INSERT INTO kernel.search_terms (tenant_id, term, kind, object_id)
        VALUES ($tenant, 'term$n', 'client', gen_random_uuid());
    INSERT INTO kernel.idempotency_keys (actor_id, key, tenant_id, request_sha256, lease_until)
        VALUES (gen_random_uuid(), 'k', $tenant, sha256('$n'), now());
    INSERT INTO kernel.integrations (tenant_id, system, url, health_ms, read_ms, write_ms, in_flight_max)
        VALUES ($tenant, 'netbox', 'https://netbox.example', 2000, 10000, 60000, 20);
    INSERT INTO kernel.integration_secrets (tenant_id, system, name, reference)
        VALUES ($tenant, 'netbox', 'token', 'vault:tenants/x/netbox/api-token#value');
    INSERT INTO access.nas (id, tenant_id, nasname, address, shortname, secret)
        VALUES (gen_random_uuid(), $tenant, '10.0.$n.1', '10.0.$n.1/32', 'bng', 'sealed');
    INSERT INTO access.home_servers (id, tenant_id, name, address, auth_port, secret)
        VALUES (gen_random_uuid(), $tenant, 'home', '10.0.$n.2', 1812, 'sealed');
    INSERT INTO access.realms (id, tenant_id, name, decided) VALUES (gen_random_uuid(), $tenant, 'isp', 'by_home_servers');
    INSERT INTO access.realm_servers (tenant_id, realm_id, home_server_id, position)
        SELECT $tenant, realms.id, home_servers.id, 1 FROM access.realms, access.home_servers
        WHERE realms.tenant_id = $tenant AND home_servers.tenant_id = $tenant;
    INSERT INTO access.radius_bandwidth_profiles (id, tenant_id, name, download_bps, upload_bps)
        VALUES (gen_random_uuid(), $tenant, 'fast', 1000000, 1000000);
    INSERT INTO access.plans (id, tenant_id, slug, name) VALUES (gen_random_uuid(), $tenant, 'fast', 'Fast');
    INSERT INTO access.subscribers (id, tenant_id, site_id, plan_id, username)
        SELECT gen_random_uuid(), $tenant, sites.id, plans.id, 'alice' FROM kernel.sites, access.plans
        WHERE sites.tenant_id = $tenant AND plans.tenant_id = $tenant;
    INSERT INTO access.identity_policies (tenant_id) VALUES ($tenant);
    INSERT INTO access.subscriber_marks (tenant_id, subscriber_id, kind, value)
        SELECT tenant_id, id, 'mac', '00:1a:2b:3c:4d:5e' FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.radcheck (tenant_id, username, attribute, value) VALUES ($tenant, 'alice', 'Cleartext-Password', 'x');
    INSERT INTO access.radreply (tenant_id, username, attribute, value) VALUES ($tenant, 'alice', 'Class', 'x');
    INSERT INTO access.radusergroup (tenant_id, username, groupname) VALUES ($tenant, 'alice', 'gold');
    INSERT INTO access.radgroupcheck (tenant_id, groupname, attribute, value) VALUES ($tenant, 'gold', 'NAS-Port-Type', 'x');
    INSERT INTO access.radgroupreply (tenant_id, groupname, attribute, value) VALUES ($tenant, 'gold', 'Idle-Timeout', '60');
    INSERT INTO access.radacct (tenant_id, nas_id, acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime)
        SELECT $tenant, gen_random_uuid(), 's', 'u$n-' || at, 'alice', '10.0.$n.1', at::timestamptz, at::timestamptz
        FROM unnest(ARRAY['2026-01-15', '2026-02-15', '1999-01-01']) AS at;
    INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime) VALUES ('u$n', $tenant, now());
    INSERT INTO access.radpostauth (id, tenant_id, username, reply, authdate, nas_id, reason, steps, duration_us)
        SELECT gen_random_uuid(), $tenant, 'alice', 'Access-Accept', at::timestamptz, gen_random_uuid(), 'accepted', '[]', 5
        FROM unnest(ARRAY['2026-01-15', '2026-02-15', '1999-01-01']) AS at;
    INSERT INTO access.journal_refused (node_id, stream, seq, tenant_id, payload, reason)
        VALUES (gen_random_uuid(), 'accounting', 1, $tenant, '', 'test');
    INSERT INTO access.session_intents (id, tenant_id, session_id, nas_id, verb, reason, created_by_name)
        VALUES (gen_random_uuid(), $tenant, gen_random_uuid(), gen_random_uuid(), 'disconnect', 'test', 'test');
    INSERT INTO access.session_policies (tenant_id) VALUES ($tenant);
    INSERT INTO access.nas_capabilities (tenant_id, nas_id, capability, holds, source, evidence)
        SELECT tenant_id, id, 'change', true, 'learned', 'test' FROM access.nas WHERE tenant_id = $tenant;
    INSERT INTO access.session_bulks (id, tenant_id, verb, selection, fingerprint, total, per_s, reason, created_by_name)
        VALUES (gen_random_uuid(), $tenant, 'reshape', '{}', sha256('$n'), 1, 1, 'test', 'test');
    INSERT INTO access.session_bulk_items (bulk_id, tenant_id, position, session_id)
        SELECT id, tenant_id, 1, gen_random_uuid() FROM access.session_bulks WHERE tenant_id = $tenant;
    INSERT INTO access.gardens (tenant_id, reasons, terms) VALUES ($tenant, '{suspended}', '{}');
    INSERT INTO access.service_defaults (tenant_id, terms) VALUES ($tenant, '{}');
    INSERT INTO access.address_pools (id, tenant_id, name, kind, unit_len, ranges)
        VALUES (gen_random_uuid(), $tenant, 'homes', 'ipv4', 32, '{10.1.0.0/24}');
    INSERT INTO access.plan_admission (tenant_id, plan_id, simultaneous, ipv4_pool_id)
        SELECT $tenant, plans.id, 1, address_pools.id FROM access.plans, access.address_pools
        WHERE plans.tenant_id = $tenant AND address_pools.tenant_id = $tenant;
    INSERT INTO access.subscriber_admission (tenant_id, subscriber_id, simultaneous)
        SELECT tenant_id, id, 1 FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.subscriber_addresses (tenant_id, subscriber_id, kind, address)
        SELECT tenant_id, id, 'ipv4', '10.2.0.1/32' FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.subscriber_bindings (tenant_id, subscriber_id, bound_by, value)
        SELECT tenant_id, id, 'mac', '00:1a:2b:3c:4d:5e' FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.address_leases (tenant_id, pool_id, address, subscriber_id, device, live)
        SELECT $tenant, address_pools.id, '10.1.0.1', subscribers.id, 1, true FROM access.address_pools, access.subscribers
        WHERE address_pools.tenant_id = $tenant AND subscribers.tenant_id = $tenant;
    INSERT INTO access.pool_usage (tenant_id, pool_id, day, peak, total)
        SELECT tenant_id, id, '2026-01-15', 1, 256 FROM access.address_pools WHERE tenant_id = $tenant;
    INSERT INTO access.usage (tenant_id, subscriber_id, hour, octets_in, octets_out, octets_in6, octets_out6)
        SELECT $tenant, subscribers.id, at::timestamptz, 1, 1, 0, 0 FROM access.subscribers,
               unnest(ARRAY['2026-01-15', '2026-02-15', '1999-01-01']) AS at WHERE subscribers.tenant_id = $tenant;
    INSERT INTO access.plan_quotas (tenant_id, plan_id, octets, period, on_used_up)
        SELECT tenant_id, id, 1, 'month', 'reject' FROM access.plans WHERE tenant_id = $tenant;
    INSERT INTO access.quota_states (tenant_id, subscriber_id, period_began_at, period_ends_at, allowed, used, threshold)
        SELECT tenant_id, id, '2026-01-01', '2026-02-01', 1, 1, 100 FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.quota_steps (id, tenant_id, subscriber_id, step, period_began_at, allowed, used, why)
        SELECT gen_random_uuid(), tenant_id, id, 'used_up', '2026-01-01', 1, 1, 'test' FROM access.subscribers
        WHERE tenant_id = $tenant;
    INSERT INTO access.quota_topups (id, tenant_id, subscriber_id, octets, reason, created_by_name)
        SELECT gen_random_uuid(), tenant_id, id, 1, 'test', 'test' FROM access.subscribers WHERE tenant_id = $tenant;
    INSERT INTO access.port_blocks (tenant_id, public_address, port_first, port_last, since, inside, source)
        SELECT $tenant, '192.0.2.1', 1024, 2047, at::timestamptz, '100.64.0.9', 'import'
        FROM unnest(ARRAY['2026-01-15', '2026-02-15', '1999-01-01']) AS at;
    INSERT INTO access.site_pools (tenant_id, site_id, ipv4_pool_id)
        SELECT $tenant, sites.id, address_pools.id FROM kernel.sites, access.address_pools
        WHERE sites.tenant_id = $tenant AND address_pools.tenant_id = $tenant;
    INSERT INTO access.imports (id, tenant_id, source, started_by_name) VALUES (gen_random_uuid(), $tenant, 'test', 'test');
    INSERT INTO access.import_counts (import_id, tenant_id, kind)
        SELECT id, tenant_id, 'nas' FROM access.imports WHERE tenant_id = $tenant;
";
