//! Reads a snapshot into a directory that holds nothing yet: all of it, or the directory is empty again.
//! Never panics, whatever stands in the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::secrets::{ChunkPlace, ChunkSealer, Sealer};
use radius_server::directory::{Plan, RealmsSpec, Subscriber};
use radius_server::{Directory, PartnerId};
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use super::record::{self, Record};
use super::{CHUNK_OCTETS_MAX, FILE, FORMAT, KEY_CONTEXT, KEY_OCTETS_MAX, MAGIC, Origin, SnapshotError};

/// Threads that open chunks.
const THREADS_MAX: usize = 4;
/// Chunks that wait for a thread, for each thread.
const WAITING_MAX: usize = 2;

/// What a snapshot held beside the directory.
#[derive(Debug)]
pub struct Restored {
    /// Where it comes from and how far it goes.
    pub origin: Origin,
    /// The plans that its subscribers share.
    pub plans: Vec<(Uuid, Arc<Plan>)>,
}

/// Reads the snapshot of a data directory; `None` when there is none.
///
/// # Errors
/// Why it is of no use; the directory is empty then.
pub fn read(
    data_dir: &Path,
    sealer: &Sealer,
    node: Uuid,
    directory: &Directory,
) -> Result<Option<Restored>, SnapshotError> {
    let path = data_dir.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(SnapshotError::Io {
                doing: "open",
                path,
                source,
            });
        }
    };
    let restored = read_from(BufReader::new(file), sealer, node, directory);
    if restored.is_err() {
        for partner in directory.partners() {
            directory.partner_remove(partner.id());
        }
    }
    restored.map(Some)
}

/// Reads a snapshot; on failure the directory holds a part of it.
pub(super) fn read_from(
    mut file: impl Read,
    sealer: &Sealer,
    node: Uuid,
    directory: &Directory,
) -> Result<Restored, SnapshotError> {
    let mut chunks = Chunks::begin(&mut file, sealer)?;
    let Some(first) = chunks.next_open()? else {
        return Err(damaged("it says nothing about itself"));
    };
    let origin = record::origin(&first).ok_or(damaged("what it says about itself cannot be read"))?;
    if origin.node != node {
        return Err(SnapshotError::OtherNode { node: origin.node });
    }
    let (mut plans, mut realms) = (Vec::new(), BTreeMap::new());
    let subscribers = loop {
        match chunks.next_open()? {
            Some(chunk) if holds_subscribers(&chunk) => break Some(chunk),
            Some(chunk) => put_shared(&chunk, &mut plans, &mut realms, directory)?,
            None => break None,
        }
    };
    for (partner, spec) in realms {
        let put = directory.realms_put(partner, spec);
        put.map_err(|_| damaged("a realm has no partner"))?;
    }
    if let Some(first) = subscribers {
        put_subscribers(&first, &plans, directory)?;
        put_all(&mut chunks, &plans, directory)?;
    }
    Ok(Restored { origin, plans })
}

/// Whether a chunk holds subscribers, and not what they share.
fn holds_subscribers(chunk: &[u8]) -> bool {
    matches!(record::record(&mut &*chunk, &[]), Some(Record::SubscribersOf(_)))
}

/// Puts partners and NAS, and collects plans and realms.
fn put_shared(
    mut chunk: &[u8],
    plans: &mut Vec<(Uuid, Arc<Plan>)>,
    realms: &mut BTreeMap<PartnerId, RealmsSpec>,
    directory: &Directory,
) -> Result<(), SnapshotError> {
    while !chunk.is_empty() {
        match record::record(&mut chunk, plans) {
            Some(Record::Partner {
                id,
                name,
                active,
                fold_case,
                garden,
                defaults,
            }) => {
                directory.partner_put(id, &name, active);
                directory.partner_fold_case(id, fold_case);
                directory.partner_garden(id, garden.map(|garden| *garden));
                directory.partner_defaults(id, *defaults);
            }
            Some(Record::Nas(nas)) => {
                let put = directory.nas_put(*nas);
                put.map_err(|_| damaged("two of its NAS have one address, or one has no partner"))?;
            }
            Some(Record::HomeServer(partner, server)) => {
                realms.entry(partner).or_default().servers.push(*server);
            }
            Some(Record::Realm(partner, realm)) => realms.entry(partner).or_default().realms.push(*realm),
            Some(Record::Plan { id, plan }) => plans.push((id, plan)),
            _ => return Err(damaged("a record of partners, NAS and plans cannot be read")),
        }
    }
    Ok(())
}

/// Puts the subscribers of the chunks that are left, on several threads.
fn put_all(
    chunks: &mut Chunks<impl Read>,
    plans: &[(Uuid, Arc<Plan>)],
    directory: &Directory,
) -> Result<(), SnapshotError> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX));
    let (sender, receiver) = sync_channel(threads * WAITING_MAX);
    let (receiver, sealer) = (Mutex::new(receiver), &chunks.sealer);
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| put_opened(&receiver, sealer, plans, directory)))
            .collect();
        let mut next = || next_sealed(&mut chunks.file, &mut chunks.position, &mut chunks.ended);
        let read = loop {
            match next() {
                // Nobody takes it once every thread has ended; why, they say.
                Ok(Some(chunk)) => match sender.send(chunk) {
                    Ok(()) => {}
                    Err(_) => break Ok(()),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(sender);
        for thread in working {
            let ended = thread.join();
            ended.unwrap_or(Err(damaged("a thread that read it ended early")))?;
        }
        read
    })
}

/// Opens chunks and puts their subscribers until there are no more, or one is of no use.
fn put_opened(
    chunks: &Mutex<Receiver<(ChunkPlace, Vec<u8>)>>,
    sealer: &ChunkSealer,
    plans: &[(Uuid, Arc<Plan>)],
    directory: &Directory,
) -> Result<(), SnapshotError> {
    let mut failed = Ok(());
    loop {
        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((place, mut chunk)) = next else {
            return failed;
        };
        // After a failure the rest is only taken away, so that whoever reads does not wait for ever.
        if failed.is_ok() {
            let opened = sealer.open(place, &mut chunk).map_err(SnapshotError::from);
            failed = opened.and_then(|()| put_subscribers(&chunk, plans, directory));
            chunk.zeroize();
        }
    }
}

/// Puts the subscribers of one chunk.
fn put_subscribers(
    mut chunk: &[u8],
    plans: &[(Uuid, Arc<Plan>)],
    directory: &Directory,
) -> Result<(), SnapshotError> {
    let wrong = || damaged("a record of subscribers cannot be read");
    let (mut partner, mut last) = (None, None);
    while !chunk.is_empty() {
        match record::record(&mut chunk, plans) {
            Some(Record::SubscribersOf(id)) => partner = Some(id),
            Some(Record::Subscriber(spec)) => {
                last = Some(spec.id);
                let put = directory.subscriber_put_all(partner.ok_or_else(wrong)?, [Subscriber::new(&spec)]);
                put.map_err(|_| damaged("a subscriber has no partner"))?;
            }
            Some(Record::Marks(marks)) => {
                let (partner, id) = (partner.ok_or_else(wrong)?, last.ok_or_else(wrong)?);
                directory.marks_put(partner, id, &marks);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

/// The chunks of a file being read.
struct Chunks<F> {
    /// The file, behind its head.
    file: F,
    /// Opens them.
    sealer: ChunkSealer,
    /// How many are read.
    position: u64,
    /// The last one was read.
    ended: bool,
}

impl<F: Read> Chunks<F> {
    /// Reads the head of a file.
    fn begin(mut file: F, sealer: &Sealer) -> Result<Self, SnapshotError> {
        let (magic, format) = (take::<8>(&mut file)?, u16::from_be_bytes(take(&mut file)?));
        if magic != MAGIC || format != FORMAT {
            return Err(SnapshotError::OtherFormat);
        }
        let key_octets = usize::from(u16::from_be_bytes(take(&mut file)?));
        if key_octets > KEY_OCTETS_MAX {
            return Err(damaged("its key is too long"));
        }
        let mut key = vec![0; key_octets];
        fill(&mut file, &mut key)?;
        let key = String::from_utf8(key).map_err(|_| damaged("its key is no text"))?;
        Ok(Self {
            file,
            sealer: ChunkSealer::resume(sealer, KEY_CONTEXT, &key)?,
            position: 0,
            ended: false,
        })
    }

    /// The next chunk, opened; `None` after the last.
    fn next_open(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, SnapshotError> {
        let Some((place, mut chunk)) = next_sealed(&mut self.file, &mut self.position, &mut self.ended)?
        else {
            return Ok(None);
        };
        self.sealer.open(place, &mut chunk)?;
        Ok(Some(Zeroizing::new(chunk)))
    }
}

/// The next chunk as it stands in the file; `None` after the last.
fn next_sealed(
    file: &mut impl Read,
    position: &mut u64,
    ended: &mut bool,
) -> Result<Option<(ChunkPlace, Vec<u8>)>, SnapshotError> {
    if *ended {
        let more = file.read(&mut [0]).map_err(read_failed)?;
        return if more == 0 {
            Ok(None)
        } else {
            Err(damaged("it goes on behind its end"))
        };
    }
    let octets = usize::try_from(u32::from_be_bytes(take(file)?)).unwrap_or(usize::MAX);
    let [last] = take(file)?;
    if octets > CHUNK_OCTETS_MAX || last > 1 {
        return Err(damaged("a chunk is too long"));
    }
    let mut chunk = vec![0; octets];
    fill(file, &mut chunk)?;
    let place = ChunkPlace {
        position: *position,
        last: last == 1,
    };
    *position += 1;
    *ended = place.last;
    Ok(Some((place, chunk)))
}

/// So many octets of the file.
fn take<const N: usize>(file: &mut impl Read) -> Result<[u8; N], SnapshotError> {
    let mut octets = [0; N];
    fill(file, &mut octets)?;
    Ok(octets)
}

/// Fills a slice from the file.
fn fill(file: &mut impl Read, octets: &mut [u8]) -> Result<(), SnapshotError> {
    file.read_exact(octets).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is cut off"),
        _ => read_failed(error),
    })
}

/// Words for a read that failed.
fn read_failed(source: io::Error) -> SnapshotError {
    SnapshotError::Io {
        doing: "read",
        path: FILE.into(),
        source,
    }
}

/// It holds something that cannot be.
fn damaged(what: &'static str) -> SnapshotError {
    SnapshotError::Damaged { what }
}
