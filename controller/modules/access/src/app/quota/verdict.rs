//! What is to be told and done about somebody's quota: a function of what he used, what he is allowed and what was told before.
//! Never reads a row and never asks anybody.

/// What somebody is allowed in his period, and what he used of it, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When the period began, Unix seconds: by this it is known.
    pub began_unix_s: i64,
    /// The plan's octets and what was topped up.
    pub allowed: u64,
    /// What he used.
    pub used: u64,
}

/// What was told and done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// In which period.
    pub began_unix_s: i64,
    /// What he was allowed then.
    pub allowed: u64,
    /// The highest threshold that was told of.
    pub threshold: i32,
    /// Whether what the plan says for that holds.
    pub used_up: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Whatever the plan says for whoever used it up.
    UseUp,
    /// The same would be due, but what is known of his sessions may not be so any more.
    Hold,
    /// Full service again.
    Restore,
}

/// What is to be told and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Thresholds to tell of, in order.
    pub told: Vec<i32>,
    /// The highest that is told of then.
    pub threshold: i32,
    /// What to do.
    pub act: Act,
    /// Whether what the plan says for that holds then.
    pub used_up: bool,
    /// Whether any of it is to be stored.
    pub changed: bool,
}

/// Judges. Without `before` nothing was told; with `stale` nobody is punished, but he is still told.
#[must_use]
pub fn judge(thresholds: &[i32], now: Standing, before: Option<Before>, stale: bool) -> Verdict {
    let reached = |threshold: &i32| {
        let per_cent = u128::try_from(*threshold).unwrap_or(u128::MAX);
        u128::from(now.used) * 100 >= per_cent.saturating_mul(u128::from(now.allowed))
    };
    let highest = thresholds.iter().filter(|threshold| reached(threshold)).max();
    let highest = highest.copied().unwrap_or_default();
    let same = before.filter(|before| before.began_unix_s == now.began_unix_s);
    let known = match same {
        // What more he was given takes back what was told: he is told again on his way through it.
        Some(before) if before.allowed != now.allowed => before.threshold.min(highest),
        Some(before) => before.threshold,
        None => 0,
    };
    let mut told: Vec<i32> = thresholds.to_vec();
    told.retain(|threshold| *threshold > known && reached(threshold));
    told.sort_unstable();
    told.dedup();
    let was = before.is_some_and(|before| before.used_up);
    let act = match (was, now.used >= now.allowed) {
        (false, true) if stale => Act::Hold,
        (false, true) => Act::UseUp,
        (true, false) => Act::Restore,
        (true, true) | (false, false) => Act::Nothing,
    };
    let used_up = match act {
        Act::UseUp => true,
        Act::Restore | Act::Hold => false,
        Act::Nothing => was,
    };
    let threshold = known.max(highest);
    let moved = same.is_some_and(|before| before.allowed != now.allowed || before.threshold != threshold)
        || (same.is_none() && was);
    Verdict {
        changed: !told.is_empty() || matches!(act, Act::UseUp | Act::Restore) || moved,
        told,
        threshold,
        act,
        used_up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is usual.
    const USUAL: [i32; 2] = [80, 100];

    /// So much of 1000 octets used in the period that began at 0.
    fn used(used: u64) -> Standing {
        Standing {
            began_unix_s: 0,
            allowed: 1_000,
            used,
        }
    }

    /// What is remembered of a verdict.
    fn remembered(now: Standing, verdict: &Verdict) -> Option<Before> {
        Some(Before {
            began_unix_s: now.began_unix_s,
            allowed: now.allowed,
            threshold: verdict.threshold,
            used_up: verdict.used_up,
        })
    }

    /// Plays one standing after the other; what was told and done at each.
    fn play(standings: &[Standing]) -> Vec<(Vec<i32>, Act)> {
        let mut before = None;
        let mut all = Vec::new();
        for now in standings {
            let verdict = judge(&USUAL, *now, before, false);
            if verdict.changed {
                before = remembered(*now, &verdict);
            }
            all.push((verdict.told, verdict.act));
        }
        all
    }

    #[test]
    fn each_threshold_is_told_once_and_the_end_is_acted_on_once() {
        let played = play(&[
            used(799),
            used(800),
            used(900),
            used(1_000),
            used(1_500),
            used(1_500),
        ]);
        let expected = [
            (vec![], Act::Nothing),
            (vec![80], Act::Nothing),
            (vec![], Act::Nothing),
            (vec![100], Act::UseUp),
            (vec![], Act::Nothing),
            (vec![], Act::Nothing),
        ];
        assert_eq!(played, expected);
        assert_eq!(
            play(&[used(5_000)]),
            [(vec![80, 100], Act::UseUp)],
            "both at once"
        );
    }

    #[test]
    fn a_top_up_restores_and_is_eaten_like_the_quota_was() {
        let topped = |octets, used| Standing {
            allowed: 1_000_u64 + octets,
            used,
            ..self::used(0)
        };
        let played = play(&[
            used(1_000),
            topped(1_000, 1_000),
            topped(1_000, 1_600),
            topped(1_000, 2_000),
        ]);
        let expected = [
            (vec![80, 100], Act::UseUp),
            (vec![], Act::Restore),
            (vec![80], Act::Nothing),
            (vec![100], Act::UseUp),
        ];
        assert_eq!(played, expected);
        // Too little to restore, and enough to be restored above the first threshold.
        assert_eq!(
            play(&[used(2_000), topped(500, 2_000)])[1],
            (vec![], Act::Nothing)
        );
        assert_eq!(
            play(&[used(1_000), topped(100, 1_000)])[1],
            (vec![], Act::Restore)
        );
    }

    #[test]
    fn the_next_period_restores_and_tells_anew() {
        let next = |used| Standing {
            began_unix_s: 86_400,
            ..self::used(used)
        };
        let played = play(&[used(1_000), next(0), next(800)]);
        let expected = [
            (vec![80, 100], Act::UseUp),
            (vec![], Act::Restore),
            (vec![80], Act::Nothing),
        ];
        assert_eq!(played, expected);
        // Whoever has used up the next one by the time anybody looks stays where he is, and his row moves on.
        let verdict = judge(
            &USUAL,
            next(1_000),
            remembered(used(1_000), &judge(&USUAL, used(1_000), None, false)),
            false,
        );
        assert_eq!(
            (verdict.act, verdict.used_up, verdict.changed),
            (Act::Nothing, true, true)
        );
        assert_eq!(verdict.told, [80, 100]);
    }

    #[test]
    fn nobody_is_punished_on_stale_data_and_everybody_is_once_it_is_fresh() {
        let held = judge(&USUAL, used(1_000), None, true);
        assert_eq!((held.act, held.used_up), (Act::Hold, false));
        assert_eq!(held.told, [80, 100], "he is told all the same");
        let before = remembered(used(1_000), &held);
        let again = judge(&USUAL, used(1_000), before, true);
        assert_eq!((again.act, again.changed), (Act::Hold, false));
        assert!(again.told.is_empty());
        let fresh = judge(&USUAL, used(1_000), before, false);
        assert_eq!((fresh.act, fresh.told.len()), (Act::UseUp, 0));
        // Nor is anybody who is let go kept for it.
        let restored = judge(&USUAL, used(500), remembered(used(1_000), &fresh), true);
        assert_eq!(restored.act, Act::Restore);
    }

    #[test]
    fn the_largest_numbers_there_are_do_not_wrap() {
        let now = Standing {
            began_unix_s: 0,
            allowed: u64::MAX,
            used: u64::MAX,
        };
        assert_eq!(judge(&USUAL, now, None, false).act, Act::UseUp);
    }
}
