//! The kinds of rounds: their names, what each needs, and in which order they come.

use super::dice::Dice;

/// What is done to the server in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGTERM under load.
    Stop,
    /// kill -9 of the server.
    Kill,
    /// kill -9 of the server, and again while it starts and recovers.
    KillStarting,
    /// kill -9 of the server while the journal begins a new segment.
    KillRolling,
    /// kill -9 of PostgreSQL's postmaster.
    PostgresKill,
    /// kill -9 of single processes of PostgreSQL.
    BackendKill,
    /// PostgreSQL stands still for a while.
    PostgresFreeze,
    /// kill -9 of the server while PostgreSQL stands still: nothing acknowledged meanwhile is in the database.
    FreezeKill,
    /// Every record comes several times, acknowledged ones too, with a kill -9 in between.
    Storm,
    /// NAS restart and say so, with a kill -9 at some time.
    Reboot,
    /// kill -9, and what is behind the last acknowledged record in the journal is damaged.
    Torn,
    /// The server's clock jumps, with kills before and after.
    Clock,
    /// The journal's disk is full for a while.
    JournalFull,
    /// The journal's disk goes read-only; the server is killed, the disk comes back.
    JournalReadOnly,
    /// The database's disk is full for a while.
    DataFull,
    /// Both disks are cut off and everything is killed; what had reached the disks comes back.
    PowerCut,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 16] = [
        Kind::Stop,
        Kind::Kill,
        Kind::KillStarting,
        Kind::KillRolling,
        Kind::PostgresKill,
        Kind::BackendKill,
        Kind::PostgresFreeze,
        Kind::FreezeKill,
        Kind::Storm,
        Kind::Reboot,
        Kind::Torn,
        Kind::Clock,
        Kind::JournalFull,
        Kind::JournalReadOnly,
        Kind::DataFull,
        Kind::PowerCut,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Stop => "stop",
            Kind::Kill => "kill",
            Kind::KillStarting => "kill-starting",
            Kind::KillRolling => "kill-rolling",
            Kind::PostgresKill => "postgres-kill",
            Kind::BackendKill => "backend-kill",
            Kind::PostgresFreeze => "postgres-freeze",
            Kind::FreezeKill => "freeze-kill",
            Kind::Storm => "storm",
            Kind::Reboot => "reboot",
            Kind::Torn => "torn",
            Kind::Clock => "clock",
            Kind::JournalFull => "journal-full",
            Kind::JournalReadOnly => "journal-readonly",
            Kind::DataFull => "data-full",
            Kind::PowerCut => "power-cut",
        }
    }

    /// What happens in a round of this kind, for the report.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Stop => "SIGTERM of headend under load",
            Kind::Kill => "kill -9 of headend at a random moment",
            Kind::KillStarting => "kill -9 of headend, and again while it starts and recovers",
            Kind::KillRolling => "kill -9 of headend while the journal begins a new segment",
            Kind::PostgresKill => "kill -9 of PostgreSQL's postmaster",
            Kind::BackendKill => "kill -9 of single PostgreSQL processes",
            Kind::PostgresFreeze => "SIGSTOP of PostgreSQL",
            Kind::FreezeKill => "kill -9 of headend while PostgreSQL is stopped by SIGSTOP",
            Kind::Storm => "retransmission storm with a kill -9 of headend in it",
            Kind::Reboot => "Accounting-On of NAS that restart, with a kill -9 of headend",
            Kind::Torn => "kill -9 of headend, journal damaged behind the last acknowledged record",
            Kind::Clock => "clock of headend steps forward or back, with kill -9",
            Kind::JournalFull => "disk of the journal full",
            Kind::JournalReadOnly => "disk of the journal fails and goes read-only",
            Kind::DataFull => "disk of PostgreSQL full",
            Kind::PowerCut => "both disks cut off, everything killed, disks recovered",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it needs disks of our own.
    pub fn needs_disks(self) -> bool {
        matches!(
            self,
            Kind::JournalFull | Kind::JournalReadOnly | Kind::DataFull | Kind::PowerCut
        )
    }

    /// Whether it befalls PostgreSQL alone, which accounting must not feel.
    pub fn spares_accounting(self) -> bool {
        matches!(
            self,
            Kind::PostgresKill | Kind::BackendKill | Kind::PostgresFreeze | Kind::DataFull
        )
    }

    /// Whether it needs a clock of our own.
    pub fn needs_clock(self) -> bool {
        self == Kind::Clock
    }
}

/// Draws the kinds of so many rounds: each kind once, shuffled, then again, so that none is left out by chance.
pub fn draw(kinds: &[Kind], rounds: usize, dice: &mut Dice) -> Vec<Kind> {
    let mut drawn = Vec::with_capacity(rounds);
    while drawn.len() < rounds && !kinds.is_empty() {
        let mut deck = kinds.to_vec();
        dice.shuffle(&mut deck);
        drawn.append(&mut deck);
    }
    drawn.truncate(rounds);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        assert_eq!(Kind::named("flood"), None);
    }

    #[test]
    fn no_kind_comes_again_before_all_had_their_turn() {
        let drawn = draw(&Kind::ALL, 40, &mut Dice::new(5));
        let mut first = drawn[..Kind::ALL.len()].to_vec();
        first.sort_unstable();
        assert_eq!((first.as_slice(), drawn.len()), (Kind::ALL.as_slice(), 40));
        assert!(draw(&[], 3, &mut Dice::new(5)).is_empty());
    }
}
