//! The SQL by which staged rows become rows of `access.radacct`, and what their sessions used becomes `access.usage`.
//! Never runs any of it; [`super::accounting`] does, and stages the rows.
//!
//! Three statements, two of them with the same rules: rows that are new are inserted; rows that may be there are inserted or
//! merged; more of known sessions is merged. What a session used since it was last heard of goes to the hour in which it was
//! heard, by our clock. While it is open that hour stands in its own row, which is written anyway; the statement that leaves
//! the hour behind, or ends the session, adds it to `access.usage`.

/// What of usage a statement gives out: `moved` is its rows as they are now.
macro_rules! booked {
    () => {
        ", booked AS (
        INSERT INTO access.usage AS u (tenant_id, subscriber_id, hour, octets_in, octets_out, octets_in6, octets_out6)
        SELECT tenant_id, subscriber_id, hour, sum(b.octets_in), sum(b.octets_out), sum(b.octets_in6), sum(b.octets_out6)
          FROM (SELECT tenant_id, subscriber_id, booked_hour, booked_in, booked_out, booked_in6, booked_out6
                  FROM moved WHERE booked_hour IS NOT NULL
                UNION ALL
                SELECT tenant_id, subscriber_id, usage_hour, usage_in, usage_out, usage_in6, usage_out6
                  FROM moved WHERE ended AND usage_hour IS NOT NULL)
               AS b (tenant_id, subscriber_id, hour, octets_in, octets_out, octets_in6, octets_out6)
         WHERE subscriber_id IS NOT NULL AND (octets_in > 0 OR octets_out > 0)
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, subscriber_id, hour) DO UPDATE SET
             octets_in = u.octets_in + excluded.octets_in, octets_out = u.octets_out + excluded.octets_out,
             octets_in6 = u.octets_in6 + excluded.octets_in6, octets_out6 = u.octets_out6 + excluded.octets_out6)"
    };
}

/// What a statement that moves rows gives to [`booked`].
macro_rules! returning {
    () => {
        "
        RETURNING r.tenant_id, r.subscriber_id, r.acctuniqueid, r.booked_hour, r.booked_in, r.booked_out, r.booked_in6,
            r.booked_out6, r.usage_hour, r.usage_in, r.usage_out, r.usage_in6, r.usage_out6,
            r.acctstoptime IS NOT NULL AS ended)"
    };
}

/// Closes open rows as nobody told us to, and books what they used: `UPDATE access.radacct r SET` and the rest, then what
/// to select of `moved`.
macro_rules! closing {
    ($set_and_where:literal, $select:literal) => {
        concat!(
            // What the version before left behind is booked.
            "WITH moved AS (UPDATE access.radacct AS r SET booked_hour = NULL, ",
            $set_and_where,
            $crate::store::merge::returning!(),
            $crate::store::merge::booked!(),
            " SELECT ",
            $select,
            " FROM moved"
        )
    };
}

/// Inserts staged rows. What was used before we knew of a session is its first hour's, unless it has gone on for more than
/// a day without us: such a session came from elsewhere, and what it used there is not known to be unpaid.
macro_rules! new_insert {
    () => {
        "WITH moved AS (INSERT INTO access.radacct AS r
        (acctuniqueid, tenant_id, nas_id, subscriber_id, acctsessionid, username, nasipaddress, nasidentifier,
         nasportid, nasporttype, acctstarttime, acctupdatetime, acctstoptime, acctinterval, acctsessiontime,
         acctauthentic, connectinfo_start, connectinfo_stop, acctinputoctets, acctoutputoctets,
         calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol, framedipaddress,
         framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix, class, start_seen,
         said_in, said_out, said_at, booked_in, booked_out, booked_in6, booked_out6,
         acctinputoctets6, acctoutputoctets6, heard_at, interim, usage_hour,
         usage_in, usage_out, usage_in6, usage_out6)
    SELECT acctuniqueid, tenant_id, nas_id, subscriber_id, acctsessionid, username, nasipaddress, nasidentifier,
         nasportid, nasporttype, acctstarttime, acctupdatetime, acctstoptime, acctinterval, acctsessiontime,
         acctauthentic, connectinfo_start, connectinfo_stop, acctinputoctets, acctoutputoctets,
         calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol, framedipaddress,
         framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix, class, start_seen,
         acctinputoctets, acctoutputoctets, said_at, began_in, began_out, began_s, CASE WHEN gigawords THEN 1 END,
         octets_in6, octets_out6, heard_at, interim, usage_hour,
         CASE WHEN start_seen OR coalesce(acctsessiontime, 0) <= 86400 THEN acctinputoctets
              ELSE acctinputoctets - coalesce(began_in, acctinputoctets) END,
         CASE WHEN start_seen OR coalesce(acctsessiontime, 0) <= 86400 THEN acctoutputoctets
              ELSE acctoutputoctets - coalesce(began_out, acctoutputoctets) END,
         CASE WHEN start_seen OR coalesce(acctsessiontime, 0) <= 86400 THEN coalesce(octets_in6, 0) ELSE 0 END,
         CASE WHEN start_seen OR coalesce(acctsessiontime, 0) <= 86400 THEN coalesce(octets_out6, 0) ELSE 0 END
      FROM radacct_new
"
    };
}

/// A counter by one of the functions of `migrations/0011_usage.sql`: `$r` is the row's, `$s` the batch's.
macro_rules! counter {
    ($function:literal, $total:literal, $said:literal, $octets:literal, $s:literal, $began:literal, $began_s:literal, $gigawords:literal) => {
        concat!(
            "access.",
            $function,
            "(",
            $total,
            "coalesce(r.",
            $said,
            ", r.",
            $octets,
            "), coalesce(",
            $began,
            ", ",
            $s,
            ".",
            $octets,
            "), ",
            $s,
            ".",
            $octets,
            ", r.said_at, coalesce(",
            $began_s,
            ", ",
            $s,
            ".said_at), ",
            $s,
            ".said_at, ",
            $gigawords,
            ", r.counter_wraps + r.counter_resets > 0)"
        )
    };
}

/// Whether a counter did something that [`counter`] tells, as 0 or 1.
macro_rules! fall {
    ($function:literal, $said:literal, $octets:literal, $s:literal, $began:literal, $began_s:literal, $gigawords:literal) => {
        concat!(
            "access.",
            $function,
            "(coalesce(r.",
            $said,
            ", r.",
            $octets,
            "), coalesce(",
            $began,
            ", ",
            $s,
            ".",
            $octets,
            "), r.said_at, coalesce(",
            $began_s,
            ", ",
            $s,
            ".said_at), ",
            $gigawords,
            ")::int"
        )
    };
}

/// What was used over both families and one of them since: added to what stands in the row, or standing alone when that
/// is booked already or belongs to an hour that is over.
macro_rules! used {
    ($used:literal, $s:literal, $since:expr) => {
        concat!(
            $used,
            " = CASE WHEN r.acctstoptime IS NULL AND r.usage_hour >= ",
            $s,
            ".usage_hour THEN r.",
            $used,
            " ELSE 0 END + (",
            $since,
            ")"
        )
    };
}

/// What stands in the row when its hour is left behind.
macro_rules! left {
    ($column:literal, $s:literal) => {
        concat!(
            "CASE WHEN r.acctstoptime IS NULL AND r.usage_hour < ",
            $s,
            ".usage_hour THEN r.",
            $column,
            " END"
        )
    };
}

/// The rules for columns that move with each record: `$s` is the batch's row, the others what it calls the counters of its
/// first record, that record's Acct-Session-Time, whether there were Gigawords, and the octets over IPv6.
macro_rules! moves {
    ($s:literal, $began_in:literal, $began_out:literal, $began_s:literal, $gigawords:literal, $in6:literal, $out6:literal) => {
        concat!(
            "acctinterval = CASE WHEN ", $s, ".acctupdatetime > r.acctupdatetime
                 THEN coalesce(", $s, ".acctinterval, extract(epoch FROM ", $s, ".acctupdatetime - r.acctupdatetime)::bigint)
                 ELSE r.acctinterval END,
         acctupdatetime = greatest(r.acctupdatetime, ", $s, ".acctupdatetime),
         acctsessiontime = greatest(r.acctsessiontime, ", $s, ".acctsessiontime),
         heard_at = greatest(r.heard_at, ", $s, ".heard_at),
         interim = greatest(r.interim, ", $s, ".interim, CASE WHEN ", $s, ".interim IS NULL AND ", $s, ".heard_at > r.heard_at
                 THEN ", $s, ".heard_at - r.heard_at END),
         acctinputoctets = ", counter!("counter_total", "r.acctinputoctets, ", "said_in", "acctinputoctets", $s, $began_in, $began_s, $gigawords), ",
         acctoutputoctets = ", counter!("counter_total", "r.acctoutputoctets, ", "said_out", "acctoutputoctets", $s, $began_out, $began_s, $gigawords), ",
         said_in = ", counter!("counter_said", "", "said_in", "acctinputoctets", $s, $began_in, $began_s, $gigawords), ",
         said_out = ", counter!("counter_said", "", "said_out", "acctoutputoctets", $s, $began_out, $began_s, $gigawords), ",
         said_at = greatest(r.said_at, ", $s, ".said_at),
         counter_wraps = CASE WHEN ", $s, ".said_at > r.said_at THEN r.counter_wraps
                 + ", fall!("counter_wrapped", "said_in", "acctinputoctets", $s, $began_in, $began_s, $gigawords), "
                 + ", fall!("counter_wrapped", "said_out", "acctoutputoctets", $s, $began_out, $began_s, $gigawords), "
                 ELSE r.counter_wraps END,
         counter_resets = CASE WHEN ", $s, ".said_at > r.said_at THEN r.counter_resets
                 + ", fall!("counter_reset", "said_in", "acctinputoctets", $s, $began_in, $began_s, $gigawords), "
                 + ", fall!("counter_reset", "said_out", "acctoutputoctets", $s, $began_out, $began_s, $gigawords), "
                 ELSE r.counter_resets END,
         acctinputoctets6 = greatest(r.acctinputoctets6, ", $in6, "),
         acctoutputoctets6 = greatest(r.acctoutputoctets6, ", $out6, "),
         usage_hour = greatest(r.usage_hour, ", $s, ".usage_hour),
         ", used!("usage_in", $s, concat!(counter!("counter_total", "r.acctinputoctets, ", "said_in", "acctinputoctets", $s, $began_in, $began_s, $gigawords), " - r.acctinputoctets")), ",
         ", used!("usage_out", $s, concat!(counter!("counter_total", "r.acctoutputoctets, ", "said_out", "acctoutputoctets", $s, $began_out, $began_s, $gigawords), " - r.acctoutputoctets")), ",
         ", used!("usage_in6", $s, concat!("coalesce(greatest(r.acctinputoctets6, ", $in6, ") - coalesce(r.acctinputoctets6, 0), 0)")), ",
         ", used!("usage_out6", $s, concat!("coalesce(greatest(r.acctoutputoctets6, ", $out6, ") - coalesce(r.acctoutputoctets6, 0), 0)")), ",
         booked_hour = ", left!("usage_hour", $s), ", booked_in = ", left!("usage_in", $s), ", booked_out = ", left!("usage_out", $s), ",
         booked_in6 = ", left!("usage_in6", $s), ", booked_out6 = ", left!("usage_out6", $s), ",
         -- A stop that the NAS sent is final. One that we inferred gives way to the true one, and to a sign of life from
         -- after it.
         acctstoptime = CASE
                 WHEN r.acctstoptime IS NULL OR starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".acctstoptime IS NOT NULL
                 THEN ", $s, ".acctstoptime
                 WHEN starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".heard_at > coalesce(r.heard_at, r.acctstoptime) THEN NULL
                 ELSE r.acctstoptime END,
         acctterminatecause = CASE
                 WHEN r.acctstoptime IS NULL OR starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".acctstoptime IS NOT NULL
                 THEN ", $s, ".acctterminatecause
                 WHEN starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".heard_at > coalesce(r.heard_at, r.acctstoptime) THEN NULL
                 ELSE r.acctterminatecause END,
         connectinfo_stop = CASE
                 WHEN r.acctstoptime IS NULL OR starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".acctstoptime IS NOT NULL
                 THEN ", $s, ".connectinfo_stop
                 WHEN starts_with(r.connectinfo_stop, 'closed by ') AND ", $s, ".heard_at > coalesce(r.heard_at, r.acctstoptime) THEN NULL
                 ELSE r.connectinfo_stop END,
         framedipaddress = CASE WHEN ", $s, ".acctupdatetime >= r.acctupdatetime
                 THEN coalesce(", $s, ".framedipaddress, r.framedipaddress)
                 ELSE coalesce(r.framedipaddress, ", $s, ".framedipaddress) END,
         framedipv6address = CASE WHEN ", $s, ".acctupdatetime >= r.acctupdatetime
                 THEN coalesce(", $s, ".framedipv6address, r.framedipv6address)
                 ELSE coalesce(r.framedipv6address, ", $s, ".framedipv6address) END,
         framedipv6prefix = CASE WHEN ", $s, ".acctupdatetime >= r.acctupdatetime
                 THEN coalesce(", $s, ".framedipv6prefix, r.framedipv6prefix)
                 ELSE coalesce(r.framedipv6prefix, ", $s, ".framedipv6prefix) END,
         delegatedipv6prefix = CASE WHEN ", $s, ".acctupdatetime >= r.acctupdatetime
                 THEN coalesce(", $s, ".delegatedipv6prefix, r.delegatedipv6prefix)
                 ELSE coalesce(r.delegatedipv6prefix, ", $s, ".delegatedipv6prefix) END"
        )
    };
}

pub(super) use {booked, closing, returning};

/// Inserts staged rows whose keys were all new; how many.
pub(super) const NEW_INSERT: &str = concat!(
    new_insert!(),
    returning!(),
    booked!(),
    " SELECT count(*) FROM moved"
);

/// Inserts staged rows, or merges them into what is there; how many.
pub(super) const NEW_MERGE: &str = concat!(
    new_insert!(),
    "    ON CONFLICT (acctuniqueid, acctstarttime) DO UPDATE SET
         subscriber_id = coalesce(r.subscriber_id, excluded.subscriber_id),
         username = coalesce(r.username, excluded.username),
         nasidentifier = coalesce(r.nasidentifier, excluded.nasidentifier),
         nasportid = coalesce(r.nasportid, excluded.nasportid),
         nasporttype = coalesce(r.nasporttype, excluded.nasporttype),
         acctauthentic = coalesce(r.acctauthentic, excluded.acctauthentic),
         connectinfo_start = coalesce(r.connectinfo_start, excluded.connectinfo_start),
         calledstationid = coalesce(r.calledstationid, excluded.calledstationid),
         callingstationid = coalesce(r.callingstationid, excluded.callingstationid),
         servicetype = coalesce(r.servicetype, excluded.servicetype),
         framedprotocol = coalesce(r.framedprotocol, excluded.framedprotocol),
         framedinterfaceid = coalesce(r.framedinterfaceid, excluded.framedinterfaceid),
         class = coalesce(r.class, excluded.class),
         start_seen = r.start_seen OR excluded.start_seen,
         ",
    moves!(
        "excluded",
        "excluded.booked_in",
        "excluded.booked_out",
        "excluded.booked_in6",
        "excluded.booked_out6 IS NOT NULL",
        "excluded.acctinputoctets6",
        "excluded.acctoutputoctets6"
    ),
    returning!(),
    booked!(),
    " SELECT count(*) FROM moved"
);

/// Merges staged rows by the same rules, for the columns that move; how many.
pub(super) const MORE_MERGE: &str = concat!(
    "WITH moved AS (UPDATE access.radacct AS r SET
         ",
    moves!(
        "s",
        "s.began_in",
        "s.began_out",
        "s.began_s",
        "s.gigawords",
        "s.octets_in6",
        "s.octets_out6"
    ),
    "
    FROM radacct_more s
   WHERE r.acctuniqueid = s.acctuniqueid AND r.acctstarttime = s.acctstarttime",
    returning!(),
    booked!(),
    " SELECT count(*) FROM moved"
);
