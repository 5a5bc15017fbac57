//! TLS inside EAP: one handshake, and what is said inside it. Octets in, octets out; it runs on the pool, never on a worker.
//!
//! EAP-TLS ends with the handshake (RFC 5216, RFC 9190); EAP-TTLS goes on in `ttls`, PEAP in `peap`.

use super::super::{Asked, Clerk};
use super::inner::{Candidate, Refused};
use super::peap::Peap;
use super::settings::EapServer;
use super::ttls::Ttls;
use super::{EapMethod, certificate};
use crate::decision::{Finding, Found, RejectReason, Step, TlsFailure};
use radius::eap::tls::{Arrived, Fragment, Fragments, Reassembly, acknowledgement};
use radius::kind;
use rustls::{CertificateError, PeerIncompatible, ProtocolVersion, ServerConnection};
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Version of PEAP and of EAP-TTLS that is spoken; EAP-TLS has zeros there.
const VERSION: u8 = 0;
/// Octets of the master session key: what the NAS gets, in two halves.
pub(super) const MSK_LEN: usize = 64;
/// Octets of what TLS 1.3 exports for it; the second half is of no use to RADIUS.
const EXPORT_LEN: usize = 128;
/// Octets that the type, the flags and the length take in a packet besides TLS data.
const OVERHEAD_LEN: usize = 10;

/// Where a step is taken: who asks, and who takes down what is found.
pub(super) struct Site<'s, 'c, 'd> {
    /// Who takes it down.
    pub(super) clerk: &'s mut Clerk<'c>,
    /// The request.
    pub(super) asked: &'s Asked<'d>,
    /// Identifier of the packet that is answered.
    pub(super) identifier: u8,
}

impl Site<'_, '_, '_> {
    /// Identifier of the packet that will go out.
    pub(super) const fn next_identifier(&self) -> u8 {
        self.identifier.wrapping_add(1)
    }

    /// Notes what a step of the way found.
    pub(super) fn note(&mut self, step: Step, found: Finding<'_>, ok: bool) {
        self.clerk.draft.note(step, found, ok);
    }
}

/// See the module's words.
pub(crate) struct Tunnel {
    /// Which method.
    method: EapMethod,
    /// TLS.
    connection: ServerConnection,
    /// What comes.
    incoming: Reassembly,
    /// What goes.
    outgoing: Fragments,
    /// Octets of TLS data in each packet.
    fragment_len: usize,
    /// What the NAS's keys are made from, once the handshake is done.
    msk: Zeroizing<[u8; MSK_LEN]>,
    /// How far it is.
    phase: Phase,
}

/// How far a tunnel is.
enum Phase {
    /// The handshake goes on.
    Handshake,
    /// EAP-TLS: the handshake is done, the peer has to say that it knows.
    Certified,
    /// Inside EAP-TTLS.
    Ttls(Ttls),
    /// Inside PEAP.
    Peap(Peap),
    /// Our alert goes out, then it is over.
    Failed(Refused),
}

/// How a step ended.
pub(super) enum Round {
    /// The conversation goes on with these data of the method.
    Send(Vec<u8>),
    /// TLS failed, and these data tell the peer. Some peers say nothing more, so this is what there is to explain.
    Alert(Vec<u8>, Refused),
    /// It is he.
    Passed(Candidate),
    /// It is not, or nobody can tell.
    Rejected(Refused),
}

/// What the inside of a tunnel wants.
pub(super) enum Inside {
    /// This said to the peer.
    Say(Vec<u8>),
    /// Nothing; the peer is to go on.
    Listen,
    /// It is he.
    Passed(Candidate),
    /// It is not, or nobody can tell.
    Rejected(Refused),
}

impl Tunnel {
    /// A tunnel of a method that has not begun; `None`: it is not offered (any more).
    pub(super) fn new(method: EapMethod, server: &EapServer, asked: &Asked<'_>) -> Option<Self> {
        let config = server.tls(method)?;
        let connection = ServerConnection::new(Arc::clone(config)).ok()?;
        let configured = usize::from(server.fragment_octets);
        // What the NAS's link carries in one piece, if it says so (RFC 2865 section 5.12, RFC 3579 section 2.4).
        let mtu = asked.request.u32(kind::FRAMED_MTU);
        let room = mtu.map_or(configured, |mtu| (mtu as usize).saturating_sub(OVERHEAD_LEN));
        Some(Self {
            method,
            connection,
            incoming: Reassembly::new(VERSION),
            outgoing: Fragments::default(),
            fragment_len: configured.min(room),
            msk: Zeroizing::new([0; MSK_LEN]),
            phase: Phase::Handshake,
        })
    }

    /// Which method it is.
    pub(super) const fn method(&self) -> EapMethod {
        self.method
    }

    /// What the keys are made from, once it is he.
    pub(super) fn msk(&self) -> Zeroizing<[u8; MSK_LEN]> {
        self.msk.clone()
    }

    /// Takes the data of a packet of the peer.
    pub(super) fn step(&mut self, data: &[u8], site: &mut Site<'_, '_, '_>) -> Round {
        let malformed = || Round::Rejected((Found::EapFragmentMalformed, RejectReason::EapFailed));
        if !self.outgoing.is_done() {
            return match Fragment::parse(data) {
                Ok(fragment) if fragment.is_acknowledgement() => self.send_fragment(),
                _ => malformed(),
            };
        }
        let flight = match self.incoming.push(data) {
            Ok(Arrived::Part) => return Round::Send(acknowledgement(VERSION).to_vec()),
            Ok(Arrived::Whole(flight)) => flight,
            Err(_) => return malformed(),
        };
        if let Phase::Failed(refused) = &self.phase {
            return Round::Rejected(refused.clone());
        }
        if let Err(error) = self.receive(&flight) {
            return self.fail(&error);
        }
        let mut begun = false;
        if matches!(self.phase, Phase::Handshake) && !self.connection.is_handshaking() {
            begun = true;
            if let Err(refused) = self.established() {
                return Round::Rejected(refused);
            }
        }
        let said = self.plaintext();
        let inside = match &mut self.phase {
            Phase::Handshake => Inside::Listen,
            Phase::Certified if begun => Inside::Listen,
            Phase::Certified if flight.is_empty() => self.certified(site),
            Phase::Certified => return malformed(),
            // What stands to be sent is ours of the handshake; the inside begins when the peer has it.
            Phase::Ttls(_) | Phase::Peap(_) if begun && said.is_empty() && self.connection.wants_write() => {
                Inside::Listen
            }
            Phase::Ttls(ttls) => ttls.step(&said, &self.connection, site),
            Phase::Peap(peap) => peap.step(&said, site),
            Phase::Failed(refused) => Inside::Rejected(refused.clone()),
        };
        match inside {
            Inside::Say(words) => {
                if self.connection.writer().write_all(&words).is_err() {
                    return malformed();
                }
                self.send()
            }
            Inside::Listen => self.send(),
            Inside::Passed(candidate) => Round::Passed(candidate),
            Inside::Rejected(refused) => Round::Rejected(refused),
        }
    }

    /// Gives TLS what came.
    fn receive(&mut self, mut flight: &[u8]) -> Result<(), rustls::Error> {
        while !flight.is_empty() {
            match self.connection.read_tls(&mut flight) {
                Ok(0) | Err(_) => return Err(rustls::Error::General("TLS takes no more".into())),
                Ok(_) => {
                    self.connection.process_new_packets()?;
                }
            }
        }
        Ok(())
    }

    /// All that was said inside so far; no more than a flight holds.
    fn plaintext(&mut self) -> Zeroizing<Vec<u8>> {
        let mut said = Zeroizing::new(Vec::new());
        // It ends with "would block"; what was read before counts.
        self.connection.reader().read_to_end(&mut said).ok();
        said
    }

    /// The handshake is done: keys, and what comes next.
    fn established(&mut self) -> Result<(), Refused> {
        self.export()
            .map_err(|_| (Found::EapNoKeys, RejectReason::EapFailed))?;
        self.phase = match self.method {
            EapMethod::Ttls => Phase::Ttls(Ttls::default()),
            EapMethod::Peap => Phase::Peap(Peap::default()),
            _ => {
                if self.is_tls13() {
                    //= https://www.rfc-editor.org/rfc/rfc9190#section-2.5
                    //# it sends an encrypted TLS record with application data 0x00.
                    self.connection
                        .writer()
                        .write_all(&[0])
                        .map_err(|_| (Found::EapNoKeys, RejectReason::EapFailed))?;
                }
                Phase::Certified
            }
        };
        Ok(())
    }

    /// Whether it is version 1.3.
    fn is_tls13(&self) -> bool {
        self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Exports what the keys are made from.
    fn export(&mut self) -> Result<(), rustls::Error> {
        let mut exported = Zeroizing::new([0; EXPORT_LEN]);
        if self.is_tls13() {
            // RFC 9190 section 2.3, and RFC 9427 section 2.1 for the other methods.
            let context = [self.method.number()];
            let label = b"EXPORTER_EAP_TLS_Key_Material";
            self.connection
                .export_keying_material(&mut exported[..], label, Some(&context))?;
        } else {
            // RFC 5216 section 2.3; RFC 5281 section 8.
            let label: &[u8] = match self.method {
                EapMethod::Ttls => b"ttls keying material",
                _ => b"client EAP encryption",
            };
            self.connection
                .export_keying_material(&mut exported[..], label, None)?;
        }
        self.msk.copy_from_slice(&exported[..MSK_LEN]);
        Ok(())
    }

    /// EAP-TLS: whose certificate is it?
    fn certified(&self, site: &mut Site<'_, '_, '_>) -> Inside {
        let chain = self.connection.peer_certificates().unwrap_or_default();
        let names = chain
            .first()
            .map(|own| certificate::names(own))
            .unwrap_or_default();
        let partner = &site.asked.nas.partner;
        let known = names
            .iter()
            .find_map(|name| partner.subscriber(name).map(|subscriber| (name, subscriber)));
        match known {
            Some((name, subscriber)) => {
                let candidate = Candidate {
                    subscriber,
                    name: name.as_str().into(),
                    found: Found::EapCertificateMatch,
                };
                candidate.introduce(site);
                Inside::Passed(candidate)
            }
            None => {
                let names = names.join(", ");
                site.note(
                    Step::Identify,
                    Found::EapCertificateNames { names: &names },
                    false,
                );
                Inside::Rejected((Found::EapCertificateNobody, RejectReason::UnknownSubscriber))
            }
        }
    }

    /// Sends what TLS has to send, or an empty packet when it is the peer's turn.
    fn send(&mut self) -> Round {
        let mut flight = Vec::new();
        // Writing to memory does not fail.
        while self.connection.wants_write() && self.connection.write_tls(&mut flight).is_ok() {}
        if flight.is_empty() {
            return Round::Send(acknowledgement(VERSION).to_vec());
        }
        self.outgoing = Fragments::new(flight, VERSION, self.fragment_len);
        self.send_fragment()
    }

    /// Sends the next piece of our flight.
    fn send_fragment(&mut self) -> Round {
        let mut data = Vec::new();
        self.outgoing.next(&mut data);
        Round::Send(data)
    }

    /// TLS failed: our alert goes out first, if there is one.
    fn fail(&mut self, error: &rustls::Error) -> Round {
        let refused = refused(error);
        self.phase = Phase::Failed(refused.clone());
        let ours = self.connection.wants_write() && !matches!(error, rustls::Error::AlertReceived(_));
        if ours && let Round::Send(data) = self.send() {
            return Round::Alert(data, refused);
        }
        Round::Rejected(refused)
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tunnel({})", self.method)
    }
}

/// What a failure of TLS says, and what to answer.
fn refused(error: &rustls::Error) -> Refused {
    use rustls::Error;
    let failed = |why| (Found::EapTlsFailed { why }, RejectReason::TlsFailed);
    let unfit = |why| (Found::EapTlsFailed { why }, RejectReason::CertificateRefused);
    match error {
        Error::AlertReceived(alert) => {
            let alert = u8::from(*alert);
            (Found::EapTlsAlert { alert }, RejectReason::TlsFailed)
        }
        Error::NoCertificatesPresented => unfit(TlsFailure::NoCertificate),
        Error::InvalidCertificate(certificate) => unfit(match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFailure::CertificateExpired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFailure::CertificateNotYetValid
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsFailure::CertificateUnknownIssuer
            }
            CertificateError::Revoked => TlsFailure::CertificateRevoked,
            CertificateError::UnknownRevocationStatus
            | CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => TlsFailure::RevocationUnknown,
            _ => TlsFailure::CertificateUnfit,
        }),
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => failed(TlsFailure::NoCommonVersion),
        Error::PeerIncompatible(_) => failed(TlsFailure::NothingInCommon),
        _ => failed(TlsFailure::Protocol),
    }
}
