//! The journal on a disk that fails: every system call can be made to fail, before or after it had its effect.
//! What a caller sees of a healthy disk, of crashes and of damage is tested in `tests/it/journal.rs`.

use super::disk::{Disk, RealDisk};
use super::record::{self, Kind};
use super::segment::{Header, SEGMENT_HEAD_LEN};
use super::{JournalError, Options, Reader, Writer, scan, spare};
use parking_lot::Mutex;
use proptest::prelude::*;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A system call of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Reserve,
    Write,
    SyncData,
    SyncAll,
    Cut,
    Rename,
    Remove,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The writer's thread, or whichever thread has the journal.
    Writer,
    /// The thread that makes the next segment.
    Spare,
}

impl Who {
    fn calls() -> Self {
        if thread::current().name() == Some(spare::THREAD) {
            Self::Spare
        } else {
            Self::Writer
        }
    }
}

/// How much of its effect a failing call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// Of a write, the first half; of other calls, all.
    Half,
    All,
}

/// A failure to come.
#[derive(Debug, Clone, Copy)]
struct Fault {
    who: Who,
    call: Call,
    effect: Effect,
    error: io::ErrorKind,
    /// Calls of that kind to let through first.
    after: usize,
    /// How many calls fail then.
    times: usize,
}

#[derive(Default)]
struct Plan {
    faults: Vec<Fault>,
    /// How many more calls are let through; the next one has this effect, those after it have none.
    dies_after: Option<(usize, Effect)>,
    /// Reservations so far, by the thread that makes the next segment.
    spares_begun: usize,
    /// Inodes whose `fdatasync` failed.
    suspects: Vec<u64>,
    /// Writes or syncs of data that hit such an inode afterwards.
    trusted_again: usize,
}

/// The real disk, with faults.
#[derive(Clone, Default)]
struct FaultyDisk(Arc<Mutex<Plan>>);

impl FaultyDisk {
    fn fail(&self, fault: Fault) {
        self.0.lock().faults.push(fault);
    }

    fn heal(&self) {
        self.0.lock().faults.clear();
    }

    fn run(&self, call: Call, real: impl FnOnce(Effect) -> io::Result<()>) -> io::Result<()> {
        let mut plan = self.0.lock();
        let who = Who::calls();
        plan.spares_begun += usize::from(who == Who::Spare && call == Call::Reserve);
        match &mut plan.dies_after {
            Some((0, effect)) => {
                let effect = std::mem::replace(effect, Effect::None);
                if effect != Effect::None {
                    real(effect)?;
                }
                return Err(io::ErrorKind::Other.into());
            }
            Some((calls, _)) => *calls -= 1,
            None => {}
        }
        for fault in plan
            .faults
            .iter_mut()
            .filter(|fault| fault.who == who && fault.call == call && fault.times > 0)
        {
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            fault.times -= 1;
            let (effect, error) = (fault.effect, fault.error);
            if effect != Effect::None {
                real(effect)?;
            }
            return Err(error.into());
        }
        real(Effect::All)
    }
}

impl Disk for FaultyDisk {
    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        self.run(Call::Reserve, |_| RealDisk.reserve(file, len))
    }

    fn write(&self, file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let trusted = self.0.lock().suspects.contains(&inode);
        self.0.lock().trusted_again += usize::from(trusted);
        self.run(Call::Write, |effect| {
            let len = if effect == Effect::Half {
                octets.len() / 2
            } else {
                octets.len()
            };
            RealDisk.write(file, &octets[..len], offset)
        })
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let done = self.run(Call::SyncData, |_| RealDisk.sync_data(file));
        let mut plan = self.0.lock();
        if done.is_err() {
            plan.suspects.push(inode);
        } else if plan.suspects.contains(&inode) {
            plan.trusted_again += 1;
        }
        done
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.run(Call::SyncAll, |_| RealDisk.sync_all(file))
    }

    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        self.run(Call::Cut, |_| RealDisk.cut(file, len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Call::Rename, |_| RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.run(Call::Remove, |_| RealDisk.remove(path))
    }
}

fn options() -> Options {
    Options {
        segment_len: 4096,
        seq_floor: Some(1),
        ..Options::default()
    }
}

fn open(disk: &FaultyDisk, dir: &Path) -> Writer {
    Writer::open_on(Arc::new(disk.clone()), dir, options()).unwrap().0
}

/// Opens while one call may fail; if that keeps it from opening, opens again without.
fn open_with(disk: &FaultyDisk, dir: &Path, fault: Option<Fault>, seq_floor: u64) -> Writer {
    let options = Options {
        seq_floor: Some(seq_floor),
        ..options()
    };
    fault.into_iter().for_each(|fault| disk.fail(fault));
    let opened = Writer::open_on(Arc::new(disk.clone()), dir, options.clone());
    disk.heal();
    opened
        .or_else(|_| Writer::open_on(Arc::new(disk.clone()), dir, options))
        .unwrap()
        .0
}

fn commit(writer: &mut Writer, payloads: &[&str]) -> Result<u64, JournalError> {
    for payload in payloads {
        writer.append(Kind::Decision, payload.as_bytes())?;
    }
    writer.commit()
}

fn payloads(reader: &Reader) -> Vec<String> {
    let records = reader.read_from(0, usize::MAX, usize::MAX).unwrap();
    records
        .iter()
        .map(|record| String::from_utf8(record.payload.to_vec()).unwrap())
        .collect()
}

#[track_caller]
fn check_after_restart(dir: &Path, expected: &[&str]) {
    let (writer, report) = Writer::open(dir, options()).unwrap();
    assert_eq!(payloads(&writer.reader()), expected);
    assert!(report.is_sound(), "{report}");
}

const ALWAYS: usize = usize::MAX;

fn fault(call: Call, effect: Effect) -> Fault {
    Fault {
        who: Who::Writer,
        call,
        effect,
        error: io::ErrorKind::Other,
        after: 0,
        times: 1,
    }
}

/// Every way in which writing a batch can fail.
const BATCH_FAULTS: [(Call, Effect); 5] = [
    (Call::Write, Effect::None),
    (Call::Write, Effect::Half),
    (Call::Write, Effect::All),
    (Call::SyncData, Effect::None),
    (Call::SyncData, Effect::All),
];

#[test]
fn a_failed_batch_is_seen_by_nobody_and_not_replayed() {
    for (call, effect) in BATCH_FAULTS {
        for cut_works in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::default();
            let mut writer = open(&disk, dir.path());
            commit(&mut writer, &["a", "b"]).unwrap();
            disk.fail(fault(call, effect));
            if !cut_works {
                disk.fail(Fault {
                    times: ALWAYS,
                    ..fault(Call::Cut, Effect::None)
                });
            }
            commit(&mut writer, &["lost", "lost too"]).unwrap_err();
            assert_eq!(payloads(&writer.reader()), ["a", "b"]);
            assert_eq!(writer.pending(), 0);
            drop(writer);
            check_after_restart(dir.path(), &["a", "b"]);
        }
    }
}

#[test]
fn a_failed_first_batch_of_a_segment_is_not_replayed() {
    for (call, effect) in BATCH_FAULTS {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let mut writer = open(&disk, dir.path());
        disk.fail(fault(call, effect));
        commit(&mut writer, &["lost"]).unwrap_err();
        drop(writer);
        check_after_restart(dir.path(), &[]);
    }
}

#[test]
fn commits_go_on_after_a_failed_one() {
    for (call, effect) in BATCH_FAULTS {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let mut writer = open(&disk, dir.path());
        commit(&mut writer, &["a"]).unwrap();
        disk.fail(fault(call, effect));
        commit(&mut writer, &["lost"]).unwrap_err();
        commit(&mut writer, &["b"]).unwrap();
        commit(&mut writer, &["c"]).unwrap();
        assert_eq!(payloads(&writer.reader()), ["a", "b", "c"]);
        drop(writer);
        check_after_restart(dir.path(), &["a", "b", "c"]);
    }
}

#[test]
fn a_file_whose_sync_failed_is_never_trusted_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    commit(&mut writer, &["a"]).unwrap();
    disk.fail(fault(Call::SyncData, Effect::None));
    commit(&mut writer, &["lost"]).unwrap_err();
    commit(&mut writer, &["b"]).unwrap();
    let plan = disk.0.lock();
    assert_eq!((plan.suspects.len(), plan.trusted_again), (1, 0));
}

#[test]
fn while_no_new_segment_can_be_made_nothing_is_committed_and_then_it_goes_on() {
    for error in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let mut writer = open(&disk, dir.path());
        for who in [Who::Writer, Who::Spare] {
            disk.fail(Fault {
                who,
                error,
                times: ALWAYS,
                ..fault(Call::Reserve, Effect::None)
            });
        }
        commit(&mut writer, &["a"]).unwrap();
        disk.fail(fault(Call::SyncData, Effect::All));
        for _ in 0..3 {
            commit(&mut writer, &["lost"]).unwrap_err();
        }
        let last = commit(&mut writer, &["lost"]).unwrap_err();
        assert_eq!(last.is_full(), error == io::ErrorKind::StorageFull, "{last}");
        assert_eq!(payloads(&writer.reader()), ["a"]);
        disk.heal();
        commit(&mut writer, &["b"]).unwrap();
        drop(writer);
        check_after_restart(dir.path(), &["a", "b"]);
    }
}

#[test]
fn a_segment_that_may_have_got_its_name_ends_the_one_before() {
    // The trap: the new segment is on disk under its name, but making it reported an error. It says where the segment
    // before it ends; whatever is written there afterwards would not be replayed.
    for call in [Call::Rename, Call::SyncAll] {
        for effect in [Effect::None, Effect::All] {
            let dir = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::default();
            let mut writer = open(&disk, dir.path());
            commit(&mut writer, &["a"]).unwrap();
            let large = "x".repeat(2900);
            commit(&mut writer, &[large.as_str()]).unwrap();
            disk.fail(fault(call, effect));
            commit(&mut writer, &[large.as_str()]).unwrap_err();
            // This one would still fit into the old segment.
            commit(&mut writer, &["b"]).unwrap();
            drop(writer);
            check_after_restart(dir.path(), &["a", &large, "b"]);
        }
    }
}

#[test]
fn without_space_for_a_new_segment_small_batches_still_fit_into_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    let large = "x".repeat(2000);
    let full = Fault {
        who: Who::Spare,
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Write, Effect::Half)
    };
    disk.fail(full);
    commit(&mut writer, &[large.as_str()]).unwrap();
    disk.fail(Fault {
        who: Who::Writer,
        ..full
    });
    let error = commit(&mut writer, &[large.as_str()]).unwrap_err();
    assert!(error.is_full(), "{error}");
    disk.heal();
    commit(&mut writer, &["small"]).unwrap();
    drop(writer);
    check_after_restart(dir.path(), &[&large, "small"]);
}

#[test]
fn a_full_disk_does_not_keep_a_journal_from_opening_and_draining() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    commit(&mut writer, &["a"]).unwrap();
    drop(writer);
    disk.fail(Fault {
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Reserve, Effect::None)
    });
    let (mut writer, report) = Writer::open_on(Arc::new(disk.clone()), dir.path(), options()).unwrap();
    assert!(report.full);
    assert_eq!(payloads(&writer.reader()), ["a"]);
    assert!(commit(&mut writer, &["lost"]).unwrap_err().is_full());
    disk.heal();
    commit(&mut writer, &["b"]).unwrap();
    assert_eq!(payloads(&writer.reader()), ["a", "b"]);
    drop(writer);
    check_after_restart(dir.path(), &["a", "b"]);
}

#[test]
fn opening_on_a_full_disk_keeps_what_seals_a_failed_batch() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    commit(&mut writer, &["a"]).unwrap();
    let uncut = Fault {
        times: ALWAYS,
        ..fault(Call::Cut, Effect::None)
    };
    disk.fail(uncut);
    disk.fail(fault(Call::SyncData, Effect::All));
    commit(&mut writer, &["lost"]).unwrap_err();
    drop(writer);
    let full = Fault {
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Reserve, Effect::None)
    };
    disk.fail(full);
    let options = Options {
        seq_floor: Some(1000),
        ..options()
    };
    let (writer, report) = Writer::open_on(Arc::new(disk), dir.path(), options).unwrap();
    assert!(report.full);
    assert_eq!(report.abandoned_records, 1);
    drop(writer);
    check_after_restart(dir.path(), &["a"]);
}

#[test]
fn opening_again_and_again_without_records_leaves_one_segment() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let options = Options {
            segment_len: 4096,
            ..Options::default()
        };
        drop(Writer::open(dir.path(), options).unwrap());
    }
    let segments = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".seg"))
    });
    assert_eq!(segments.count(), 1);
}

// -- The next segment, made ahead

/// All files of a directory, as a process that dies at this moment leaves them.
fn left_behind(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // A file may get another name while they are listed; the journal is made for that, the copy need not be.
        let _ = fs::copy(&path, copy.path().join(path.file_name().unwrap()));
    }
    copy
}

#[test]
fn a_process_that_dies_at_any_call_of_a_roll_over_leaves_what_it_acknowledged() {
    for effect in [Effect::None, Effect::Half, Effect::All] {
        for calls in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::default();
            let mut writer = open(&disk, dir.path());
            let large = "x".repeat(1500);
            disk.0.lock().dies_after = Some((calls, effect));
            let (mut acknowledged, mut refused) = (Vec::new(), None);
            for n in 0..9 {
                let payload = format!("{n}{large}");
                match commit(&mut writer, &[payload.as_str()]) {
                    Ok(_) => acknowledged.push(payload),
                    Err(_) => {
                        refused = Some(payload);
                        break;
                    }
                }
            }
            let left = left_behind(dir.path());
            let alive = refused.is_none();
            let (recovered, report) = Writer::open(left.path(), options()).unwrap();
            let found = payloads(&recovered.reader());
            // The batch that was being written when it died was acknowledged to nobody; it may be there.
            acknowledged.extend(refused.filter(|refused| found.last() == Some(refused)));
            assert_eq!(
                found, acknowledged,
                "died after {calls} calls ({effect:?}): {report}"
            );
            assert!(
                report.is_sound(),
                "died after {calls} calls ({effect:?}): {report}"
            );
            assert_eq!(recovered.reader().missing_records(), 0);
            if alive {
                assert!(calls > 20, "it rolled over more than once");
                break;
            }
        }
    }
}

#[test]
fn a_journal_without_records_makes_no_second_segment() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    drop(writer);
    assert_eq!(disk.0.lock().spares_begun, 0);
    writer = open(&disk, dir.path());
    commit(&mut writer, &["a"]).unwrap();
    drop(writer);
    assert_eq!(disk.0.lock().spares_begun, 1);
    assert!(!dir.path().join("spare.tmp").exists(), "it goes with its writer");
}

#[test]
fn a_segment_that_cannot_be_made_ahead_is_tried_again_when_it_is_needed_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut writer = open(&disk, dir.path());
    disk.fail(Fault {
        who: Who::Spare,
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Reserve, Effect::None)
    });
    let mut expected = vec!["small"; 100];
    for small in &expected {
        commit(&mut writer, &[small]).unwrap();
    }
    let large = "x".repeat(2900);
    commit(&mut writer, &[large.as_str()]).unwrap();
    expected.push(&large);
    drop(writer);
    assert_eq!(disk.0.lock().spares_begun, 2, "once a segment");
    check_after_restart(dir.path(), &expected);
}

/// A disk on which a sync takes as long as the test wants.
struct SlowDisk {
    /// Told of each sync that begins.
    begun: mpsc::SyncSender<()>,
    /// Asked before it ends.
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Disk for SlowDisk {
    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        RealDisk.reserve(file, len)
    }
    fn write(&self, file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
        RealDisk.write(file, octets, offset)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        if Who::calls() == Who::Writer {
            self.begun.send(()).map_err(io::Error::other)?;
            self.go_on.lock().recv().map_err(io::Error::other)?;
        }
        RealDisk.sync_data(file)
    }
    fn sync_all(&self, file: &File) -> io::Result<()> {
        RealDisk.sync_all(file)
    }
    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        RealDisk.cut(file, len)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

#[test]
fn on_a_slow_disk_nothing_is_committed_before_the_disk_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (begun, begins) = mpsc::sync_channel(1);
    let (go_on, wait) = mpsc::channel();
    let disk = SlowDisk {
        begun,
        go_on: Mutex::new(wait),
    };
    // The segment of the opening gets its header.
    go_on.send(()).unwrap();
    let mut writer = Writer::open_on(Arc::new(disk), dir.path(), options()).unwrap().0;
    begins.recv().unwrap();
    let reader = writer.reader();
    let before = reader.committed_seq();
    let (answered, answers) = mpsc::channel();
    let working = thread::spawn(move || {
        for _ in 0..3 {
            answered.send(commit(&mut writer, &["a", "b"]).unwrap()).unwrap();
        }
    });
    for n in 1..=3 {
        begins.recv().unwrap();
        // The batch is written and the disk has not said that it is there.
        assert_eq!(answers.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(reader.committed_seq(), before + 2 * (n - 1));
        assert_eq!(payloads(&reader).len() as u64, 2 * (n - 1));
        go_on.send(()).unwrap();
        assert_eq!(answers.recv().unwrap(), before + 2 * n);
    }
    working.join().unwrap();
}

// -- What the database has

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A journal of eight segments with one record each, the first six drained at `now`.
fn drained_six(disk: &FaultyDisk, dir: &Path, options: &Options, now: Instant) -> (Writer, Reader) {
    let (mut writer, _) = Writer::open_on(Arc::new(disk.clone()), dir, options.clone()).unwrap();
    let large = "x".repeat(2900);
    for n in 0..8 {
        commit(&mut writer, &[format!("{n}{large}").as_str()]).unwrap();
    }
    let reader = writer.reader();
    assert_eq!(reader.release_at(7, now).unwrap(), 6);
    (writer, reader)
}

/// The first digits of what is there.
fn digits(reader: &Reader) -> String {
    payloads(reader).iter().map(|payload| &payload[..1]).collect()
}

fn keeping(keep: Duration, keep_max: u64) -> Options {
    Options {
        keep,
        keep_max,
        ..options()
    }
}

#[test]
fn drained_segments_are_kept_for_their_time_and_count_as_kept() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (_writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
    assert_eq!(
        digits(&reader),
        "01234567",
        "a restored database could ask for them"
    );
    let each = reader.backlog_bytes() / 2;
    assert_eq!(reader.kept_bytes(), 6 * each);
    assert_eq!(reader.release_at(8, now + 23 * HOUR).unwrap(), 1);
    assert_eq!(digits(&reader), "01234567");
    assert_eq!(reader.release_at(8, now + 24 * HOUR).unwrap(), 0);
    assert_eq!(digits(&reader), "67");
    assert_eq!((reader.kept_bytes(), reader.backlog_bytes()), (each, each));
    reader.release_at(9, now + 100 * HOUR).unwrap();
    assert_eq!(digits(&reader), "7", "the segment being written stays");
}

#[test]
fn drained_segments_that_somebody_wants_stay_past_their_time_until_the_disk_is_full() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (mut writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
    let third = reader.read_from(0, 3, usize::MAX).unwrap()[2].seq;
    reader.want_from(Some(third));
    let all = reader.octets_from(0);
    reader.release_at(8, now + 100 * HOUR).unwrap();
    assert_eq!(
        digits(&reader),
        "234567",
        "one a segment, and the third is wanted"
    );
    assert_eq!(reader.wanted_gone(), 0);
    assert_eq!(reader.octets_from(third) * 8, all * 6);
    assert_eq!(reader.octets_from(reader.committed_seq()), 0);
    disk.fail(Fault {
        who: Who::Spare,
        times: ALWAYS,
        ..fault(Call::Reserve, Effect::None)
    });
    disk.fail(Fault {
        who: Who::Writer,
        error: io::ErrorKind::StorageFull,
        times: 1,
        ..fault(Call::Reserve, Effect::None)
    });
    let large = "x".repeat(2900);
    for n in 8..10 {
        commit(&mut writer, &[format!("{n}{large}").as_str()]).unwrap();
    }
    assert!(reader.wanted_gone() > 0, "a full disk takes what is wanted, too");
    reader.want_from(None);
    for hours in [200, 300] {
        reader.release_at(10, now + hours * HOUR).unwrap();
    }
    assert_eq!(digits(&reader), "9");
}

#[test]
fn no_more_drained_segments_are_kept_than_the_bound_allows_and_the_oldest_go_first() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (_writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 10_000), now);
    assert!(reader.kept_bytes() <= 10_000 && reader.kept_bytes() > 0);
    assert_eq!(digits(&reader), "45 67".replace(' ', ""));
}

#[test]
fn after_a_restart_kept_segments_do_not_wait_are_not_read_and_are_as_old_as_they_were() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let options = keeping(24 * HOUR, 1 << 30);
    let (writer, reader) = drained_six(&disk, dir.path(), &options, now);
    let backlog = reader.backlog_bytes();
    reader.release_at(7, now + 20 * HOUR).unwrap();
    drop((writer, reader));
    let (writer, report) = Writer::open_on(Arc::new(disk), dir.path(), options).unwrap();
    assert_eq!(
        (report.kept_segments, report.segments, report.records),
        (6, 2, 2),
        "{report}"
    );
    let (reader, now) = (writer.reader(), Instant::now());
    assert!(
        reader.backlog_bytes() <= backlog + SEGMENT_HEAD_LEN,
        "{}",
        reader.backlog_bytes()
    );
    assert_eq!(digits(&reader), "01234567");
    reader.release_at(7, now + 3 * HOUR).unwrap();
    assert_eq!(digits(&reader), "01234567");
    reader
        .release_at(7, now + 4 * HOUR + Duration::from_secs(60))
        .unwrap();
    assert_eq!(digits(&reader), "67");
}

#[test]
fn without_a_readable_mark_everything_waits_until_the_database_speaks() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let options = keeping(24 * HOUR, 1 << 30);
    drop(drained_six(&disk, dir.path(), &options, now));
    fs::write(
        dir.path().join("drained"),
        b"HEADDRN
 and then nothing that makes sense",
    )
    .unwrap();
    let (writer, report) = Writer::open_on(Arc::new(disk), dir.path(), options).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.kept_segments, report.records), (0, 8), "{report}");
    let reader = writer.reader();
    assert_eq!(reader.kept_bytes(), 0);
    assert_eq!(reader.release(7).unwrap(), 6);
    assert!(reader.kept_bytes() > reader.backlog_bytes());
}

#[test]
fn a_database_that_was_restored_from_a_backup_gets_again_what_is_kept() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let options = keeping(24 * HOUR, 1 << 30);
    drop(drained_six(&disk, dir.path(), &options, now));
    let (writer, _) = Writer::open_on(Arc::new(disk.clone()), dir.path(), options.clone()).unwrap();
    let reader = writer.reader();
    let (kept, backlog) = (reader.kept_bytes(), reader.backlog_bytes());
    let again = reader.read_from(3, usize::MAX, usize::MAX).unwrap();
    assert_eq!(again[0].seq, 3);
    reader.release(3).unwrap();
    assert_eq!(reader.kept_bytes(), kept / 6 * 2);
    assert_eq!(reader.backlog_bytes(), backlog + kept / 6 * 4);
    // And nothing of it goes, however old it is, until the database has it again.
    reader.release_at(3, Instant::now() + 1000 * HOUR).unwrap();
    assert_eq!(digits(&reader), "234567");
    drop((writer, reader));
    let (writer, _) = Writer::open_on(Arc::new(disk), dir.path(), options).unwrap();
    assert_eq!(writer.reader().kept_bytes(), 0, "the mark went back, too");
}

#[test]
fn records_of_failed_commits_stay_out_of_kept_segments_too() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FaultyDisk::default());
    let mut writer = open(&disk, dir.path());
    commit(&mut writer, &["a"]).unwrap();
    disk.fail(Fault {
        times: ALWAYS,
        ..fault(Call::Cut, Effect::None)
    });
    disk.fail(fault(Call::SyncData, Effect::All));
    commit(&mut writer, &["lost"]).unwrap_err();
    commit(&mut writer, &["b"]).unwrap();
    let reader = writer.reader();
    reader.release(2).unwrap();
    drop((writer, reader));
    let (writer, report) = Writer::open_on(Arc::new(disk), dir.path(), options()).unwrap();
    assert_eq!(report.kept_segments, 1);
    assert_eq!(payloads(&writer.reader()), ["a", "b"]);
    assert_eq!(writer.reader().missing_records(), 0);
}

#[test]
fn on_a_full_disk_kept_segments_go_before_a_commit_is_refused() {
    for who in [Who::Writer, Who::Spare] {
        let (dir, disk, now) = (
            tempfile::tempdir().unwrap(),
            FaultyDisk::default(),
            Instant::now(),
        );
        let (mut writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
        if who == Who::Writer {
            // No help from the other thread.
            disk.fail(Fault {
                who: Who::Spare,
                times: ALWAYS,
                ..fault(Call::Reserve, Effect::None)
            });
        }
        disk.fail(Fault {
            who,
            error: io::ErrorKind::StorageFull,
            times: 2,
            ..fault(Call::Reserve, Effect::None)
        });
        let large = "x".repeat(2900);
        for n in 8..12 {
            commit(&mut writer, &[format!("{}{large}", n % 10).as_str()]).unwrap();
        }
        assert_eq!(
            digits(&reader),
            "45678901",
            "two times two went for one new segment"
        );
        drop((writer, reader));
        let (writer, report) = Writer::open(dir.path(), keeping(24 * HOUR, 1 << 30)).unwrap();
        assert!(report.is_sound(), "{report}");
        assert_eq!(digits(&writer.reader()), "45678901");
    }
}

#[test]
fn a_full_disk_with_nothing_kept_refuses_and_never_touches_what_waits() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (mut writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
    for who in [Who::Writer, Who::Spare] {
        disk.fail(Fault {
            who,
            error: io::ErrorKind::StorageFull,
            times: ALWAYS,
            ..fault(Call::Reserve, Effect::None)
        });
    }
    let large = "x".repeat(2900);
    let refused = loop {
        if let Err(error) = commit(&mut writer, &[large.as_str()]) {
            break error;
        }
    };
    assert!(refused.is_full(), "{refused}");
    assert_eq!(reader.kept_bytes(), 0);
    assert_eq!(&digits(&reader)[..2], "67");
    disk.heal();
    commit(&mut writer, &[large.as_str()]).unwrap();
}

#[test]
fn a_mark_that_cannot_be_written_keeps_nothing_from_being_drained_or_deleted() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (_writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
    disk.fail(Fault {
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Write, Effect::Half)
    });
    reader.release_at(8, now + 24 * HOUR).unwrap();
    assert_eq!(digits(&reader), "67");
}

#[test]
fn a_drained_segment_that_cannot_be_deleted_is_named_once() {
    let (dir, disk, now) = (
        tempfile::tempdir().unwrap(),
        FaultyDisk::default(),
        Instant::now(),
    );
    let (_writer, reader) = drained_six(&disk, dir.path(), &keeping(24 * HOUR, 1 << 30), now);
    disk.fail(fault(Call::Remove, Effect::None));
    let error = reader.release_at(7, now + 24 * HOUR).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot delete the journal segment "),
        "{error}"
    );
    reader.release_at(7, now + 24 * HOUR).unwrap();
    assert_eq!(digits(&reader), "67");
}

fn any_call() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![
        Call::Reserve,
        Call::Write,
        Call::SyncData,
        Call::SyncAll,
        Call::Cut,
        Call::Rename,
        Call::Remove,
    ])
}

fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    let effect = prop::sample::select(vec![Effect::None, Effect::Half, Effect::All]);
    let error = prop::sample::select(vec![io::ErrorKind::Other, io::ErrorKind::StorageFull]);
    let who = prop::sample::select(vec![Who::Writer, Who::Spare]);
    let fault =
        (who, any_call(), effect, error, 0..3_usize).prop_map(|(who, call, effect, error, after)| Fault {
            who,
            call,
            effect,
            error,
            after,
            times: 1,
        });
    prop::option::weighted(0.6, fault)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever single call fails during each of many commits, before, between or after restarts: what was
    /// acknowledged is there, once and in order, and nothing else is.
    #[test]
    fn acknowledged_is_what_is_replayed(
        commits in prop::collection::vec((1..6_usize, 1..700_usize, any_fault(), any::<bool>(), any_fault()), 1..24),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let mut writer = open(&disk, dir.path());
        let mut acknowledged: Vec<String> = Vec::new();
        for (n, (records, len, fault, restart, fault_at_opening)) in commits.into_iter().enumerate() {
            let batch: Vec<String> = (0..records).map(|k| format!("{n}.{k}:{}", "x".repeat(len))).collect();
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            fault.into_iter().for_each(|fault| disk.fail(fault));
            match commit(&mut writer, &batch) {
                Ok(_) => acknowledged.extend(batch.into_iter().map(str::to_owned)),
                Err(JournalError::BatchFull { .. }) => writer.rollback(),
                Err(_) => {}
            }
            disk.heal();
            prop_assert_eq!(&payloads(&writer.reader()), &acknowledged);
            if restart {
                drop(writer);
                // As the clock does: numbers jump at each opening.
                writer = open_with(&disk, dir.path(), fault_at_opening, 1000 * n as u64);
                prop_assert_eq!(&payloads(&writer.reader()), &acknowledged);
                prop_assert_eq!(writer.reader().missing_records(), 0);
            }
        }
    }

    #[test]
    fn parsing_a_record_never_panics(octets in prop::collection::vec(any::<u8>(), 0..200), salt: u64) {
        let _ = record::parse(&octets, salt);
        let _ = record::resync(&octets, 0, salt, 0);
    }

    #[test]
    fn what_was_framed_is_parsed(payload in prop::collection::vec(any::<u8>(), 0..600), seq: u64, salt: u64, first: bool) {
        let mut batch = Vec::new();
        record::encode(seq, Kind::Accounting, first, &payload, &mut batch);
        record::checksum_batch(&mut batch, salt);
        let found = record::parse(&batch, salt).unwrap();
        prop_assert_eq!((found.seq, found.kind, found.batch_first, found.len), (seq, Kind::Accounting, first, batch.len()));
        prop_assert_eq!(found.payload, &payload[..]);
        prop_assert_eq!(record::parse(&batch, salt ^ 1), None, "a record of another file");
    }

    #[test]
    fn scanning_garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..600), bound: u64) {
        let mut octets = vec![0; SEGMENT_HEAD_LEN as usize];
        octets.extend_from_slice(&garbage);
        let found = scan::scan(&octets, Header { first_seq: 1, follows: 1, salt: 7 }, bound);
        prop_assert_eq!(found.records, 0);
    }
}

#[test]
fn a_record_inside_a_payload_does_not_pass_for_one() {
    // A peer places a well-made record in a packet; then the record around it is damaged, so that recovery searches.
    let (salt, guessed) = (0x5eed, 0);
    let mut forged = Vec::new();
    record::encode(1, Kind::Accounting, true, b"forged", &mut forged);
    record::checksum_batch(&mut forged, guessed);
    let mut batch = Vec::new();
    record::encode(1, Kind::Accounting, true, &forged, &mut batch);
    record::encode(2, Kind::Accounting, false, b"good", &mut batch);
    record::checksum_batch(&mut batch, salt);
    let good_at = batch.len() - record::record_len(4);
    batch[5] ^= 1;
    assert_eq!(record::resync(&batch, 1, salt, 1), Some(good_at));
    assert!(
        record::resync(&batch, 1, guessed, 1).is_some_and(|at| at < good_at),
        "the forgery itself is well made"
    );
}
