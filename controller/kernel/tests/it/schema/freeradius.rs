//! FreeRADIUS's tools find their tables, their columns, and one partner's rows.

use kernel::OpContext;
use kernel::testing::TestDatabase;

use super::seed::seed;

/// The tables and columns of FreeRADIUS 3.2's PostgreSQL schema, lower case as PostgreSQL folds them.
const FREERADIUS: [(&str, &str); 8] = [
    (
        "radacct",
        "radacctid acctsessionid acctuniqueid username groupname realm nasipaddress nasportid nasporttype acctstarttime \
         acctupdatetime acctstoptime acctinterval acctsessiontime acctauthentic connectinfo_start connectinfo_stop \
         acctinputoctets acctoutputoctets calledstationid callingstationid acctterminatecause servicetype framedprotocol \
         framedipaddress framedipv6address framedipv6prefix framedinterfaceid delegatedipv6prefix class",
    ),
    ("radcheck", "id username attribute op value"),
    ("radgroupcheck", "id groupname attribute op value"),
    ("radgroupreply", "id groupname attribute op value"),
    ("radreply", "id username attribute op value"),
    ("radusergroup", "id username groupname priority"),
    (
        "radpostauth",
        "id username pass reply calledstationid callingstationid authdate class",
    ),
    (
        "nas",
        "id nasname shortname type ports secret server community description",
    ),
];

#[tokio::test]
async fn freeradius_finds_its_tables_and_columns() {
    let test = TestDatabase::new().await;
    let mut superuser = test.superuser().await;
    for (tab, columns) in FREERADIUS {
        for column in columns.split_whitespace() {
            let there: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM information_schema.columns
                  WHERE table_schema = 'access' AND table_name = $1 AND column_name = $2)",
            )
            .bind(tab)
            .bind(column)
            .fetch_one(&mut superuser)
            .await
            .expect("reads");
            assert!(there, "access.{tab}.{column}");
        }
    }
}

/// What FreeRADIUS 3.2 asks a PostgreSQL database, in its own spelling, with the user name filled in.
const FREERADIUS_READS: [&str; 8] = [
    "SELECT id, UserName, Attribute, Value, Op FROM radcheck WHERE Username = 'alice' ORDER BY id",
    "SELECT id, UserName, Attribute, Value, Op FROM radreply WHERE Username = 'alice' ORDER BY id",
    "SELECT GroupName FROM radusergroup WHERE UserName='alice' ORDER BY priority",
    "SELECT id, GroupName, Attribute, Value, op FROM radgroupcheck WHERE GroupName = 'gold' ORDER BY id",
    "SELECT id, GroupName, Attribute, Value, op FROM radgroupreply WHERE GroupName = 'gold' ORDER BY id",
    "SELECT RadAcctId, AcctSessionId, UserName, NASIPAddress, NASPortId, FramedIPAddress, CallingStationId, FramedProtocol
       FROM radacct WHERE UserName='alice' AND AcctStopTime IS NULL",
    "SELECT AcctUniqueId, Class, AcctTerminateCause, AcctInterval, GroupName, Realm FROM radacct WHERE AcctStopTime IS NULL",
    "SELECT id, nasname, shortname, type, secret, server FROM nas",
];

#[tokio::test]
async fn freeradius_reads_a_partners_rows_with_its_own_queries() {
    let seeded = seed().await;
    let mut tx = seeded
        .test
        .database()
        .begin(&OpContext::system("test").in_partner(seeded.west))
        .await
        .expect("begins");
    sqlx::raw_sql("SET LOCAL search_path = access")
        .execute(&mut *tx)
        .await
        .expect("as its tools are configured");
    for query in FREERADIUS_READS {
        let rows = sqlx::query(query).fetch_all(&mut *tx).await.expect(query);
        assert!(!rows.is_empty(), "{query}");
    }
}
