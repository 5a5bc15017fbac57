//! Which subscriber is it about? The rules of the NAS in their order: by name, by line, by device; accounting asks the same.
//! Never says whether it is he; a mark that is his whole credential is judged in `credential`.

use super::credential::{self, Method};
use super::{Answer, Asked, Authenticator, realm};
use crate::counters::Event;
use crate::decision::{Draft, DropReason, Finding, Found, RejectReason, Step};
use crate::directory::{Decided, HeldOff, IdentifyBy, MarkKind, Nas, RECORDED_ONE_IN, Subscriber};
use radius::eap::EapView;
use radius::line::VLANS_LEN;
use radius::{Line, Mac, View, kind};
use std::sync::Arc;

/// Service-Type of a request that is made for a device: Call-Check (RFC 2865 section 5.6).
const CALL_CHECK: u32 = 10;

/// What a subscriber was recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    /// His name; only a password proves that it is he.
    Name,
    /// His line.
    Line,
    /// His device.
    Device(Mac),
}

/// Who it is about, and how that was found out.
pub(super) type Identified = (Arc<Subscriber>, Recognised);

/// Why a rule found nobody.
enum Missed {
    /// There is nobody; the next rule may find somebody.
    Nobody(RejectReason),
    /// Nobody is to be looked for: this is the answer.
    Answered(Answer),
}

/// The subscriber that an accounting record of this NAS is about.
pub(crate) fn subscriber_of(nas: &Nas, request: &View<'_>) -> Option<Arc<Subscriber>> {
    let named = || named_here(nas, request.text(kind::USER_NAME)?);
    if nas.identify.by_user_name_alone() {
        return named();
    }
    nas.identify.rules().find_map(|rule| match rule {
        IdentifyBy::UserName => named(),
        IdentifyBy::Line => Port::of(request).find(nas).map(|(subscriber, ..)| subscriber),
        IdentifyBy::Mac => match Device::of(request) {
            Device::One(mac) => nas.partner.subscriber_marked(MarkKind::Mac, None, &mac.0),
            Device::None | Device::Two => None,
        },
    })
}

/// The partner's own subscriber that a user name means, by the rules of its realms: those of others are nobody's here.
fn named_here(nas: &Nas, username: &str) -> Option<Arc<Subscriber>> {
    let Some(found) = nas.partner.realms().and_then(|realms| realms.of(username)) else {
        return nas.partner.subscriber(username);
    };
    match found.realm.decided {
        Decided::Here => nas.partner.subscriber(found.name(username)),
        Decided::Nowhere | Decided::ByHomeServers => None,
    }
}

impl Authenticator {
    /// Which subscriber of this NAS's partner is it about?
    pub(super) fn identify(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Result<Identified, Answer> {
        self.find(asked, method).map_err(|missed| match missed {
            Missed::Nobody(RejectReason::UnknownSubscriber) => self.refuse_unknown(asked, method),
            Missed::Nobody(reason) => Answer::Reject(reason),
            Missed::Answered(answer) => answer,
        })
    }

    /// The same for EAP, which goes on with nobody: his name may be said inside TLS only, and who asks for names that do not
    /// exist must not see it from what he is asked.
    pub(super) fn identify_eap(&mut self, asked: &Asked<'_>) -> Result<Option<Identified>, Answer> {
        match self.find(asked, Method::Eap) {
            Ok(found) => Ok(Some(found)),
            Err(Missed::Nobody(RejectReason::UnknownSubscriber)) => Ok(None),
            Err(Missed::Nobody(reason)) => Err(Answer::Reject(reason)),
            Err(Missed::Answered(answer)) => Err(answer),
        }
    }

    /// Looks for him by the rules of the NAS; who is held off is not found.
    fn find(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Result<Identified, Missed> {
        let found = if asked.nas.identify.by_user_name_alone() {
            self.by_name(asked, method, true)
        } else if method == Method::Eap {
            self.by_name_or_device(asked)
        } else {
            self.by_rules(asked, method)
        };
        let held_off = match &found {
            Ok((subscriber, _)) => {
                self.draft.subscriber = Some(subscriber.id);
                held_off(asked, subscriber.username())
            }
            Err(Missed::Nobody(RejectReason::UnknownSubscriber)) => held_off(asked, self.draft.username()),
            Err(_) => None,
        };
        match held_off {
            Some(held_off) => Err(Missed::Answered(self.refuse_held_off(held_off))),
            None => found,
        }
    }

    /// Tries one rule after the other; the last one says why nobody was found.
    fn by_rules(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Result<Identified, Missed> {
        let mut refused = RejectReason::UnknownSubscriber;
        let mut rules = asked.nas.identify.rules().peekable();
        while let Some(rule) = rules.next() {
            let last = rules.peek().is_none();
            let found = match rule {
                IdentifyBy::UserName => self.by_name(asked, method, last),
                IdentifyBy::Line => self.by_line(asked, last),
                IdentifyBy::Mac => self.by_device(asked, last),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(Missed::Nobody(reason)) => refused = reason,
                Err(answered @ Missed::Answered(_)) => return Err(answered),
            }
        }
        Err(Missed::Nobody(refused))
    }

    /// EAP brings an identity of its own, and proves it. A switch that logs a device in by EAP says the device's address as
    /// the identity and as the password; where the NAS goes by devices, that is one.
    fn by_name_or_device(&mut self, asked: &Asked<'_>) -> Result<Identified, Missed> {
        let by_device = asked.nas.identify.rules().any(|rule| rule == IdentifyBy::Mac)
            && asked
                .request
                .first(kind::USER_NAME)
                .and_then(Mac::parse)
                .is_some();
        match self.by_name(asked, Method::Eap, !by_device) {
            Err(Missed::Nobody(RejectReason::UnknownSubscriber)) if by_device => self.by_device(asked, false),
            found => found,
        }
    }

    /// By User-Name.
    fn by_name(&mut self, asked: &Asked<'_>, method: Method<'_>, last: bool) -> Result<Identified, Missed> {
        let eap = (method == Method::Eap)
            .then(|| EapView::parse(&self.eap).ok())
            .flatten();
        // A NAS copies the EAP identity into User-Name (RFC 3579 section 2.1); one that forgets is helped.
        let name = asked
            .request
            .first(kind::USER_NAME)
            .filter(|name| !name.is_empty());
        let name = name.or_else(|| eap.and_then(|eap| eap.identity()));
        let refuse = |draft: &mut Draft, found: Finding<'_>, reason: RejectReason| {
            draft.note(Step::Identify, found, !last);
            Err(Missed::Nobody(reason))
        };
        let Some(name) = name else {
            return refuse(&mut self.draft, Found::NoUserName, RejectReason::NoUserName);
        };
        self.draft.username_if_none(name);
        let Ok(username) = std::str::from_utf8(name) else {
            return refuse(&mut self.draft, Found::UserNameNotText, RejectReason::NoUserName);
        };
        let username =
            realm::route(&mut self.draft, &self.desk, asked, method, username).map_err(Missed::Answered)?;
        let Some(subscriber) = asked.nas.partner.subscriber(username) else {
            let found = Found::NoSubscriber {
                username,
                partner: "", // as in the draft
            };
            self.draft
                .note(Step::Identify, found, !last || method == Method::Eap);
            return Err(Missed::Nobody(RejectReason::UnknownSubscriber));
        };
        let username = subscriber.username();
        self.draft
            .note(Step::Identify, Found::Subscriber { username }, true);
        Ok((subscriber, Recognised::Name))
    }

    /// By line.
    fn by_line(&mut self, asked: &Asked<'_>, last: bool) -> Result<Identified, Missed> {
        let port = Port::of(&asked.request);
        if let Some((subscriber, mark, value)) = port.find(&asked.nas) {
            self.note_marked(&subscriber, mark, value);
            return Ok((subscriber, Recognised::Line));
        }
        match port.most_telling() {
            Some((mark, value)) => self.note_not_marked(mark, value, last),
            None => self.draft.note(Step::Identify, Found::NoLine, !last),
        }
        Err(Missed::Nobody(RejectReason::UnknownSubscriber))
    }

    /// By device.
    fn by_device(&mut self, asked: &Asked<'_>, last: bool) -> Result<Identified, Missed> {
        let mac = match Device::of(&asked.request) {
            Device::One(mac) => mac,
            Device::None => {
                self.draft.note(Step::Identify, Found::NoDevice, !last);
                return Err(Missed::Nobody(RejectReason::UnknownSubscriber));
            }
            Device::Two => {
                self.draft.note(Step::Identify, Found::TwoDevices, !last);
                return Err(Missed::Nobody(RejectReason::UnknownSubscriber));
            }
        };
        match asked.nas.partner.subscriber_marked(MarkKind::Mac, None, &mac.0) {
            Some(subscriber) => {
                self.note_marked(&subscriber, MarkKind::Mac, &mac.0);
                Ok((subscriber, Recognised::Device(mac)))
            }
            None => {
                self.note_not_marked(MarkKind::Mac, &mac.0, last);
                Err(Missed::Nobody(RejectReason::UnknownSubscriber))
            }
        }
    }

    /// Notes who was recognised, and by what.
    fn note_marked(&mut self, subscriber: &Subscriber, mark: MarkKind, value: &[u8]) {
        let shown = mark.write(value);
        let found = Found::Marked {
            mark,
            value: shown.as_str(),
            username: subscriber.username(),
        };
        self.draft.note(Step::Identify, found, true);
    }

    /// Notes what nobody has.
    fn note_not_marked(&mut self, mark: MarkKind, value: &[u8], last: bool) {
        let shown = mark.write(value);
        let found = Found::NotMarked {
            mark,
            value: shown.as_str(),
        };
        self.draft.note(Step::Identify, found, !last);
    }

    /// Rejects who is held off, without a look at the credential; most of it unrecorded.
    fn refuse_held_off(&mut self, held_off: HeldOff) -> Answer {
        let HeldOff {
            reason,
            attempts,
            left_s,
        } = held_off;
        self.gate.lane.add(Event::AuthRejectSuppressed);
        self.unrecorded = attempts % RECORDED_ONE_IN != 1;
        self.draft
            .note(Step::Credential, Found::HeldOff { attempts, left_s }, false);
        Answer::Reject(reason)
    }

    /// A stranger is rejected, unless his password shows that the NAS has another secret and could not read a reply.
    fn refuse_unknown(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Answer {
        if let Method::Pap(hidden) = method
            && credential::garbled(asked, hidden)
        {
            self.draft.note(Step::Credential, Found::PapGarbled, false);
            return Answer::Drop(DropReason::SecretDiffers);
        }
        Answer::Reject(RejectReason::UnknownSubscriber)
    }
}

/// Whether somebody was rejected again and again a moment ago.
fn held_off(asked: &Asked<'_>, username: &str) -> Option<HeldOff> {
    let (partner, now_s) = (&asked.nas.partner, asked.now.unix_s());
    let rejects = partner.rejects();
    if !rejects.any(now_s) {
        return None;
    }
    let station = asked.request.first(kind::CALLING_STATION_ID).unwrap_or_default();
    if username.is_empty() && station.is_empty() {
        return None; // everybody whose line is nobody's
    }
    rejects.held(rejects.whom(partner.id(), username, station), now_s)
}

/// The line of a request, ready to be looked for: what is worth more stands first.
struct Port<'a> {
    /// What the request says.
    line: Line<'a>,
    /// The VLANs as octets.
    vlans: Option<[u8; VLANS_LEN]>,
}

impl<'a> Port<'a> {
    /// Reads the line of a request.
    fn of(request: &View<'a>) -> Self {
        let line = Line::of(request);
        Self {
            vlans: line.vlans.map(|vlans| vlans.octets()),
            line,
        }
    }

    /// What there is, in order: what the access node says before what the NAS says.
    fn marks(&self) -> impl Iterator<Item = (MarkKind, &[u8])> {
        let there = [
            (MarkKind::CircuitId, self.line.circuit_id),
            (MarkKind::RemoteId, self.line.remote_id),
            (MarkKind::PortId, self.line.port_id),
            (MarkKind::Vlan, self.vlans.as_ref().map(|vlans| &vlans[..])),
        ];
        there.into_iter().filter_map(|(mark, value)| Some((mark, value?)))
    }

    /// The first that anybody has; on this NAS before on any.
    fn find(&self, nas: &Nas) -> Option<(Arc<Subscriber>, MarkKind, &[u8])> {
        self.marks().find_map(|(mark, value)| {
            let on = |nas_id| nas.partner.subscriber_marked(mark, nas_id, value);
            let here = mark.may_name_nas().then(|| on(Some(nas.id))).flatten();
            here.or_else(|| on(None))
                .map(|subscriber| (subscriber, mark, value))
        })
    }

    /// What to say when nobody has any of it.
    fn most_telling(&self) -> Option<(MarkKind, &[u8])> {
        self.marks().next()
    }
}

/// The device that a request is made for.
enum Device {
    /// None: somebody typed a name.
    None,
    /// This one.
    One(Mac),
    /// User-Name and Calling-Station-Id are different ones.
    Two,
}

impl Device {
    /// Recognises MAC authentication: User-Name is the device's address in whatever spelling, or Service-Type is
    /// Call-Check and Calling-Station-Id has it.
    fn of(request: &View<'_>) -> Self {
        let name = request.first(kind::USER_NAME).and_then(Mac::parse);
        let calling = request.first(kind::CALLING_STATION_ID).and_then(Mac::parse);
        match (name, calling) {
            (Some(name), Some(calling)) if name != calling => Self::Two,
            (Some(mac), _) => Self::One(mac),
            (None, Some(mac)) if request.u32(kind::SERVICE_TYPE) == Some(CALL_CHECK) => Self::One(mac),
            (None, _) => Self::None,
        }
    }
}
