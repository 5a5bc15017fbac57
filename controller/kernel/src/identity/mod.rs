//! Identity: people, how they sign in, the keys of programs, and the one-time set-up.
//! Never keeps a password or a token in the clear, and never says whether an account exists.
//!
//! A credential becomes a [`principal::Principal`] in [`session`] or [`api_key`]; `http` turns that into an operation.
//! [`user`] and [`grant`] say who may make whom; [`role`] keeps a partner's own roles; [`setup`] makes the first person; [`throttle`] slows down guessing;
//! [`second_factor`] wants more than a password, by the codes of [`totp`]; [`passkey`] proves without one, by what [`webauthn`]
//! reads and the challenges of [`challenge`]; [`sso`] believes a partner's own provider; [`approval`] wants a second
//! person, [`onboarding`] makes a partner with his first one; [`password`] and [`token`] are the other kinds of
//! secret; [`clock`] tells the time; [`store`] holds all the SQL.

pub mod api_key;
pub mod approval;
pub mod challenge;
pub mod clock;
pub mod email;
pub mod grant;
pub mod onboarding;
pub mod passkey;
pub mod password;
pub mod principal;
pub mod role;
pub mod second_factor;
pub mod session;
pub mod setup;
pub mod sso;
pub mod store;
pub mod throttle;
pub mod token;
pub mod totp;
pub mod user;
pub mod webauthn;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;

pub use email::EmailAddress;
pub use principal::{Membership, Principal};
pub use token::Token;

use crate::database::Database;
use crate::error::Error;
use crate::http::rate::Rate;
use crate::outbound::{Lines, Reach};
use crate::secrets::Sealer;
use clock::Clock;
use password::Passwords;
use throttle::Throttle;

/// Requests a second of a person or a key, unless configured otherwise; four times as many at once.
pub const RATE_CALLER_USUAL: u32 = 500;
/// Requests a second of all those of a partner.
pub const RATE_PARTNER_USUAL: u32 = 2000;

/// How people sign in here, and how often they may ask. Everything has a default that is right for one box.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where browsers reach us, for example `https://oss.isp.example`; makes the cookie `Secure` when it is https.
    pub public_url: String,
    /// A session without a request for this long is over.
    pub session_idle: Duration,
    /// A session is over after this long whatever happens.
    pub session_absolute: Duration,
    /// A critical act wants that its person proved himself within this time, by logging in or again; zero: it does not.
    pub step_up: Duration,
    /// How often a person or a key may ask.
    pub rate_caller: Rate,
    /// How often all those of a partner may ask together.
    pub rate_partner: Rate,
    /// Peers whose `X-Forwarded-For` is believed; without it all clients behind a balancer would throttle each other.
    pub trusted_proxies: Vec<IpNet>,
    /// Which addresses a partner's provider of identities may have.
    pub reach: Reach,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            session_idle: Duration::from_secs(30 * 60),
            session_absolute: Duration::from_secs(12 * 60 * 60),
            step_up: Duration::from_secs(15 * 60),
            rate_caller: Rate(RATE_CALLER_USUAL),
            rate_partner: Rate(RATE_PARTNER_USUAL),
            trusted_proxies: Vec::new(),
            reach: Reach::default(),
        }
    }
}

/// People, sessions and keys; the entry to all verbs on them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Where they are kept.
    pub(crate) db: Database,
    /// Seals the secrets of second factors.
    sealer: Sealer,
    /// What time it is.
    clock: Clock,
    /// How people sign in here.
    settings: Arc<Settings>,
    /// Hashes and verifies, within bounds.
    passwords: Passwords,
    /// Speaks to the providers of partners.
    lines: Lines,
    /// Slows down guessing; of this process only, which is enough to slow an attacker down by the number of nodes.
    throttle: Arc<Mutex<Throttle>>,
}

impl Identity {
    /// Over this database.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn new(db: Database, sealer: Sealer, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            db,
            sealer,
            clock: Clock::default(),
            lines: Lines::new(settings.reach.clone()),
            settings: Arc::new(settings),
            passwords: Passwords::new()?,
            throttle: Arc::new(Mutex::new(Throttle::default())),
        })
    }

    /// The ways to servers of others, for who speaks to others beside people's providers.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Password hashes computed since the start; for metrics.
    pub fn password_hashes(&self) -> u64 {
        self.passwords.computed()
    }

    /// What time it is for logins, codes and keys.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How people sign in here.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
