//! Challenges that prove themselves: sealed, bound to what they are for, with their own end. Asking for one writes nothing.
//! Never counts twice: the caller notes the digest of one that was answered in the transaction that acts on it.

use time::{Duration, OffsetDateTime};

use crate::error::Error;
use crate::id::{LoginSessionId, UserId};
use crate::secrets::Sealer;

/// How long a challenge may be answered, in seconds: a person has to find his telephone.
pub const CHALLENGE_S_MAX: i64 = 5 * 60;

/// What a challenge is for; one for another act, another person or another session does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To make a passkey known.
    Register(UserId),
    /// To sign in.
    Login,
    /// To prove again who holds a session.
    Prove(LoginSessionId),
}

impl Purpose {
    /// What it is sealed for.
    fn context(self) -> String {
        match self {
            Self::Register(user) => format!("kernel.passkeys/challenge/register/{user}"),
            Self::Login => "kernel.passkeys/challenge/login".to_owned(),
            Self::Prove(session) => format!("kernel.passkeys/challenge/prove/{session}"),
        }
    }
}

/// Draws one. Its 96 bits of randomness are the seal's nonce.
///
/// # Errors
/// [`Error::Internal`] when the operating system gives no randomness.
pub fn draw(sealer: &Sealer, purpose: Purpose, now: OffsetDateTime) -> Result<String, Error> {
    let until = (now + Duration::seconds(CHALLENGE_S_MAX)).unix_timestamp();
    Ok(sealer.seal(&purpose.context(), &until.to_be_bytes())?)
}

/// Until when one counts; `None` when it is not ours, is for something else, or is over.
pub fn read(sealer: &Sealer, purpose: Purpose, text: &str, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let clear = sealer.open(&purpose.context(), text).ok()?;
    let until = i64::from_be_bytes(clear.as_slice().try_into().ok()?);
    let until = OffsetDateTime::from_unix_timestamp(until).ok()?;
    (now < until).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_counts_for_its_purpose_until_its_end_on_every_node_with_the_key() {
        let (sealer, other_node) = (Sealer::from_key([1; 32]), Sealer::from_key([1; 32]));
        let now = OffsetDateTime::UNIX_EPOCH;
        let (me, somebody) = (UserId::new(), UserId::new());
        let text = draw(&sealer, Purpose::Register(me), now).expect("a challenge");
        let last = now + Duration::seconds(CHALLENGE_S_MAX - 1);
        assert!(read(&other_node, Purpose::Register(me), &text, last).is_some());
        assert!(read(&sealer, Purpose::Register(me), &text, last + Duration::SECOND).is_none());
        assert!(read(&sealer, Purpose::Register(somebody), &text, now).is_none());
        assert!(read(&sealer, Purpose::Login, &text, now).is_none());
        assert!(read(&Sealer::from_key([2; 32]), Purpose::Register(me), &text, now).is_none());
        assert!(read(&sealer, Purpose::Login, "", now).is_none());
        let again = draw(&sealer, Purpose::Register(me), now).expect("a challenge");
        assert_ne!(text, again);
    }
}
