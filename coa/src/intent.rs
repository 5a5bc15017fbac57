//! What becomes of an intent: something is wanted of one session, and each thing that is heard moves it on, until it stands as
//! it is. A value of three words, stored by whoever runs it after every step; so a crash between two steps loses a step at most,
//! and asking the same once more does no harm.
//! Never asks and never stores anything, never reads a clock, and never takes an ACK for more than a claim.
//!
//! ```text
//!             refused, silent, contradicted           refused, silent, contradicted, no word
//!   CHANGE  ---------------------------------> DISCONNECT ---------------------------------> OPERATOR
//!     |     (if the partner wants it so)          |
//!     |  a record shows it                        |  its Accounting-Stop
//!     +------------------> proven <---------------+
//! ```

use crate::exchange::Answer;

/// Session-Context-Not-Found (RFC 5176 section 3.5).
const SESSION_NOT_FOUND: u32 = 503;

/// Where the ladder has led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The session is asked to change as it goes on.
    Change,
    /// The session is asked to end; who logs in again gets what was wanted.
    Disconnect,
    /// Nothing more is asked: somebody must look at it.
    Operator,
}

impl Rung {
    /// Every rung, from the gentlest.
    pub const ALL: [Self; 3] = [Self::Change, Self::Disconnect, Self::Operator];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Disconnect => "disconnect",
            Self::Operator => "operator",
        }
    }

    /// The rung of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.as_str() == word)
    }
}

/// How an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The NAS is to be asked, or is being asked.
    Asked,
    /// The NAS claims to have done it.
    Acknowledged,
    /// Accounting shows it.
    Proven,
    /// The NAS claimed it, and accounting shows the opposite.
    Contradicted,
    /// The NAS said no.
    Refused,
    /// The NAS said nothing.
    Silent,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Asked,
        Self::Acknowledged,
        Self::Proven,
        Self::Contradicted,
        Self::Refused,
        Self::Silent,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Acknowledged => "acknowledged",
            Self::Proven => "proven",
            Self::Contradicted => "contradicted",
            Self::Refused => "refused",
            Self::Silent => "silent",
        }
    }

    /// The state of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What a partner wants done when a session does not change as it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRefused {
    /// It is ended.
    Disconnect,
    /// It goes on, and somebody looks at it.
    Operator,
}

/// Something that is heard about an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The NAS answered, or did not.
    Answer(Answer),
    /// The session has ended: its Stop, or an Accounting-On of its NAS.
    Ended,
    /// A record that was sent after the answer shows the change.
    Shown,
    /// A record that was sent after the answer shows that nothing changed.
    Unchanged,
    /// Nothing came that shows anything, and it will not be waited for any longer.
    NoWord,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing: what was heard changes nothing.
    Nothing,
    /// Ask, on the rung where it stands now.
    Ask,
    /// Watch for what shows it.
    Watch,
    /// Nothing more; a later proof still counts.
    Rest,
}

/// How an intent stands, and on which rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// How.
    pub state: State,
    /// Where.
    pub rung: Rung,
    /// Nothing more is done about it.
    pub over: bool,
}

impl Standing {
    /// One that begins on a rung.
    pub const fn begun(rung: Rung) -> Self {
        Self {
            state: State::Asked,
            rung,
            over: false,
        }
    }

    /// Moves on by what was heard.
    pub fn hear(&mut self, heard: Heard, if_refused: IfRefused) -> Act {
        match (self.state, heard) {
            (State::Proven, _) => Act::Nothing,
            // Whatever was said before: who is gone has nothing any more, and gets what was wanted when he comes back.
            (_, Heard::Ended) => self.rest(State::Proven),
            (State::Asked, Heard::Answer(answer)) if !self.over => self.answered(answer, if_refused),
            // A record can be faster than the answer and slower than our patience, and what nobody said yes to may have been
            // done all the same.
            (_, Heard::Shown) => self.rest(State::Proven),
            (State::Acknowledged, Heard::Unchanged) if !self.over => {
                self.state = State::Contradicted;
                self.climb(if_refused)
            }
            (State::Acknowledged, Heard::NoWord) if !self.over => match self.rung {
                // Few makes say in accounting what a session may: no word is no proof of anything.
                Rung::Change => self.rest(State::Acknowledged),
                _ => self.climb(if_refused),
            },
            _ => Act::Nothing,
        }
    }

    /// What the NAS said.
    fn answered(&mut self, answer: Answer, if_refused: IfRefused) -> Act {
        match answer {
            Answer::Ack => {
                self.state = State::Acknowledged;
                Act::Watch
            }
            // There is nothing to change or to end; that its Stop was lost is for whoever looks for silent sessions.
            Answer::Nak {
                error_cause: Some(SESSION_NOT_FOUND),
            } => self.rest(State::Refused),
            Answer::Nak { .. } => {
                self.state = State::Refused;
                self.climb(if_refused)
            }
            Answer::Silent => {
                self.state = State::Silent;
                self.climb(if_refused)
            }
        }
    }

    /// Goes on to the next rung.
    fn climb(&mut self, if_refused: IfRefused) -> Act {
        match (self.rung, if_refused) {
            (Rung::Change, IfRefused::Disconnect) => {
                *self = Self::begun(Rung::Disconnect);
                Act::Ask
            }
            _ => {
                self.rung = Rung::Operator;
                self.rest(self.state)
            }
        }
    }

    /// Rests in a state.
    fn rest(&mut self, state: State) -> Act {
        self.state = state;
        self.over = true;
        Act::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Heard = Heard::Answer(Answer::Nak {
        error_cause: Some(401),
    });
    const ACK: Heard = Heard::Answer(Answer::Ack);
    const SILENT: Heard = Heard::Answer(Answer::Silent);

    /// Hears all of it, one after the other.
    #[track_caller]
    fn check(begin: Rung, policy: IfRefused, heard: &[Heard], expect: (State, Rung, bool), last: Act) {
        let mut standing = Standing::begun(begin);
        let mut act = Act::Ask;
        for one in heard {
            act = standing.hear(*one, policy);
        }
        assert_eq!((standing.state, standing.rung, standing.over), expect);
        assert_eq!(act, last);
    }

    #[test]
    fn an_ack_is_a_claim_and_a_record_the_proof() {
        use {IfRefused::Disconnect, Rung::Change};
        check(
            Change,
            Disconnect,
            &[ACK],
            (State::Acknowledged, Change, false),
            Act::Watch,
        );
        check(
            Change,
            Disconnect,
            &[ACK, Heard::Shown],
            (State::Proven, Change, true),
            Act::Rest,
        );
        check(
            Change,
            Disconnect,
            &[ACK, Heard::NoWord],
            (State::Acknowledged, Change, true),
            Act::Rest,
        );
        check(
            Change,
            Disconnect,
            &[ACK, Heard::NoWord, Heard::Shown],
            (State::Proven, Change, true),
            Act::Rest,
        );
        check(
            Change,
            Disconnect,
            &[Heard::Shown, ACK],
            (State::Proven, Change, true),
            Act::Nothing,
        );
    }

    #[test]
    fn what_nobody_said_yes_to_may_have_been_done_all_the_same() {
        let rung = Rung::Disconnect;
        let heard = [SILENT, Heard::Shown, REFUSED];
        check(
            Rung::Change,
            IfRefused::Disconnect,
            &heard,
            (State::Proven, rung, true),
            Act::Nothing,
        );
    }

    #[test]
    fn what_does_not_change_is_ended_if_the_partner_wants_it_so() {
        use {IfRefused::Disconnect, IfRefused::Operator, Rung::Change};
        for heard in [&[REFUSED][..], &[SILENT], &[ACK, Heard::Unchanged]] {
            check(
                Change,
                Disconnect,
                heard,
                (State::Asked, Rung::Disconnect, false),
                Act::Ask,
            );
        }
        check(
            Change,
            Operator,
            &[REFUSED],
            (State::Refused, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Change,
            Operator,
            &[ACK, Heard::Unchanged],
            (State::Contradicted, Rung::Operator, true),
            Act::Rest,
        );
    }

    #[test]
    fn what_does_not_end_is_for_somebody_to_look_at_and_a_late_stop_still_proves_it() {
        use {IfRefused::Disconnect as Kick, Rung::Disconnect};
        check(
            Disconnect,
            Kick,
            &[REFUSED],
            (State::Refused, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Disconnect,
            Kick,
            &[SILENT],
            (State::Silent, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Disconnect,
            Kick,
            &[ACK, Heard::NoWord],
            (State::Acknowledged, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Disconnect,
            Kick,
            &[ACK, Heard::Unchanged],
            (State::Contradicted, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Disconnect,
            Kick,
            &[SILENT, Heard::Ended],
            (State::Proven, Rung::Operator, true),
            Act::Rest,
        );
        check(
            Disconnect,
            Kick,
            &[ACK, Heard::Ended, Heard::Unchanged],
            (State::Proven, Disconnect, true),
            Act::Nothing,
        );
    }

    #[test]
    fn a_session_that_the_nas_does_not_know_is_not_asked_for_again() {
        let gone = Heard::Answer(Answer::Nak {
            error_cause: Some(503),
        });
        for rung in [Rung::Change, Rung::Disconnect] {
            check(
                rung,
                IfRefused::Disconnect,
                &[gone],
                (State::Refused, rung, true),
                Act::Rest,
            );
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::of(state.as_str()), Some(state));
        }
        for rung in Rung::ALL {
            assert_eq!(Rung::of(rung.as_str()), Some(rung));
        }
    }
}
