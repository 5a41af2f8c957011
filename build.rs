//! Embeds the browser pages: every file of `web/` that a browser asks for, plain and compressed.
//! `web/vendor/` is there only after `make` (or `npm run vendor`): without it there are no charts.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

use zopfli::{Format, Options};

const FOLDERS: [&str; 3] = ["src", "styles", "vendor"];
const ENDINGS: [&str; 3] = ["js", "css", "svg"];
const SHELL: &str = "index.html";

fn main() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", web.join(SHELL).display());
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", web.join(folder).display());
        collect(&web, &web.join(folder), &mut files)?;
    }
    let shell = fs::read_to_string(web.join(SHELL))?;
    let version = version_of(&files, &shell);
    files.insert(SHELL.to_owned(), shell.replace("{version}", &version).into_bytes());
    write_table(&out, &version, &files)
}

fn collect(
    web: &Path,
    folder: &Path,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(web, &path, files)?;
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending) {
            let name = path.strip_prefix(web)?.to_str().ok_or("a name is no text")?.to_owned();
            let content = fs::read(&path)?;
            let is_ours = ending == "js" && !name.starts_with("vendor");
            files.insert(name, if is_ours { without_comments(&content)? } else { content });
        }
    }
    Ok(())
}

/// Empties lines that hold nothing but a comment; numbers of lines stay as they are.
fn without_comments(script: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut code, mut is_within) = (String::new(), false);
    for line in std::str::from_utf8(script)?.lines() {
        let text = line.trim();
        let begins =
            text.starts_with("/*") && text.find("*/").is_none_or(|at| at + 2 == text.len());
        let is_comment = is_within || begins || text.starts_with("//");
        is_within = (is_within || begins) && !text.contains("*/");
        if !is_comment {
            code.push_str(line);
        }
        code.push('\n');
    }
    Ok(code.into_bytes())
}

/// Another version for any other content: what has it in its URL may be kept for good.
fn version_of(files: &BTreeMap<String, Vec<u8>>, shell: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (files, shell).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn write_table(
    out: &Path,
    version: &str,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    let mut table = format!("const VERSION: &str = {version:?};\nconst FILES: &[File] = &[\n");
    for (number, (name, plain)) in files.iter().enumerate() {
        fs::write(out.join(format!("{number}.plain")), plain)?;
        // Done once here, so that every first load is a twentieth smaller than gzip's best.
        let packed = fs::File::create(out.join(format!("{number}.gz")))?;
        zopfli::compress(Options::default(), Format::Gzip, plain.as_slice(), packed)?;
        let bytes = |ending: &str| {
            format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.{ending}\"))")
        };
        let (plain, gzip) = (bytes("plain"), bytes("gz"));
        table.push_str(&format!("File {{ name: {name:?}, plain: {plain}, gzip: {gzip} }},\n"));
    }
    table.push_str("];\n");
    Ok(fs::write(out.join("pages.rs"), table)?)
}
