// Why a login went as it went, in words one can read to the caller, and what to do about it. The list is the server's closed
// list (docs/reasons.md); a test holds this table against it.

/** How one outcome is told. */
export type Telling = {
  /** What to say to the person on the telephone. */
  say: string;
  /** What to do next. */
  next: string;
};

/** By the stable code of the outcome. */
export const REASONS: Record<string, Telling> = {
  no_user_name: {
    say: "Your router asks to log in without a name.",
    next: "Look at the PPPoE or 802.1X settings of the router; the NAS sends no User-Name.",
  },
  unknown_subscriber: {
    say: "The user name in your router is not one of ours.",
    next: "Compare the name letter by letter; a realm after @ counts.",
  },
  wrong_password: {
    say: "The password in your router is not the one we have.",
    next: "Have it typed again, or set a new one here and read it out.",
  },
  no_credential: {
    say: "We have no password for your line yet.",
    next: "Set a password, or say by which line or device the subscriber is recognised.",
  },
  credential_not_sent: {
    say: "Your router asks to log in without a password.",
    next: "Look at the settings of the router; the request carried no credential.",
  },
  suspended: { say: "Your service is suspended.", next: "The reason is on record above. Restore the service when it is settled." },
  terminated: { say: "Your service was ended.", next: "A contract is needed before anything technical." },
  quota_used_up: {
    say: "The volume of your plan is used up for this period.",
    next: "A top-up or a larger plan opens the line again; else it opens by itself when the period ends.",
  },
  expired: { say: "Your service has run out.", next: "Set a later end when the service is prolonged." },
  partner_suspended: { say: "There is a disturbance for all lines at the moment.", next: "The partner itself is suspended; ask the platform's staff." },
  unsupported_method: {
    say: "Your router logs in by a method that we do not offer.",
    next: "Have PAP, CHAP or MS-CHAPv2 chosen, or an EAP method that is offered here.",
  },
  eap_failed: { say: "Your device and we could not agree on a way to log in.", next: "Look at the steps below; offer the device another EAP method." },
  reply_too_long: { say: "There is a mistake in the settings of your plan; we mend it.", next: "The plan says more than fits into one packet. Shorten its terms." },
  credential_unfit: {
    say: "Your router logs in by a method that the stored password does not serve.",
    next: "Have PAP chosen in the router, or set the password anew so that it is stored reversibly.",
  },
  tls_failed: { say: "Your device does not accept our certificate.", next: "Look at the authority and the name that the device expects." },
  certificate_refused: { say: "The certificate of your device is not accepted.", next: "It has run out, was revoked or is of another authority; issue a new one." },
  home_server_rejected: { say: "Your own provider has refused the login.", next: "The home server of the realm decided; ask its operator." },
  realm_refused: { say: "Logins with this ending after @ are not taken here.", next: "Look at the realms of the partner." },
  too_many_sessions: {
    say: "You are logged in already, as often as the contract allows.",
    next: "Disconnect the session that is left over, or wait until it is found to be gone.",
  },
  not_allowed_here: { say: "Your login is not meant for this connection.", next: "The subscriber may only log in from the places on record; change them, or have the cable put right." },
  bound_elsewhere: {
    say: "Your login is tied to another device.",
    next: "If he has changed his router or moved: release the binding; the next login is bound anew.",
  },
  binding_not_sent: { say: "Your connection does not tell us which device it is.", next: "The NAS does not send what the plan binds to; look at the settings of the NAS." },
  pool_exhausted: { say: "There is a shortage of addresses at the moment; we mend it.", next: "Add a range to the pool of the plan, or shorten how long leases are held." },
  address_in_use: { say: "You are logged in already with your fixed address.", next: "Disconnect the other session of his that holds the address." },
  secret_differs: { say: "There is a disturbance at your place; we mend it.", next: "The shared secret in the NAS is not the stored one. Set it anew on both sides." },
  message_authenticator_missing: { say: "There is a disturbance at your place; we mend it.", next: "The NAS must sign its requests and did not. Update it, or relax require_message_authenticator." },
  message_authenticator_malformed: { say: "There is a disturbance at your place; we mend it.", next: "The NAS sends a Message-Authenticator that is none; update its software." },
  no_reply: { say: "There is a disturbance on our side; we mend it.", next: "No reply could be made; the log has more." },
  busy: { say: "Very many log in at this moment; yours goes through in a minute.", next: "Too many requests wait that take long to answer (hashed passwords, EAP)." },
  home_server_silent: { say: "Your own provider does not answer at the moment.", next: "Its home servers are silent; look at their health." },
  no_home_server: { say: "Your own provider does not answer at the moment.", next: "No home server of the realm lives." },
  proxy_loop: { say: "There is a disturbance on our side; we mend it.", next: "The request went in a circle of proxies; look at the realms here and there." },
  not_sent_on: { say: "There is a disturbance on our side; we mend it.", next: "The request cannot be sent on to a home server." },
};

/** How an outcome is told; one that is newer than this console says so. */
export function telling(reason: string): Telling {
  return REASONS[reason] ?? { say: "The login did not go through.", next: `The outcome is ${reason}; docs/reasons.md says what it means.` };
}
