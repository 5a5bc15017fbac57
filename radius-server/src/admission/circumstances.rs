//! What a request says about where it comes from, in the forms that are stored and compared. It allocates, so it is read
//! only for subscribers who need it.

use super::rules::{Allowed, AllowedKind, BindBy, Bound};
use crate::id::NasId;
use radius::{Line, Mac, View, kind};
use sha2::{Digest, Sha256};

/// See the module's words. Octets that are no text are written as `0x...`.
#[derive(Debug)]
pub(crate) struct Circumstances {
    /// The NAS that asks.
    pub(crate) nas: NasId,
    /// Calling-Station-Id; a MAC address in its normal form.
    pub(crate) device: Option<String>,
    /// NAS-Port-Id, else NAS-Port.
    port: Option<String>,
    /// Circuit id, else remote id.
    line: Option<String>,
    /// The VLANs in NAS-Port-Id.
    vlans: Option<String>,
}

impl Circumstances {
    /// Reads them.
    pub(crate) fn of(nas: NasId, request: &View<'_>) -> Self {
        let line = Line::of(request);
        let number = request.u32(kind::NAS_PORT).map(|number| number.to_string());
        Self {
            nas,
            device: request.first(kind::CALLING_STATION_ID).and_then(device),
            port: line.port_id.map(text).or(number),
            line: line.circuit_id.or(line.remote_id).map(text),
            vlans: line.vlans.map(|vlans| vlans.to_string()),
        }
    }

    /// A digest of the device, the same after a restart; 0: it is not known.
    pub(crate) fn device_digest(&self) -> u64 {
        digest(self.device.as_deref())
    }

    /// What this login would be bound to; `None`: the request does not say it.
    pub(crate) fn bound(&self, by: BindBy) -> Option<Bound> {
        let (nas, value) = match by {
            BindBy::Mac => (None, self.device.as_ref()?),
            BindBy::Port => (Some(self.nas), self.port.as_ref()?),
            BindBy::Line => (None, self.line.as_ref()?),
        };
        Some(Bound {
            by,
            nas,
            value: value.as_str().into(),
        })
    }

    /// What is said about this kind of place.
    pub(crate) fn said(&self, kind: AllowedKind) -> &str {
        let said = match kind {
            AllowedKind::Nas => return "",
            AllowedKind::Port => &self.port,
            AllowedKind::Vlan => &self.vlans,
            AllowedKind::Mac => &self.device,
        };
        said.as_deref().unwrap_or_default()
    }

    /// Whether a login may come from here by one line of his list.
    pub(crate) fn fits(&self, allowed: &Allowed) -> bool {
        allowed.nas.is_none_or(|nas| nas == self.nas)
            && (allowed.kind == AllowedKind::Nas || *allowed.value == *self.said(allowed.kind))
    }
}

/// A digest of a device; 0: it is not known.
pub(crate) fn digest(device: Option<&str>) -> u64 {
    let Some(device) = device else { return 0 };
    let digest: [u8; 32] = Sha256::digest(device).into();
    digest
        .first_chunk()
        .map_or(1, |first| u64::from_be_bytes(*first))
        .max(1)
}

/// A device as Calling-Station-Id names it; `None` when it is empty.
pub(crate) fn device(said: &[u8]) -> Option<String> {
    match Mac::parse(said) {
        Some(mac) => Some(mac.to_string()),
        None => (!said.is_empty()).then(|| text(said)),
    }
}

/// Octets as text.
fn text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => octets
            .iter()
            .fold("0x".to_owned(), |text, octet| format!("{text}{octet:02x}")),
    }
}
