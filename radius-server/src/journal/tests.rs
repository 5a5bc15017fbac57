//! The journal on a disk that fails: every system call can be made to fail, before or after it had its effect.
//! What a caller sees of a healthy disk, of crashes and of damage is tested in `tests/it/journal.rs`.

use super::disk::{Disk, RealDisk};
use super::record::{self, Kind};
use super::segment::{Header, SEGMENT_HEAD_LEN};
use super::{JournalError, Options, Reader, Writer, scan};
use parking_lot::Mutex;
use proptest::prelude::*;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// A system call of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Reserve,
    Write,
    SyncData,
    SyncAll,
    Cut,
    Rename,
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
        for fault in plan
            .faults
            .iter_mut()
            .filter(|fault| fault.call == call && fault.times > 0)
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
}

fn options() -> Options {
    Options {
        segment_len: 4096,
        seq_floor: Some(1),
        ..Options::default()
    }
}

fn open(disk: &FaultyDisk, dir: &Path) -> Writer {
    Writer::open_on(Box::new(disk.clone()), dir, options()).unwrap().0
}

/// Opens while one call may fail; if that keeps it from opening, opens again without.
fn open_with(disk: &FaultyDisk, dir: &Path, fault: Option<Fault>, seq_floor: u64) -> Writer {
    let options = Options {
        seq_floor: Some(seq_floor),
        ..options()
    };
    fault.into_iter().for_each(|fault| disk.fail(fault));
    let opened = Writer::open_on(Box::new(disk.clone()), dir, options.clone());
    disk.heal();
    opened
        .or_else(|_| Writer::open_on(Box::new(disk.clone()), dir, options))
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
        commit(&mut writer, &["a"]).unwrap();
        disk.fail(fault(Call::SyncData, Effect::All));
        disk.fail(Fault {
            error,
            times: ALWAYS,
            ..fault(Call::Reserve, Effect::None)
        });
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
    for (call, after) in [(Call::Rename, 0), (Call::SyncAll, 1)] {
        for effect in [Effect::None, Effect::All] {
            let dir = tempfile::tempdir().unwrap();
            let disk = FaultyDisk::default();
            let mut writer = open(&disk, dir.path());
            commit(&mut writer, &["a"]).unwrap();
            let large = "x".repeat(2900);
            commit(&mut writer, &[large.as_str()]).unwrap();
            disk.fail(Fault {
                after,
                ..fault(call, effect)
            });
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
    commit(&mut writer, &[large.as_str()]).unwrap();
    let full = Fault {
        error: io::ErrorKind::StorageFull,
        times: ALWAYS,
        ..fault(Call::Write, Effect::Half)
    };
    disk.fail(Fault { after: 1, ..full });
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
    let (mut writer, report) = Writer::open_on(Box::new(disk.clone()), dir.path(), options()).unwrap();
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
    let (writer, report) = Writer::open_on(Box::new(disk), dir.path(), options).unwrap();
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
    let segments = std::fs::read_dir(dir.path()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".seg"))
    });
    assert_eq!(segments.count(), 1);
}

fn any_call() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![
        Call::Reserve,
        Call::Write,
        Call::SyncData,
        Call::SyncAll,
        Call::Cut,
        Call::Rename,
    ])
}

fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    let effect = prop::sample::select(vec![Effect::None, Effect::Half, Effect::All]);
    let error = prop::sample::select(vec![io::ErrorKind::Other, io::ErrorKind::StorageFull]);
    let fault = (any_call(), effect, error, 0..3_usize).prop_map(|(call, effect, error, after)| Fault {
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
