//! Writes the directory to its file: all of it or nothing, on disk before it has its name.
//! Never holds a lock of the directory for longer than it takes to copy one shard's pointers.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use kernel::secrets::{ChunkPlace, ChunkSealer, Sealer};
use radius_server::Directory;
use radius_server::directory::{CoaTarget, Nas, NasGuard, NasSpec, Plan};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::record;
use super::{CHUNK_OCTETS, FILE, FORMAT, KEY_CONTEXT, MAGIC, Origin, SnapshotError};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Subscribers in it.
    pub subscribers: u64,
    /// Octets of the file.
    pub octets: u64,
}

/// Writes a snapshot of the directory into a data directory, in place of the one that is there.
///
/// # Errors
/// [`SnapshotError::Io`], [`SnapshotError::Shut`] without randomness, [`SnapshotError::Overtaken`]; the old one stays then.
pub fn write(
    data_dir: &Path,
    sealer: &Sealer,
    origin: &Origin,
    directory: &Directory,
    plans: &[(Uuid, Arc<Plan>)],
) -> Result<Written, SnapshotError> {
    let (path, unfinished) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.unfinished")));
    let failed = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| SnapshotError::Io { doing, path, source }
    };
    let file = create(&unfinished).map_err(failed("create", &unfinished))?;
    let written = Chunks::begin(file, sealer).and_then(|chunks| fill(chunks, origin, directory, plans));
    let done = written.and_then(|(file, written)| {
        file.sync_all().map_err(failed("write", &unfinished))?;
        std::fs::rename(&unfinished, &path).map_err(failed("replace", &path))?;
        let synced = File::open(data_dir).and_then(|dir| dir.sync_all());
        synced.map_err(failed("make durable", &path))?;
        Ok(written)
    });
    if done.is_err() {
        // One that cannot be removed either is in nobody's way: the next one begins anew.
        drop(std::fs::remove_file(&unfinished));
    }
    done
}

/// A new file that only its owner can read; one that a crash left is replaced.
fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Writes all records.
fn fill(
    mut chunks: Chunks,
    origin: &Origin,
    directory: &Directory,
    plans: &[(Uuid, Arc<Plan>)],
) -> Result<(File, Written), SnapshotError> {
    record::put_origin(origin, &mut chunks.chunk);
    chunks.end(false)?;
    let partners = directory.partners();
    for partner in &partners {
        record::put_partner(partner, &mut chunks.chunk);
        chunks.end_if_full()?;
    }
    // One whose partner came only now would have none in the file.
    let known = |nas: &Arc<Nas>| partners.iter().any(|partner| partner.id() == nas.partner.id());
    for nas in directory.nas_list().into_iter().filter(known) {
        record::put_nas(&spec_of(&nas), &mut chunks.chunk);
        chunks.end_if_full()?;
    }
    for partner in &partners {
        let Some(realms) = partner.realms() else { continue };
        let spec = realms.spec();
        for server in &spec.servers {
            record::put_home_server(partner.id(), server, &mut chunks.chunk);
            chunks.end_if_full()?;
        }
        for realm in &spec.realms {
            record::put_realm(partner.id(), realm, &mut chunks.chunk);
            chunks.end_if_full()?;
        }
    }
    let mut places = HashMap::with_capacity(plans.len());
    for (place, (id, plan)) in (0..).zip(plans) {
        places.insert(Arc::as_ptr(plan), place);
        record::put_plan(*id, plan, &mut chunks.chunk);
        chunks.end_if_full()?;
    }
    // Readers share the chunks out among threads: what they share must be complete before.
    chunks.end(false)?;
    let mut subscribers = 0;
    for partner in &partners {
        for piece in partner.subscriber_pieces() {
            for subscriber in &piece {
                if chunks.chunk.is_empty() {
                    record::put_subscribers_of(partner.id(), &mut chunks.chunk);
                }
                let place = places.get(&Arc::as_ptr(subscriber.plan.base())).copied();
                let place = place.ok_or(SnapshotError::Overtaken)?;
                record::put_subscriber(&subscriber.spec(), place, &mut chunks.chunk);
                record::put_marks(&partner.marks_of(subscriber.id), &mut chunks.chunk);
                subscribers += 1;
                chunks.end_if_full()?;
            }
        }
        // The next partner's begin a chunk of their own.
        chunks.end_if(|chunk| !chunk.is_empty())?;
    }
    chunks.end(true)?;
    let (file, octets) = chunks.finish()?;
    Ok((file, Written { subscribers, octets }))
}

/// A NAS as it would be put; that it was seen to sign is part of it.
fn spec_of(nas: &Nas) -> NasSpec {
    NasSpec {
        id: nas.id,
        partner: nas.partner.id(),
        network: nas.network,
        name: nas.name.clone(),
        make: nas.make.clone(),
        secret: nas.secret.clone(),
        coa: CoaTarget {
            port: nas.coa.port,
            secret: nas.coa.secret.clone(),
        },
        message_authenticator: nas.message_authenticator,
        message_authenticator_seen: nas.stats.message_authenticator_seen(),
        guard: NasGuard {
            limit_proxy_state: nas.limit_proxy_state,
            proxy_state_known: nas.stats.proxy_state(),
            older_secret: nas.older_secret.as_deref().cloned(),
            request_rate: nas.request_rate,
            certificate_name: nas.certificate_name.as_deref().cloned(),
        },
        identify: nas.identify,
    }
}

/// The chunks of a file being written.
struct Chunks {
    /// The file.
    file: BufWriter<File>,
    /// Seals them.
    sealer: ChunkSealer,
    /// How many are written.
    position: u64,
    /// Octets written.
    octets: u64,
    /// The one that is being filled.
    chunk: Zeroizing<Vec<u8>>,
}

impl Chunks {
    /// Writes the head of a file.
    fn begin(file: File, sealer: &Sealer) -> Result<Self, SnapshotError> {
        let (sealer, key) = ChunkSealer::begin(sealer, KEY_CONTEXT)?;
        let mut chunks = Self {
            file: BufWriter::new(file),
            sealer,
            position: 0,
            octets: 0,
            chunk: Zeroizing::new(Vec::with_capacity(CHUNK_OCTETS + CHUNK_OCTETS / 8)),
        };
        let key_octets = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let head = [
            &MAGIC[..],
            &FORMAT.to_be_bytes(),
            &key_octets.to_be_bytes(),
            key.as_bytes(),
        ];
        chunks.append(&head.concat())?;
        Ok(chunks)
    }

    /// Ends the chunk when it is full.
    fn end_if_full(&mut self) -> Result<(), SnapshotError> {
        self.end_if(|chunk| chunk.len() >= CHUNK_OCTETS)
    }

    /// Ends the chunk when it is like this.
    fn end_if(&mut self, is: impl FnOnce(&[u8]) -> bool) -> Result<(), SnapshotError> {
        if is(&self.chunk) { self.end(false) } else { Ok(()) }
    }

    /// Seals and writes the chunk, and begins the next.
    fn end(&mut self, last: bool) -> Result<(), SnapshotError> {
        let mut chunk = std::mem::take(&mut *self.chunk);
        let place = ChunkPlace {
            position: self.position,
            last,
        };
        self.sealer.seal(place, &mut chunk)?;
        self.position += 1;
        let octets = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        self.append(&octets.to_be_bytes())?;
        self.append(&[u8::from(last)])?;
        self.append(&chunk)?;
        chunk.clear();
        *self.chunk = chunk;
        Ok(())
    }

    /// Appends octets.
    fn append(&mut self, octets: &[u8]) -> Result<(), SnapshotError> {
        self.octets += u64::try_from(octets.len()).unwrap_or_default();
        self.file.write_all(octets).map_err(write_failed)
    }

    /// The file with everything in it, and its length.
    fn finish(self) -> Result<(File, u64), SnapshotError> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| write_failed(error.into_error()))?;
        Ok((file, self.octets))
    }
}

/// Words for a write that failed.
fn write_failed(source: io::Error) -> SnapshotError {
    SnapshotError::Io {
        doing: "write",
        path: FILE.into(),
        source,
    }
}
