//! Lists what `npm run build` left in `web/dist`, so that the binary carries the console. Never runs npm: without the files
//! the server builds all the same, and its first page says how to add them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Forms of a file that the build of the console puts beside it.
const ENCODINGS: [(&str, &str); 2] = [("brotli", "br"), ("gzip", "gz")];

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    // The compiler reads copies of ours: the console may be built anew while it is at work.
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let copies = out.join("console");
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    for file in &files {
        let copy = copied(file, &dist, &copies);
        fs::create_dir_all(copy.parent().unwrap_or(&copies))?;
        fs::copy(file, copy)?;
    }
    let mut text = String::from("[\n");
    for file in files.iter().filter(|file| !is_encoded(file)) {
        let Ok(relative) = file.strip_prefix(&dist) else {
            continue;
        };
        let _ = write!(
            text,
            "File {{ path: {:?}, plain: include_bytes!({:?})",
            format!("/{}", relative.display()),
            copied(file, &dist, &copies)
        );
        for (field, extension) in ENCODINGS {
            let encoded = with_suffix(file, extension);
            let _ = if files.contains(&encoded) {
                let copy = copied(&encoded, &dist, &copies);
                write!(text, ", {field}: Some(include_bytes!({copy:?}))")
            } else {
                write!(text, ", {field}: None")
            };
        }
        text.push_str(" },\n");
    }
    text.push(']');
    fs::write(out.join("console.rs"), text)
}

/// Where the copy of a file is.
fn copied(file: &Path, dist: &Path, copies: &Path) -> PathBuf {
    copies.join(file.strip_prefix(dist).unwrap_or(file))
}

/// All files below a directory, without those that begin with a dot.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if !hidden {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Whether a file is another one in another encoding.
fn is_encoded(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    ENCODINGS.iter().any(|(_, known)| extension == Some(known))
}

/// `index.html` and `br`: `index.html.br`.
fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
