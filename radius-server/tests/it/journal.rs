//! The journal from outside: what comes back after crashes, damage, a full disk and a second opener.
//! Failing system calls are in `src/journal/tests.rs`.

use proptest::prelude::*;
use radius_server::journal::{
    AccountingRecord, JournalError, Kind, Options, OwnedRecord, RECORD_PAYLOAD_LEN_MAX, Reader, RecordError,
    RecoveryReport, Writer,
    inspect::{self, State},
};
use radius_server::{NasId, PartnerId, SubscriberId};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Octets before the first record of a segment.
const HEAD_LEN: usize = 1024;
/// Octets of a record besides its payload.
const RECORD_HEAD_LEN: usize = 17;
/// For conditions that come about in milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn small() -> Options {
    Options {
        segment_len: 8192,
        seq_floor: Some(1),
        keep: Duration::ZERO,
        ..Options::default()
    }
}

fn open(dir: &Path) -> (Writer, RecoveryReport) {
    Writer::open(dir, small()).unwrap()
}

fn commit(writer: &mut Writer, payloads: &[&[u8]]) -> u64 {
    for payload in payloads {
        writer.append(Kind::Decision, payload).unwrap();
    }
    writer.commit().unwrap()
}

fn all(reader: &Reader) -> Vec<OwnedRecord> {
    reader.read_from(0, usize::MAX, usize::MAX).unwrap()
}

fn payloads(reader: &Reader) -> Vec<Vec<u8>> {
    all(reader)
        .into_iter()
        .map(|record| record.payload.into_vec())
        .collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    paths.sort();
    paths
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in segments(dir) {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

// -- Reading and releasing

#[test]
fn what_is_committed_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let reader = writer.reader();
    assert_eq!(writer.append(Kind::Accounting, b"one").unwrap(), 1);
    assert_eq!(writer.append(Kind::Decision, b"").unwrap(), 2);
    assert_eq!(all(&reader), [], "not committed yet");
    assert_eq!(writer.commit().unwrap(), 3);
    let read: Vec<_> = all(&reader)
        .into_iter()
        .map(|r| (r.seq, r.kind, r.payload.into_vec()))
        .collect();
    assert_eq!(
        read,
        [
            (1, Kind::Accounting, b"one".to_vec()),
            (2, Kind::Decision, Vec::new())
        ]
    );
    assert_eq!(reader.committed_seq(), 3);
}

#[test]
fn a_journal_that_only_reserves_its_segments_keeps_what_it_committed() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options {
        zeros: false,
        ..small()
    };
    let (mut writer, _report) = Writer::open(dir.path(), options()).unwrap();
    let written: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; 300]).collect();
    for payload in &written {
        commit(&mut writer, &[payload]);
    }
    assert!(segments(dir.path()).len() > 5, "it rolled over");
    assert_eq!(payloads(&writer.reader()), written);
    drop(writer);
    let (writer, report) = Writer::open(dir.path(), options()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(payloads(&writer.reader()), written);
}

#[test]
fn a_rolled_back_batch_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    writer.append(Kind::Decision, b"forgotten").unwrap();
    writer.rollback();
    commit(&mut writer, &[b"kept"]);
    assert_eq!(payloads(&writer.reader()), [b"kept"]);
}

#[test]
fn reading_keeps_its_bounds_and_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    for n in 0..100_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    assert!(
        segments(dir.path()).len() > 3,
        "the test is about several segments"
    );
    let reader = writer.reader();
    assert_eq!(reader.read_from(1, 7, usize::MAX).unwrap().len(), 7);
    assert_eq!(reader.read_from(1, usize::MAX, 900).unwrap().len(), 3);
    assert_eq!(reader.read_from(1, usize::MAX, 899).unwrap().len(), 2);
    assert_eq!(
        reader.read_from(50, usize::MAX, 10).unwrap()[0].seq,
        50,
        "one record, however large"
    );
    for step in [1, 3, 100] {
        let (mut next, mut seen) = (0, Vec::new());
        loop {
            let read = reader.read_from(next, step, usize::MAX).unwrap();
            let Some(last) = read.last() else { break };
            next = last.seq + 1;
            seen.extend(read.into_iter().map(|record| record.payload[0]));
        }
        assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    }
}

#[test]
fn a_cursor_beyond_the_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let end = commit(&mut writer, &[b"a"]);
    let reader = writer.reader();
    assert_eq!(reader.read_from(end, 9, 9).unwrap(), []);
    let error = reader.read_from(end + 1, 9, 9).unwrap_err();
    assert!(
        matches!(error, JournalError::Ahead { asked, committed, .. } if asked == end + 1 && committed == end)
    );
}

#[test]
fn release_deletes_whole_segments_below_and_never_the_one_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    for n in 0..60_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    let reader = writer.reader();
    let before = (segments(dir.path()).len(), reader.backlog_bytes());
    assert_eq!(reader.release(reader.first_seq()).unwrap(), 0);
    let released = reader.release(40).unwrap();
    assert!(released > 0);
    assert_eq!(segments(dir.path()).len(), before.0 - released);
    assert!(reader.backlog_bytes() < before.1);
    assert!(reader.first_seq() <= 40);
    assert_eq!(
        reader.read_from(40, 1, 1).unwrap()[0].seq,
        40,
        "nothing at or above the cursor is gone"
    );
    reader.release(reader.committed_seq()).unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    commit(&mut writer, &[b"next"]);
    assert_eq!(reader.read_from(61, 9, 999).unwrap()[0].payload[..], *b"next");
    drop((writer, reader));
    let (writer, report) = open(dir.path());
    assert!(report.is_sound(), "released records are not missing: {report}");
    assert_eq!(payloads(&writer.reader()).last().unwrap(), b"next");
}

#[test]
fn a_reader_keeps_reading_a_segment_that_is_released_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let (slow, fast) = (writer.reader(), writer.reader());
    for n in 0..60_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    assert_eq!(slow.read_from(1, 1, 999).unwrap()[0].seq, 1);
    fast.release(40).unwrap();
    let first_left = slow.read_from(2, 1, 999).unwrap()[0].seq;
    assert!((2..=40).contains(&first_left), "continues at {first_left}");
}

#[test]
fn a_commit_wakes_who_waits_and_calls_who_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let reader = writer.reader();
    let called = Arc::new(AtomicU64::new(0));
    let hook = Arc::clone(&called);
    reader.on_commit(Box::new(move |seq| hook.store(seq, Ordering::SeqCst)));
    assert_eq!(reader.wait_beyond(1, Duration::ZERO), 1, "nothing yet");
    let (told, heard) = mpsc::channel();
    let waiting = thread::spawn(move || told.send(reader.wait_beyond(1, PATIENCE)).unwrap());
    assert_eq!(commit(&mut writer, &[b"a", b"b"]), 3);
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), 3);
    waiting.join().unwrap();
    assert_eq!(called.load(Ordering::SeqCst), 3);
}

// -- Bounds

#[test]
fn too_much_backlog_is_refused_until_some_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        backlog_max: 40_000,
        ..small()
    };
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    let reader = writer.reader();
    let mut acknowledged = 0;
    let refused = loop {
        match writer.append(Kind::Accounting, &[1; 500]) {
            Ok(_) => acknowledged = writer.commit().unwrap(),
            Err(error) => break error,
        }
    };
    assert!(refused.is_full());
    assert!(
        refused
            .to_string()
            .contains("wait to be drained into the database, 40000 are allowed"),
        "{refused}"
    );
    assert!(reader.backlog_bytes() <= 40_000);
    assert_eq!(all(&reader).last().unwrap().seq + 1, acknowledged);
    reader.release(acknowledged).unwrap();
    commit(&mut writer, &[&[2; 500]]);
}

#[test]
fn an_append_that_is_refused_leaves_the_batch_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    writer.append(Kind::Decision, &[1; 4000]).unwrap();
    let error = writer.append(Kind::Decision, &[2; 4000]).unwrap_err();
    assert!(
        matches!(error, JournalError::BatchFull { records: 1, .. }),
        "{error}"
    );
    let error = writer.append(Kind::Decision, &[3; 8000]).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::PayloadTooLarge {
                len: 8000,
                allowed: 7151
            }
        ),
        "{error}"
    );
    writer.commit().unwrap();
    writer.append(Kind::Decision, &[2; 4000]).unwrap();
    writer.commit().unwrap();
    let lens: Vec<_> = payloads(&writer.reader())
        .iter()
        .map(|payload| (payload[0], payload.len()))
        .collect();
    assert_eq!(lens, [(1, 4000), (2, 4000)]);
}

#[test]
fn the_largest_payload_is_taken_and_a_larger_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_len: 1 << 20,
        ..small()
    };
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    let largest = vec![9; RECORD_PAYLOAD_LEN_MAX];
    commit(&mut writer, &[&largest, b"behind", &largest]);
    assert_eq!(payloads(&writer.reader()), [&largest[..], b"behind", &largest]);
    writer
        .append(Kind::Decision, &vec![9; RECORD_PAYLOAD_LEN_MAX + 1])
        .unwrap_err();
}

#[test]
fn a_batch_as_large_as_a_segment_fits_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let exact = vec![7; 8192 - HEAD_LEN - RECORD_HEAD_LEN];
    commit(&mut writer, &[b"before"]);
    commit(&mut writer, &[&exact]);
    commit(&mut writer, &[b"after"]);
    drop(writer);
    let (writer, report) = open(dir.path());
    assert!(report.is_sound(), "{report}");
    assert_eq!(payloads(&writer.reader()), [b"before", &exact[..], b"after"]);
}

// -- Opening

#[test]
fn a_second_opener_is_told_that_the_journal_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, _) = open(dir.path());
    let reader = writer.reader();
    let error = Writer::open(dir.path(), small()).err().unwrap();
    assert!(matches!(&error, JournalError::Locked { dir: locked } if locked == dir.path()));
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(writer);
    assert!(
        Writer::open(dir.path(), small()).is_err(),
        "a reader still releases segments"
    );
    drop(reader);
    open(dir.path());
}

#[test]
fn sequence_numbers_are_never_used_again_even_when_the_directory_was_wiped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/when/missing");
    let mut last = 0;
    for wiped in [false, false, true, false, true] {
        if wiped {
            fs::remove_dir_all(&path).unwrap();
        }
        let (mut writer, report) = Writer::open(&path, Options::default()).unwrap();
        assert!(report.is_sound(), "a jump at opening is no loss: {report}");
        let seq = writer.append(Kind::Decision, b"x").unwrap();
        writer.commit().unwrap();
        assert!(seq > last, "{seq} after {last}");
        last = seq;
    }
}

#[test]
fn an_unfinished_segment_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0000000000000001.tmp"), [0; 100]).unwrap();
    let (writer, report) = open(dir.path());
    assert!(report.is_sound());
    assert_eq!(payloads(&writer.reader()), [b""; 0]);
    assert!(!dir.path().join("0000000000000001.tmp").exists());
}

#[test]
fn a_journal_of_a_newer_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    commit(&mut writer, &[b"a"]);
    drop(writer);
    let path = &segments(dir.path())[0];
    let mut octets = fs::read(path).unwrap();
    octets[8] = 99;
    let crc = crc32c::crc32c(&octets[..40]).to_le_bytes();
    octets[40..44].copy_from_slice(&crc);
    fs::write(path, &octets).unwrap();
    let error = Writer::open(dir.path(), small()).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("has format version 99, this program reads version 1"),
        "{error}"
    );
    assert_eq!(fs::read(path).unwrap(), octets);
}

#[test]
fn a_directory_that_cannot_be_written_is_named_in_the_error() {
    const DIR: &str = "HEADEND_TEST_READ_ONLY_DIR";
    if let Some(dir) = std::env::var_os(DIR) {
        // The child: somebody else's directory.
        let error = Writer::open(Path::new(&dir), small()).err().unwrap();
        let JournalError::Io { path, source, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
        assert!(path.starts_with(&dir), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("cannot open the journal's lock file "),
            "{error}"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere, so the child is somebody else; its program must be where that one can read it.
    let program = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let exe = program.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let mut child = Command::new(&exe);
    child
        .args([
            "--exact",
            "journal::a_directory_that_cannot_be_written_is_named_in_the_error",
        ])
        .env(DIR, dir.path());
    if rustix::process::geteuid().is_root() {
        child.uid(65_534).gid(65_534);
    }
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "the child ran the test"
    );
}

#[test]
fn a_path_that_is_a_file_is_named_in_the_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Writer::open(file.path(), small()).err().unwrap();
    assert!(
        error.to_string().contains(&file.path().display().to_string()),
        "{error}"
    );
}

/// A small file system of our own, unmounted when dropped.
pub struct SmallDisk(pub TempDir);

impl SmallDisk {
    /// `None` when we are not allowed to mount.
    pub fn mount(octets: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = std::ffi::CString::new(format!("size={octets}")).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("none", dir.path(), "tmpfs", flags, options.as_c_str()).ok()?;
        Some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_refuses_commits_until_there_is_space_again() {
    // Only root may mount; the same is tested with failing calls for everybody.
    let Some(disk) = SmallDisk::mount(256 * 1024) else {
        assert!(!rustix::process::geteuid().is_root() || Path::new("/.dockerenv").exists());
        return;
    };
    let dir = disk.0.path().join("journal");
    let options = Options {
        segment_len: 64 * 1024,
        ..small()
    };
    let (mut writer, _) = Writer::open(&dir, options.clone()).unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        writer.append(Kind::Accounting, &[5; 4000]).unwrap();
        match writer.commit() {
            Ok(end) => acknowledged = end,
            Err(error) => break error,
        }
    };
    assert!(refused.is_full(), "{refused}");
    assert!(
        refused.to_string().contains("no space left on the disk"),
        "{refused}"
    );
    let reader = writer.reader();
    assert_eq!(all(&reader).last().unwrap().seq + 1, acknowledged);
    assert!(
        writer.append(Kind::Accounting, b"x").is_ok() && writer.commit().is_ok(),
        "a small one still fits"
    );
    let end = reader.committed_seq();
    drop((writer, reader));

    let (mut writer, report) = Writer::open(&dir, options).unwrap();
    assert!(report.full && report.is_sound(), "{report}");
    let reader = writer.reader();
    assert_eq!(reader.committed_seq(), end);
    writer.append(Kind::Accounting, b"lost").unwrap();
    assert!(writer.commit().unwrap_err().is_full());
    reader.release(20).unwrap();
    commit(&mut writer, &[b"after"]);
    assert_eq!(payloads(&reader).last().unwrap(), b"after");
}

// -- Crashes

#[test]
fn a_batch_cut_short_anywhere_leaves_the_batches_before_it_and_whole_records_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let before: [&[u8]; 3] = [b"first", b"", &[3; 40]];
    let last: [&[u8]; 4] = [b"fourth", b"fifth, with zeros \0\0\0\0", b"", &[0; 30]];
    commit(&mut writer, &before);
    commit(&mut writer, &last);
    drop(writer);
    let octets = fs::read(&segments(dir.path())[0]).unwrap();
    let ends: Vec<usize> = before
        .iter()
        .chain(&last)
        .scan(HEAD_LEN, |at, payload| {
            *at += RECORD_HEAD_LEN + payload.len();
            Some(*at)
        })
        .collect();
    for cut in ends[2]..=ends[6] {
        // The file is short; it has its zeros; it has something else than what was being written.
        let zeros = [&octets[..cut], &vec![0; octets.len() - cut]].concat();
        let garbage = [&octets[..cut], &[0xa5; 64][..], &vec![0; octets.len() - cut - 64]].concat();
        for (shape, torn) in [
            ("short", octets[..cut].to_vec()),
            ("zeros", zeros),
            ("garbage", garbage),
        ] {
            let copy = copy_of(dir.path());
            fs::write(&segments(copy.path())[0], &torn).unwrap();
            let (mut writer, report) = open(copy.path());
            let mut read = payloads(&writer.reader());
            // As far as the file is as it was written: a payload that ends in zeros is whole without its last octets.
            let is_whole = |end: &&usize| torn.get(..**end) == Some(&octets[..**end]);
            let whole = ends.iter().filter(is_whole).count();
            let all_of_it: Vec<Vec<u8>> = before
                .iter()
                .chain(&last)
                .map(|payload| payload.to_vec())
                .collect();
            assert_eq!(read, all_of_it[..whole], "{shape} cut at {cut}: {report}");
            assert!(report.is_sound(), "a torn tail is no damage: {report}");
            commit(&mut writer, &[b"goes on"]);
            drop(writer);
            let (writer, report) = open(copy.path());
            assert!(
                report.is_sound() && report.torn_octets == 0,
                "found once: {report}"
            );
            read.push(b"goes on".to_vec());
            assert_eq!(payloads(&writer.reader()), read);
        }
    }
}

/// What the child of the kill test is told through.
const CHILD_DIR: &str = "HEADEND_TEST_JOURNAL_DIR";
const CHILD_SOCKET: &str = "HEADEND_TEST_JOURNAL_SOCKET";
const CHILD_ROUND: &str = "HEADEND_TEST_JOURNAL_ROUND";

#[test]
fn everything_acknowledged_before_kill_9_is_there_exactly_once() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        write_until_killed(Path::new(&dir));
    }
    const ROUNDS: u64 = 24;
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let socket = dir.path().join("acknowledged");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "journal::everything_acknowledged_before_kill_9_is_there_exactly_once",
            ])
            .env(CHILD_DIR, &journal)
            .env(CHILD_SOCKET, &socket)
            .env(CHILD_ROUND, round.to_string())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let (mut pipe, _) = listener.accept().unwrap();
        // A different moment every time: from before the first commit to hundreds of batches.
        let (before, mut number) = (acknowledged.len() as u64, [0; 8]);
        while acknowledged.len() as u64 - before < round * round * 5 {
            pipe.read_exact(&mut number).unwrap();
            acknowledged.push(u64::from_le_bytes(number));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while pipe.read_exact(&mut number).is_ok() {
            acknowledged.push(u64::from_le_bytes(number));
        }
        check_acknowledged(&journal, &acknowledged);
    }
    assert!(acknowledged.len() > 10_000, "{} acknowledged", acknowledged.len());
}

/// The child: commits batches of different sizes and says what is durable, until it is killed.
fn write_until_killed(dir: &Path) -> ! {
    let mut pipe = UnixStream::connect(std::env::var_os(CHILD_SOCKET).unwrap()).unwrap();
    let round: u64 = std::env::var(CHILD_ROUND).unwrap().parse().unwrap();
    let options = Options {
        segment_len: 64 * 1024,
        ..Options::default()
    };
    let (mut writer, _) = Writer::open(dir, options).unwrap();
    let mut number = round << 32;
    loop {
        let mut numbers = Vec::new();
        for _ in 0..=(number % 37) {
            let filler = vec![number as u8; (number % 211) as usize];
            writer
                .append(Kind::Accounting, &[&number.to_le_bytes(), &filler[..]].concat())
                .unwrap();
            numbers.extend_from_slice(&number.to_le_bytes());
            number += 1;
        }
        writer.commit().unwrap();
        pipe.write_all(&numbers).unwrap();
    }
}

#[track_caller]
fn check_acknowledged(journal: &Path, acknowledged: &[u64]) {
    let (writer, report) = Writer::open(journal, small()).unwrap();
    assert!(report.is_sound(), "{report}");
    let mut times = BTreeMap::new();
    let mut last = None;
    for record in all(&writer.reader()) {
        let number = u64::from_le_bytes(record.payload[..8].try_into().unwrap());
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
        assert!(record.payload[8..].iter().all(|octet| *octet == number as u8));
        assert_eq!(record.payload.len() as u64, 8 + number % 211);
        *times.entry(number).or_insert(0) += 1;
    }
    for number in acknowledged {
        assert_eq!(times.get(number), Some(&1), "record {number:#x} was acknowledged");
    }
}

// -- Damage

#[test]
fn damage_in_the_middle_is_skipped_reported_and_kept_for_examination() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    for n in 0..60_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    drop(writer);
    let path = segments(dir.path())[1].clone();
    let first = u64::from_str_radix(path.file_stem().unwrap().to_str().unwrap(), 16).unwrap();
    // The third and the fourth record of the second segment, at their border.
    let border = HEAD_LEN + 3 * (RECORD_HEAD_LEN + 300);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 30], border as u64 - 10).unwrap();
    let damaged = fs::read(&path).unwrap();

    for opening in 0..3 {
        let (mut writer, report) = open(dir.path());
        assert_eq!(report.missing_records, 2, "{report}");
        let gap = &report.gaps[0];
        assert_eq!(
            (gap.from_seq, gap.to_seq, &gap.path),
            (first + 2, first + 4, &path)
        );
        assert!(!gap.in_last_batch, "batches follow it");
        assert!(report.to_string().contains("ARE MISSING"), "{report}");
        let kept = report.damages[0].kept_as.clone().unwrap();
        assert_eq!(kept, path.with_extension("seg.corrupt"));
        assert_eq!(fs::read(kept).unwrap(), damaged);
        let reader = writer.reader();
        let seen: Vec<u64> = all(&reader).iter().map(|record| record.seq).collect();
        let expected = (1..61 + opening).filter(|seq| ![first + 2, first + 3].contains(seq));
        assert_eq!(seen, expected.collect::<Vec<_>>());
        assert_eq!(
            reader.missing_records(),
            2,
            "reading across it does not count it again"
        );
        commit(&mut writer, &[b"more"]);
    }
    let (writer, _) = open(dir.path());
    let reader = writer.reader();
    reader.release(reader.committed_seq()).unwrap();
    assert!(
        path.with_extension("seg.corrupt").exists(),
        "a person decides when it goes"
    );
}

#[test]
fn damage_that_comes_while_reading_is_skipped_and_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    commit(&mut writer, &[b"one", b"two", b"three"]);
    let second_at = HEAD_LEN + RECORD_HEAD_LEN + 3;
    let file = OpenOptions::new()
        .write(true)
        .open(&segments(dir.path())[0])
        .unwrap();
    file.write_all_at(b"\xff", second_at as u64 + 4).unwrap();
    let reader = writer.reader();
    for _ in 0..2 {
        assert_eq!(payloads(&reader), [&b"one"[..], b"three"]);
        assert_eq!(reader.missing_records(), 1);
    }
}

#[test]
fn the_lost_end_of_a_finished_segment_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    for n in 0..40_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    drop(writer);
    let paths = segments(dir.path());
    let len = fs::metadata(&paths[0]).unwrap().len();
    File::options()
        .write(true)
        .open(&paths[0])
        .unwrap()
        .set_len(len - 1)
        .unwrap();
    let (writer, report) = open(dir.path());
    assert_eq!(report.missing_records, 1, "{report}");
    assert_eq!(payloads(&writer.reader()).len(), 39);
}

#[test]
fn a_segment_without_a_readable_header_is_set_aside_and_its_numbers_are_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    for n in 0..100_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    drop(writer);
    let paths = segments(dir.path());
    for path in [&paths[1], &paths[paths.len() - 1]] {
        OpenOptions::new()
            .write(true)
            .open(path)
            .unwrap()
            .write_all_at(&[0xff; 600], 0)
            .unwrap();
    }
    let (mut writer, report) = open(dir.path());
    assert_eq!(report.damages.len(), 2, "{report}");
    assert!(report.missing_records > 0 && !report.gaps.is_empty(), "{report}");
    assert!(paths[1].with_extension("seg.corrupt").exists() && !paths[1].exists());
    assert!(payloads(&writer.reader()).len() < 100);
    let seq = writer.append(Kind::Decision, b"x").unwrap();
    assert!(seq > 100, "{seq} may have been drained already");
}

#[test]
fn a_segment_with_one_readable_header_loses_nothing_and_its_copy_stays_as_it_was_found() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    commit(&mut writer, &[b"one", b"two"]);
    drop(writer);
    let path = segments(dir.path())[0].clone();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&[0xff; 44], 0)
        .unwrap();
    let found = fs::read(&path).unwrap();
    for _ in 0..2 {
        let (writer, report) = open(dir.path());
        assert_eq!((report.damages.len(), report.missing_records), (1, 0), "{report}");
        assert_eq!(
            fs::read(report.damages[0].kept_as.as_ref().unwrap()).unwrap(),
            found
        );
        assert_eq!(payloads(&writer.reader()), [b"one", b"two"]);
    }
}

fn flips() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..8192_usize, 0..8_u8), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_cost_only_the_records_they_hit(
        lens in prop::collection::vec(prop::collection::vec(0..200_usize, 1..6), 1..8),
        flips in flips(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(dir.path());
        let mut at = HEAD_LEN;
        let mut written = Vec::new();
        for batch in &lens {
            for len in batch {
                let payload = vec![written.len() as u8; *len];
                let seq = writer.append(Kind::Accounting, &payload).unwrap();
                written.push((seq, at..at + RECORD_HEAD_LEN + len, payload));
                at += RECORD_HEAD_LEN + len;
            }
            writer.commit().unwrap();
        }
        drop(writer);
        let path = segments(dir.path())[0].clone();
        let mut octets = fs::read(&path).unwrap();
        for (at, bit) in &flips {
            octets[*at] ^= 1 << bit;
        }
        // The same bit twice is no flip.
        let is_flipped = |at: &usize| {
            (0..8).any(|bit| flips.iter().filter(|flip| **flip == (*at, bit)).count() % 2 == 1)
        };
        fs::write(&path, &octets).unwrap();
        let headless = (0..44).any(|at| is_flipped(&at)) && (512..556).any(|at| is_flipped(&at));
        let intact: Vec<_> = written
            .iter()
            .filter(|(_, octets, _)| !headless && !octets.clone().any(|at| is_flipped(&at)))
            .map(|(seq, _, payload)| (*seq, payload.clone()))
            .collect();

        let (mut writer, report) = open(dir.path());
        let seen: Vec<_> = all(&writer.reader()).into_iter().map(|r| (r.seq, r.payload.into_vec())).collect();
        prop_assert_eq!(&seen, &intact, "{}", report);
        let last_seen = seen.last().map_or(0, |(seq, _)| *seq);
        if !headless {
            prop_assert_eq!(report.missing_records, last_seen - seen.len() as u64, "{}", report);
        }
        let next = writer.append(Kind::Decision, b"next").unwrap();
        prop_assert!(next > last_seen);
        writer.commit().unwrap();
        drop(writer);
        let (writer, _) = open(dir.path());
        let again: Vec<_> = all(&writer.reader()).into_iter().map(|r| (r.seq, r.payload.into_vec())).collect();
        prop_assert_eq!(&again[..seen.len()], &seen[..], "the same at the second opening");
        prop_assert_eq!(again.len(), seen.len() + 1);
    }

    #[test]
    fn opening_never_panics_whatever_the_files_hold(garbage in prop::collection::vec(any::<u8>(), 0..4096)) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0000000000000005.seg"), &garbage).unwrap();
        let (writer, report) = open(dir.path());
        prop_assert_eq!(report.damages.len(), 1);
        prop_assert_eq!(all(&writer.reader()), []);
    }

    // -- The accounting record

    #[test]
    fn an_accounting_record_is_decoded_as_it_was_encoded(
        received_unix_us: i64, ids: [[u8; 16]; 3], has_subscriber: bool, v6: Option<[u8; 16]>, v4: [u8; 4], port: u16,
        packet in prop::collection::vec(any::<u8>(), 0..4096),
    ) {
        let source = v6.map_or_else(|| SocketAddr::from((v4, port)), |address| SocketAddr::from((address, port)));
        let record = AccountingRecord {
            received_unix_us,
            nas: NasId::from_bytes(ids[0]),
            partner: PartnerId::from_bytes(ids[1]),
            subscriber: has_subscriber.then(|| SubscriberId::from_bytes(ids[2])),
            source,
            packet: &packet,
        };
        let mut payload = vec![1, 2, 3];
        record.encode(&mut payload);
        prop_assert_eq!(AccountingRecord::decode(&payload).unwrap(), record);
        for len in 0..payload.len() - packet.len() {
            prop_assert_eq!(AccountingRecord::decode(&payload[..len]), Err(RecordError::TooShort { len }));
        }
    }

    #[test]
    fn decoding_an_accounting_record_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = AccountingRecord::decode(&payload);
        let known = [&[1][..], &payload].concat();
        let _ = AccountingRecord::decode(&known);
    }
}

// -- A server that starts on damage

/// Six full segments and a seventh, one record of 300 octets after the other.
fn seven_segments(dir: &Path) -> Vec<PathBuf> {
    let (mut writer, _) = open(dir);
    for n in 0..140_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    drop(writer);
    let paths = segments(dir);
    assert_eq!(paths.len(), 7);
    paths
}

/// What is done to a segment, and how many records that may cost at most.
type Damaging = (&'static str, fn(&Path), usize);

const DAMAGES: [Damaging; 7] = [
    ("a flipped bit", |path| overwrite(path, 3000, &[0x55]), 1),
    ("a zeroed sector", |path| overwrite(path, 4096, &[0; 512]), 3),
    ("a truncated file", |path| cut(path, 4000), 13),
    ("an empty file", |path| cut(path, 0), 22),
    ("a missing file", |path| fs::remove_file(path).unwrap(), 22),
    ("a file of zeros", |path| overwrite(path, 0, &[0; 8192]), 22),
    (
        "no file at all",
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        22,
    ),
];

fn overwrite(path: &Path, at: u64, octets: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(octets, at).unwrap();
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(len)
        .unwrap();
}

#[test]
fn whatever_is_damaged_in_the_middle_the_rest_is_served_reported_and_drained() {
    for (what, damage, records_max) in DAMAGES {
        let dir = tempfile::tempdir().unwrap();
        let paths = seven_segments(dir.path());
        damage(&paths[2]);
        let before = inspect::inspect(dir.path(), &mut |_| {});
        let mut kept = 0;
        for opening in 0..3_usize {
            let (mut writer, report) = open(dir.path());
            let seen = payloads(&writer.reader());
            let lost = 140 + opening - seen.len();
            assert!((1..=records_max).contains(&lost), "{what}: {lost} are lost");
            if opening == 0 {
                assert!(
                    !report.is_sound() && report.missing_records == lost as u64,
                    "{what}: {report}"
                );
                kept = copies(dir.path());
            } else {
                assert_eq!(copies(dir.path()), kept, "{what}: no second copy");
                assert_eq!(report.kept_copies, kept, "{what}: {report}");
                let told = format!("{kept} copies of damaged segments are kept from before");
                assert_eq!(report.to_string().contains(&told), kept > 0, "{what}: {report}");
            }
            commit(&mut writer, &[b"more"]);
        }
        assert_eq!(kept, usize::from(what != "a missing file"), "{what}");
        let (writer, _) = open(dir.path());
        let reader = writer.reader();
        // The drain: reads in steps to the end, then lets go of all.
        let mut next = 0;
        while let Some(last) = reader.read_from(next, 10, usize::MAX).unwrap().last() {
            next = last.seq + 1;
        }
        assert_eq!(next, reader.committed_seq(), "{what}");
        reader.release(next).unwrap();
        drop((writer, reader));
        let (_writer, report) = open(dir.path());
        assert!(
            report.is_sound(),
            "{what}: once it is drained the damage is history: {report}"
        );
        // Looking from outside saw it, too, unless there was no file to look into.
        assert!(before.is_err() || !before.unwrap().is_sound(), "{what}");
    }
}

/// How many copies of damaged segments there are.
fn copies(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with(".corrupt"))
        .count()
}

#[test]
fn kept_segments_make_room_on_a_real_disk_before_a_commit_is_refused() {
    let Some(disk) = SmallDisk::mount(512 * 1024) else {
        assert!(!rustix::process::geteuid().is_root() || Path::new("/.dockerenv").exists());
        return;
    };
    let options = Options {
        segment_len: 64 * 1024,
        keep: Duration::from_secs(86_400),
        ..small()
    };
    let (mut writer, _) = Writer::open(&disk.0.path().join("journal"), options).unwrap();
    let reader = writer.reader();
    for _ in 0..200 {
        writer.append(Kind::Accounting, &[5; 8000]).unwrap();
        let next = writer.commit().unwrap();
        reader.release(next).unwrap();
    }
    assert!(reader.kept_bytes() > 64 * 1024, "what fits is kept");
    let refused = loop {
        writer.append(Kind::Accounting, &[5; 8000]).unwrap();
        if let Err(error) = writer.commit() {
            break error;
        }
    };
    assert!(refused.is_full(), "{refused}");
    assert_eq!(reader.kept_bytes(), 0, "all that was kept went first");
    let waiting = all(&reader).len();
    reader.release(reader.committed_seq()).unwrap();
    writer.append(Kind::Accounting, &[5; 8000]).unwrap();
    writer.commit().unwrap();
    assert!(waiting > 30, "{waiting}");
}

// -- Looking from outside

#[test]
fn looking_at_a_journal_in_use_shows_what_is_there_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        keep: Duration::from_secs(86_400),
        ..small()
    };
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    for n in 0..60_u8 {
        commit(&mut writer, &[&[n; 300]]);
    }
    writer.reader().release(30).unwrap();
    let mut seen = Vec::new();
    let found = inspect::inspect(dir.path(), &mut |record| seen.push(record.payload[0])).unwrap();
    assert_eq!(seen, (0..60).collect::<Vec<u8>>());
    assert!(found.is_sound(), "{found:?}");
    assert_eq!(found.drained_seq, Some(30));
    let states: Vec<_> = found.segments.iter().map(|segment| segment.state).collect();
    assert_eq!(states, [State::Drained, State::Waiting, State::Active]);
    let edges: Vec<_> = found
        .segments
        .iter()
        .map(|segment| {
            (
                segment.first.unwrap().seq,
                segment.last.unwrap().seq,
                segment.records,
            )
        })
        .collect();
    assert_eq!((edges[0].0, edges[2].1), (1, 60));
    assert!(
        edges
            .iter()
            .all(|(first, last, records)| last - first + 1 == *records)
    );
    commit(&mut writer, &[b"the writer noticed nothing"]);
}

#[test]
fn looking_while_a_writer_writes_never_sees_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let stop = Arc::new(AtomicU64::new(0));
    let stopped = Arc::clone(&stop);
    let writing = thread::spawn(move || {
        let mut n = 0_usize;
        while stopped.load(Ordering::Relaxed) == 0 {
            commit(&mut writer, &[&[7; 900], &[8; 1700], &[9; 300]]);
            n += 1;
            if n.is_multiple_of(7) {
                writer.reader().release(writer.reader().committed_seq()).unwrap();
            }
        }
    });
    for _ in 0..200 {
        let mut last = 0;
        let found = inspect::inspect(dir.path(), &mut |record| {
            assert!(record.seq > last);
            last = record.seq;
        });
        let found = found.unwrap();
        assert!(found.is_sound(), "{found:?}");
    }
    stop.store(1, Ordering::Relaxed);
    writing.join().unwrap();
}

#[test]
fn looking_at_damage_says_which_records_are_gone_and_repairs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let paths = seven_segments(dir.path());
    overwrite(&paths[1], 3000, &[0x55]);
    fs::remove_file(&paths[3]).unwrap();
    let before: Vec<_> = segments(dir.path())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    let found = inspect::inspect(dir.path(), &mut |_| {}).unwrap();
    let damaged: Vec<_> = found
        .segments
        .iter()
        .filter(|segment| !segment.damage.is_empty())
        .map(|segment| (segment.path.clone(), segment.damage.len()))
        .collect();
    assert_eq!(damaged, [(paths[1].clone(), 1), (paths[4].clone(), 1)]);
    assert!(
        found.segments[1].damage[0].contains("are unreadable"),
        "{found:?}"
    );
    assert!(
        found.segments[3].damage[0].contains("are in no segment"),
        "{found:?}"
    );
    let after: Vec<_> = segments(dir.path())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert_eq!(before, after);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn looking_never_panics_whatever_the_files_hold(garbage in prop::collection::vec(any::<u8>(), 0..4096), mark in prop::collection::vec(any::<u8>(), 0..64)) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0000000000000005.seg"), &garbage).unwrap();
        fs::write(dir.path().join("drained"), &mark).unwrap();
        let found = inspect::inspect(dir.path(), &mut |_| {}).unwrap();
        prop_assert!(!found.is_sound());
    }
}
