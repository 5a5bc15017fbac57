//! What a commit to the journal takes, and what the ones take that need a new segment.
//!
//! Not divan: a mean hides the one commit in thousands that rolls over, and that one is the question. Each commit is timed
//! by itself; percentiles and the worst are printed, apart for commits that rolled over. Run it on the disk that will hold
//! the journal: `cargo bench -p benches --bench journal -- --dir /var/lib/headend`; without `--dir` it takes the system's
//! directory for temporary files. `--records`, `--segments` and `--pause-us` change how much there is in a batch, how long
//! it goes on, and how long the writer rests between two commits, as it does on a server that is not saturated.
//!
//! A sketch on paper: a commit is one write and one `fdatasync`, on a disk of 1 ms some 1.1 ms. Rolling over adds two
//! syncs (the header, the directory), so it should stay under three times that, whatever a segment of 16 MiB takes to fill.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use radius_server::journal::{Kind, Options, SEGMENT_LEN, Writer};

/// Octets of a payload: an interim record with 22 attributes, and what the server knew about it.
const PAYLOAD_LEN: usize = 300;

/// How it is run.
struct Run {
    /// Where the journal is made; it is removed afterwards.
    dir: PathBuf,
    /// Records in a batch.
    records: usize,
    /// Segments to fill.
    segments: u64,
    /// Rest between two commits.
    pause: Duration,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run = Run::from_args()?;
    let place = run.dir.join(format!("journal-bench-{}", std::process::id()));
    let measured = measure(&run, &place);
    std::fs::remove_dir_all(&place)?;
    let (mut plain, mut rolling) = measured?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "batches of {} records of {PAYLOAD_LEN} octets, pause {:?}, {} segments of {SEGMENT_LEN} octets, in {}",
        run.records,
        run.pause,
        run.segments,
        run.dir.display()
    )?;
    print(&mut out, "commit", &mut plain)?;
    print(&mut out, "commit that rolls over", &mut rolling)?;
    Ok(())
}

impl Run {
    /// Reads the arguments; cargo adds some of its own, which are passed over.
    fn from_args() -> Result<Run, Box<dyn std::error::Error>> {
        let mut run = Run {
            dir: std::env::temp_dir(),
            records: 64,
            segments: 24,
            pause: Duration::ZERO,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
            match arg.as_str() {
                "--dir" => run.dir = value()?.into(),
                "--records" => run.records = value()?.parse()?,
                "--segments" => run.segments = value()?.parse()?,
                "--pause-us" => run.pause = Duration::from_micros(value()?.parse()?),
                "--test" => run.segments = 1,
                _ => {}
            }
        }
        Ok(run)
    }
}

/// Fills segments, lets go of each as the drain would, and times every commit: those that did not roll over, those that
/// did.
fn measure(
    run: &Run,
    place: &std::path::Path,
) -> Result<(Vec<Duration>, Vec<Duration>), Box<dyn std::error::Error>> {
    let (mut writer, _) = Writer::open(place, Options::default())?;
    let reader = writer.reader();
    let payload = vec![0x5a; PAYLOAD_LEN];
    let (mut plain, mut rolling) = (Vec::new(), Vec::new());
    let (mut octets, mut rolled) = (0, 0);
    while rolled < run.segments {
        let batch_octets = (run.records * (PAYLOAD_LEN + 17)) as u64;
        for _ in 0..run.records {
            writer.append(Kind::Accounting, &payload)?;
        }
        let rolls = 1024 + octets + batch_octets > SEGMENT_LEN;
        let began = Instant::now();
        let next = writer.commit()?;
        let took = began.elapsed();
        if rolls {
            rolling.push(took);
            (octets, rolled) = (0, rolled + 1);
            reader.release(next)?;
        } else {
            plain.push(took);
        }
        octets += batch_octets;
        if !run.pause.is_zero() {
            std::thread::sleep(run.pause);
        }
    }
    Ok((plain, rolling))
}

/// Prints how they are spread.
fn print(out: &mut impl Write, what: &str, times: &mut [Duration]) -> std::io::Result<()> {
    times.sort_unstable();
    let at = |part: f64| {
        let place = (times.len() as f64 * part) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(at).map(|time| time.as_micros());
    let count = times.len();
    writeln!(
        out,
        "{what:<24} {count:>7} times  p50 {p50:>7} us  p99 {p99:>7} us  p99.9 {p999:>7} us  max {max:>7} us"
    )
}
