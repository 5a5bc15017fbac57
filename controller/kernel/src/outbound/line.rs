//! A line to one server of one partner: how many calls at a time, how often, how long, whether again, whether at all.
//! Never knows a protocol: a call is a function that makes one attempt, be it HTTP, gRPC or something else.
//!
//! The order of a call: the breaker, the pause the server has asked for, a place among those under way, the rate; then the
//! attempt, and what came of it goes to the breaker before anybody thinks of another one. The whole of it, waits included,
//! keeps within the call's time. One line's troubles are its own: nothing here is shared between lines.

use std::future::Future;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::breaker::{Breaker, BreakerRules, Pass, State, Verdict};
use super::counters::LineCounters;
use super::failure::{Again, CallError};

/// Calls of a line at a time.
pub const IN_FLIGHT_MAX: usize = 20;
/// Attempts of a call, the first included.
pub const ATTEMPTS_MAX: u32 = 3;
/// The first wait between attempts.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait between attempts.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest pause a server's word gets from us.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Repetitions saved up at most; a server in trouble gets few more calls than it would without them.
const SAVED_MAX: f32 = 10.0;
/// How much of a repetition a call that went well saves.
const SAVED_A_CALL: f32 = 0.2;

/// What a line keeps to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineRules {
    /// Calls at a time.
    pub in_flight_max: usize,
    /// Attempts a second at most; `None`: no bound of ours.
    pub per_second_max: Option<u32>,
    /// Attempts of a call, the first included.
    pub attempts_max: u32,
    /// The first wait between attempts; doubled for each further one.
    pub wait_min: Duration,
    /// The longest wait between attempts.
    pub wait_max: Duration,
    /// When the breaker opens.
    pub breaker: BreakerRules,
}

impl Default for LineRules {
    fn default() -> Self {
        Self {
            in_flight_max: IN_FLIGHT_MAX,
            per_second_max: None,
            attempts_max: ATTEMPTS_MAX,
            wait_min: WAIT_MIN,
            wait_max: WAIT_MAX,
            breaker: BreakerRules::default(),
        }
    }
}

/// One call: what it is called in metrics and logs, how long it may take, whether it may be made twice.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// A word of ours, never of a caller.
    pub name: &'static str,
    /// All attempts and waits together.
    pub within: Duration,
    /// Whether doing it twice does no harm.
    pub harmless: bool,
}

/// A line. Shared by reference.
#[derive(Debug)]
pub struct Line {
    /// What it keeps to.
    rules: LineRules,
    /// Places of calls.
    places: Semaphore,
    /// What changes with each call.
    state: Mutex<Changing>,
    /// What was counted.
    counters: LineCounters,
}

/// What changes with each call.
#[derive(Debug)]
struct Changing {
    /// The breaker.
    breaker: Breaker,
    /// The server's own wish.
    paused_until: Option<Instant>,
    /// When the next attempt may be made by our own rate.
    next_at: Option<Instant>,
    /// Repetitions saved up.
    saved: f32,
}

/// Gives a pass back to the breaker, also when the caller is gone in the middle.
struct Held<'l> {
    /// Where it belongs.
    line: &'l Line,
    /// The pass, until it is given back.
    pass: Option<Pass>,
}

impl Held<'_> {
    /// Gives it back with a verdict.
    fn settle(mut self, verdict: Verdict) {
        if let Some(pass) = self.pass.take() {
            self.line
                .state
                .lock()
                .breaker
                .settle(Instant::now(), pass, verdict);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let now = Instant::now();
            self.line.state.lock().breaker.settle(now, pass, Verdict::Nothing);
        }
    }
}

impl Line {
    /// A line that nobody has used.
    pub fn new(rules: LineRules) -> Self {
        Self {
            rules,
            places: Semaphore::new(rules.in_flight_max.max(1)),
            state: Mutex::new(Changing {
                breaker: Breaker::new(rules.breaker),
                paused_until: None,
                next_at: None,
                saved: SAVED_MAX,
            }),
            counters: LineCounters::default(),
        }
    }

    /// What it keeps to.
    pub fn rules(&self) -> &LineRules {
        &self.rules
    }

    /// Where its breaker stands.
    pub fn breaker(&self) -> State {
        self.state.lock().breaker.state(Instant::now())
    }

    /// How often its breaker has opened.
    pub fn breaker_opened(&self) -> u64 {
        self.state.lock().breaker.opened()
    }

    /// What was counted.
    pub fn counters(&self) -> &LineCounters {
        &self.counters
    }

    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        self.rules
            .in_flight_max
            .max(1)
            .saturating_sub(self.places.available_permits())
    }

    /// Makes a call: `attempt` is asked for one try at a time and told how long it may take.
    ///
    /// # Errors
    /// What the last attempt failed with, or why there was none.
    pub async fn call<T, F>(&self, call: Call, mut attempt: impl FnMut(Duration) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let began = Instant::now();
        let ends = began + call.within;
        let mut tried = 0;
        let done = loop {
            let outcome = self.once(call, began, ends, &mut attempt).await;
            tried += 1;
            let Err(error) = outcome else { break outcome };
            match self.next_wait(&call, &error, tried, ends) {
                Some(wait) => {
                    self.counters.repeated();
                    tracing::debug!(
                        call = call.name,
                        tried,
                        ?wait,
                        error = error.word(),
                        "a call is made again"
                    );
                    tokio::time::sleep(wait).await;
                }
                None => break Err(error),
            }
        };
        self.counters
            .ended(done.as_ref().err().map(CallError::word), began.elapsed());
        done
    }

    /// One attempt, with everything that comes before it.
    async fn once<T, F>(
        &self,
        call: Call,
        began: Instant,
        ends: Instant,
        attempt: &mut impl FnMut(Duration) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let held = self.admitted(Instant::now())?;
        let place = tokio::time::timeout(left(ends), self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(CallError::Busy {
                in_flight: self.in_flight(),
                waited: began.elapsed(),
            });
        };
        let turn = self.turn(Instant::now(), left(ends))?;
        if !turn.is_zero() {
            tokio::time::sleep(turn).await;
        }
        let within = left(ends);
        self.counters.attempted();
        let outcome = match tokio::time::timeout(within, attempt(within)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::TimedOut { waited: call.within }),
        };
        match &outcome {
            Ok(_) => {
                let mut state = self.state.lock();
                state.saved = (state.saved + SAVED_A_CALL).min(SAVED_MAX);
                drop(state);
                held.settle(Verdict::Well);
            }
            Err(error) => {
                if let CallError::Status {
                    retry_after: Some(wish),
                    ..
                } = error
                {
                    self.state.lock().paused_until = Some(Instant::now() + (*wish).min(PAUSE_MAX));
                }
                held.settle(error.verdict());
            }
        }
        outcome
    }

    /// Passes the breaker and the server's own wish.
    fn admitted(&self, now: Instant) -> Result<Held<'_>, CallError> {
        let mut state = self.state.lock();
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return Err(CallError::Paused {
                retry_after: until - now,
            });
        }
        let pass = state
            .breaker
            .admit(now)
            .map_err(|retry_after| CallError::Open { retry_after })?;
        Ok(Held {
            line: self,
            pass: Some(pass),
        })
    }

    /// How long until this attempt's turn by our own rate. One whose turn would come too late takes none.
    fn turn(&self, now: Instant, left: Duration) -> Result<Duration, CallError> {
        let Some(per_second) = self.rules.per_second_max.filter(|rate| *rate > 0) else {
            return Ok(Duration::ZERO);
        };
        let mut state = self.state.lock();
        let at = state.next_at.map_or(now, |next| next.max(now));
        let turn = at - now;
        if turn >= left {
            return Err(CallError::Paused { retry_after: turn });
        }
        state.next_at = Some(at + Duration::from_secs(1) / per_second);
        Ok(turn)
    }

    /// How long to wait before the next attempt; `None`: there is none.
    fn next_wait(&self, call: &Call, error: &CallError, tried: u32, ends: Instant) -> Option<Duration> {
        let may = match error.again() {
            Again::Always => true,
            Again::IfHarmless => call.harmless,
            Again::No => false,
        };
        if !may || tried >= self.rules.attempts_max {
            return None;
        }
        let wait = jittered(self.rules.wait_min, self.rules.wait_max, tried);
        let wait = wait.max(error.retry_after().unwrap_or_default());
        if wait >= left(ends) {
            return None;
        }
        let mut state = self.state.lock();
        if state.saved < 1.0 {
            return None;
        }
        state.saved -= 1.0;
        Some(wait)
    }
}

/// What is left until then.
fn left(ends: Instant) -> Duration {
    ends.saturating_duration_since(Instant::now())
}

/// Between half of the doubled wait and all of it, so that those who failed together do not come again together.
fn jittered(min: Duration, max: Duration, tried: u32) -> Duration {
    let doubled = min
        .saturating_mul(1 << tried.saturating_sub(1).min(16))
        .min(max.max(min));
    let mut dice = [0; 2];
    // Without randomness everybody waits as long as each other, which is worse and not wrong.
    let _no_dice = getrandom::fill(&mut dice);
    let share = f64::from(u16::from_le_bytes(dice)) / f64::from(u16::MAX);
    doubled.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Rules with waits that no test notices.
    fn rules() -> LineRules {
        LineRules {
            wait_min: Duration::from_millis(1),
            wait_max: Duration::from_millis(4),
            ..LineRules::default()
        }
    }

    fn call(harmless: bool) -> Call {
        Call {
            name: "test",
            within: Duration::from_secs(30),
            harmless,
        }
    }

    /// Calls with this error each time; how many attempts there were.
    async fn attempts(line: &Line, harmless: bool, error: impl Fn() -> CallError) -> u32 {
        let count = AtomicU32::new(0);
        let outcome: Result<(), CallError> = line
            .call(call(harmless), |_| {
                count.fetch_add(1, Ordering::Relaxed);
                let error = error();
                async move { Err(error) }
            })
            .await;
        assert!(outcome.is_err());
        count.into_inner()
    }

    fn status(status: u16) -> CallError {
        CallError::Status {
            status,
            retry_after: None,
        }
    }

    fn broken() -> CallError {
        CallError::Broken {
            source: "reset".into(),
        }
    }

    fn unconnected() -> CallError {
        CallError::Connect {
            source: "refused".into(),
        }
    }

    #[tokio::test]
    async fn what_may_have_been_done_is_done_again_only_when_that_is_harmless() {
        for (error, harmless, harmful) in [
            (broken as fn() -> CallError, 3, 1),
            (|| status(503), 3, 1),
            (|| status(502), 3, 1),
            (|| status(429), 3, 3),
            (unconnected, 3, 3),
            (|| status(500), 1, 1),
            (|| status(400), 1, 1),
            (|| status(404), 1, 1),
            (|| CallError::Redirected { status: 302 }, 1, 1),
        ] {
            let word = error().word();
            assert_eq!(
                attempts(&Line::new(rules()), true, error).await,
                harmless,
                "{word}"
            );
            assert_eq!(
                attempts(&Line::new(rules()), false, error).await,
                harmful,
                "{word}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_well_and_one_that_fails_is_left_alone() {
        let line = Line::new(rules());
        for _ in 0..20 {
            attempts(&line, true, || status(404)).await;
        }
        assert_eq!(line.breaker(), State::Closed);
        // Five failures: three attempts of the first call and two of the second.
        assert_eq!(attempts(&line, true, broken).await, 3);
        assert_eq!(attempts(&line, true, broken).await, 2);
        assert_eq!(line.breaker(), State::Open);
        assert_eq!(attempts(&line, true, broken).await, 0, "fails fast");
    }

    #[tokio::test]
    async fn a_server_gets_the_pause_it_asks_for() {
        let line = Line::new(rules());
        let wish = || CallError::Status {
            status: 429,
            retry_after: Some(Duration::from_secs(3600)),
        };
        assert_eq!(
            attempts(&line, true, wish).await,
            1,
            "an hour is more than the call has"
        );
        let refused: Result<(), _> = line.call(call(true), |_| async { Ok(()) }).await;
        let Err(CallError::Paused { retry_after }) = refused else {
            panic!("{refused:?}")
        };
        assert!(retry_after <= PAUSE_MAX && retry_after > PAUSE_MAX / 2);
        assert_eq!(line.breaker(), State::Closed);
    }

    #[test]
    fn turns_come_at_the_rate_and_none_is_taken_that_comes_too_late() {
        let line = Line::new(LineRules {
            per_second_max: Some(10),
            ..rules()
        });
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let turns: Vec<_> = (0..1000)
            .filter_map(|_| line.turn(now, second).ok())
            .map(|turn| turn.as_millis())
            .collect();
        assert_eq!(turns, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        let later = now + second;
        assert_eq!(line.turn(later, second).ok(), Some(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_call_whose_caller_is_gone_leaves_nothing_behind() {
        let line = Line::new(LineRules {
            in_flight_max: 1,
            breaker: BreakerRules {
                failures_max: 1,
                open_wait: Duration::ZERO,
            },
            ..rules()
        });
        attempts(&line, false, broken).await;
        assert_eq!(line.breaker(), State::HalfOpen);
        let hanging = line.call(call(true), |_| std::future::pending::<Result<(), CallError>>());
        let gone = tokio::time::timeout(Duration::from_millis(1), hanging).await;
        assert!(gone.is_err());
        assert_eq!(line.in_flight(), 0);
        let passed: Result<(), _> = line.call(call(true), |_| async { Ok(()) }).await;
        assert!(passed.is_ok(), "{passed:?}");
        assert_eq!(line.breaker(), State::Closed);
    }

    #[tokio::test]
    async fn repetitions_run_out_when_nothing_goes_well() {
        let line = Line::new(LineRules {
            breaker: BreakerRules {
                failures_max: u32::MAX,
                ..BreakerRules::default()
            },
            ..rules()
        });
        let mut all = 0;
        for _ in 0..100 {
            all += attempts(&line, true, broken).await;
        }
        assert_eq!(
            all, 110,
            "a hundred calls and the ten repetitions that were saved"
        );
    }

    #[test]
    fn waits_double_within_their_bounds() {
        for _ in 0..1000 {
            for (tried, doubled_s) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (60, 10.0)] {
                let wait = jittered(WAIT_MIN, WAIT_MAX, tried).as_secs_f64();
                assert!(
                    (doubled_s / 2.0..=doubled_s).contains(&wait),
                    "{wait} after {tried}"
                );
            }
        }
    }
}
