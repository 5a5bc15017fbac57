//! NAS as FreeRADIUS's table has them.

use ipnet::IpNet;
use kernel::id::NasId;
use kernel::{Error, OpContext};

use super::super::Tx;

/// A NAS that is here.
#[derive(Clone)]
pub struct KnownNas {
    /// Its id.
    pub id: NasId,
    /// Its source address or network.
    pub address: IpNet,
    /// How people call it.
    pub name: String,
    /// Its secret as stored: sealed, or clear when a FreeRADIUS tool wrote it.
    pub secret: String,
}

impl std::fmt::Debug for KnownNas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownNas({}, {}, REDACTED)", self.address, self.name)
    }
}

/// What FreeRADIUS's table says about a NAS, the secret sealed.
#[derive(Clone)]
pub struct NasImported {
    /// Its source address or network.
    pub address: IpNet,
    /// FreeRADIUS's spelling of it.
    pub nasname: String,
    /// How people call it.
    pub name: String,
    /// Its make.
    pub make: String,
    /// Kept, not used.
    pub ports: Option<i32>,
    /// The secret, sealed.
    pub secret: String,
    /// Kept, not used.
    pub server: Option<String>,
    /// Kept, not used.
    pub community: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// Every NAS of this partner.
pub async fn nas_known(tx: &mut Tx, op: &OpContext) -> Result<Vec<KnownNas>, Error> {
    Ok(sqlx::query_as!(
        KnownNas,
        r#"SELECT id AS "id: NasId", address AS "address: IpNet", shortname AS name, secret
             FROM access.nas WHERE tenant_id = $1"#,
        op.require_partner()?.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Inserts a NAS.
pub async fn nas_imported_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: NasId,
    nas: &NasImported,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.nas (id, tenant_id, nasname, address, shortname, type, ports, secret, server, community,
                                 description, created_by, updated_by)
         VALUES ($1, $2, $3, $4::inet::cidr, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        nas.nasname,
        nas.address as IpNet,
        nas.name,
        nas.make,
        nas.ports,
        nas.secret,
        nas.server,
        nas.community,
        nas.description,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
