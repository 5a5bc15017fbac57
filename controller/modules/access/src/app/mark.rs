//! What a subscriber is recognised by, as people write it: `kind=value`, or `kind@nas=value` for what means him on one NAS.
//! Never asks whether it is true; what a NAS sends, `radius explain` shows.

use kernel::id::{NasId, SubscriberId};
use kernel::{Error, OnConstraint, OpContext};
use radius_server::directory::{MARK_OCTETS_MAX, MARKS_MAX, MarkKind};

use crate::store::mark::MarkRow;
use crate::store::{self, Tx};

/// A mark read, with its NAS by name.
#[derive(Debug, PartialEq, Eq)]
struct Written<'t> {
    /// What kind.
    kind: MarkKind,
    /// On which NAS only.
    nas: Option<&'t str>,
    /// In its normal form.
    value: String,
}

/// Reads one mark.
fn read(text: &str) -> Result<Written<'_>, String> {
    const FORM: &str =
        "must be kind=value, or kind@nas=value; kinds are mac, circuit_id, remote_id, port_id, vlan";
    let (named, value) = text.split_once('=').ok_or_else(|| FORM.to_owned())?;
    let (kind, nas) = match named.split_once('@') {
        Some((kind, nas)) => (kind, Some(nas)),
        None => (named, None),
    };
    // The command line writes hyphens.
    let kind: MarkKind = kind.replace('-', "_").parse().map_err(|()| FORM.to_owned())?;
    if nas.is_some() && !kind.may_name_nas() {
        return Err(format!("a {} is the same on every NAS", kind.words()));
    }
    let value = kind.read(value).ok_or_else(|| match kind {
        MarkKind::Mac => "must be a MAC address, such as 00:1a:2b:3c:4d:5e".to_owned(),
        MarkKind::Vlan => "must be an outer and an inner VLAN, such as 100.200, or one VLAN".to_owned(),
        _ => format!("must have 1 to {MARK_OCTETS_MAX} octets, as text or as hexadecimal digits behind 0x"),
    })?;
    Ok(Written {
        kind,
        nas,
        value: kind.write(&value).as_str().to_owned(),
    })
}

/// Gives a subscriber these marks and no others.
///
/// # Errors
/// [`Error::Invalid`] for one that cannot be read or names an unknown NAS, [`Error::Conflict`] for one of somebody else.
pub(super) async fn put(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    texts: &[String],
) -> Result<(), Error> {
    let rows = rows(tx, op, texts).await?;
    let taken = || {
        Error::conflict(
            "subscriber",
            "another subscriber is recognised by one of these already".to_owned(),
        )
    };
    store::mark::mark_replace(tx, op, subscriber, &rows)
        .await
        .on_constraint("subscriber_marks_any", taken)
        .on_constraint("subscriber_marks_nas", taken)
}

/// Reads marks into the rows they are stored as.
///
/// # Errors
/// [`Error::Invalid`] for one that cannot be read or names an unknown NAS.
pub(super) async fn rows(tx: &mut Tx, op: &OpContext, texts: &[String]) -> Result<Vec<MarkRow>, Error> {
    if texts.len() > MARKS_MAX {
        let message = format!("must be at most {MARKS_MAX}");
        return Err(Error::invalid("/identified_by", message));
    }
    let mut rows = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let pointer = format!("/identified_by/{at}");
        let written = read(text).map_err(|wrong| Error::invalid(&pointer, wrong))?;
        let nas = match written.nas {
            Some(name) => Some(nas_by_name(tx, op, &pointer, name).await?),
            None => None,
        };
        let row = MarkRow {
            kind: written.kind.as_str(),
            nas,
            value: written.value,
        };
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// A NAS of this partner by name.
async fn nas_by_name(tx: &mut Tx, op: &OpContext, pointer: &str, name: &str) -> Result<NasId, Error> {
    store::nas::nas_id_by_name(tx, op, name)
        .await?
        .ok_or_else(|| Error::invalid(pointer, format!("there is no NAS {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_into_its_normal_form() {
        for (text, kind, nas, value) in [
            ("mac=001A.2B3C.4D5E", MarkKind::Mac, None, "00:1a:2b:3c:4d:5e"),
            (
                "circuit-id=olt-1 eth 0/1:7=x",
                MarkKind::CircuitId,
                None,
                "olt-1 eth 0/1:7=x",
            ),
            ("remote_id=0x000600ff", MarkKind::RemoteId, None, "0x000600ff"),
            (
                "port_id@bng-1=eth 0/1",
                MarkKind::PortId,
                Some("bng-1"),
                "eth 0/1",
            ),
            ("vlan@bng-1=100.200", MarkKind::Vlan, Some("bng-1"), "100.200"),
        ] {
            let value = value.to_owned();
            assert_eq!(read(text), Ok(Written { kind, nas, value }), "{text}");
        }
        for wrong in [
            "alice",
            "mac",
            "mac=alice",
            "mac@bng-1=00:1a:2b:3c:4d:5e",
            "vlan=0",
            "port_id=",
            "name=x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
