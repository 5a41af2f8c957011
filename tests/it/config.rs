//! Configuration files as they lie on a disk.

use std::fs;
use std::path::Path;

use corescope::config::{Config, ConfigError, Flags, Sources};
use tempfile::TempDir;

use crate::support;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(config_dir: &Path, file: Option<&Path>) -> Result<Config, ConfigError> {
    load_with(config_dir, file, &|_| None)
}

fn load_with(
    config_dir: &Path,
    file: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    Config::load(&Sources { file, config_dir, env, flags: Flags::default() })
}

#[test]
fn the_example_is_a_configuration() {
    let example = support::crate_root().join("config.example.json");
    let config = load(Path::new("."), Some(&example)).unwrap();
    assert_eq!(config.file.as_deref(), Some(example.as_path()));
    assert_eq!(config.bind.port(), 3000);
}

#[test]
fn the_first_file_found_is_read_and_no_other() {
    let both = folder(&[
        ("config.json", r#"{"port": 1}"#),
        ("data/config.json", r#"{"port": 2}"#),
        ("named.json", r#"{"port": 3}"#),
    ]);
    let named = both.path().join("named.json");
    assert_eq!(load(both.path(), Some(&named)).unwrap().bind.port(), 3);
    assert_eq!(load(both.path(), None).unwrap().bind.port(), 1);
    fs::remove_file(both.path().join("config.json")).unwrap();
    assert_eq!(load(both.path(), None).unwrap().bind.port(), 2);
}

#[test]
fn a_missing_file_means_defaults_and_a_named_one_must_be_there() {
    let empty = folder(&[]);
    let config = load(empty.path(), None).unwrap();
    assert_eq!((config.file, config.bind.port()), (None, 3000));
    assert_eq!(config.db_path, empty.path().join("data/meshcore.db"));
    let named = empty.path().join("named.json");
    let error = load(empty.path(), Some(&named)).unwrap_err();
    assert!(error.to_string().contains("named.json"), "{error}");
}

#[test]
fn invalid_json_is_fatal_with_line_and_column() {
    let broken = folder(&[
        ("config.json", "{\n  \"port\": 3000,\n  \"apiKey\": top-secret\n}"),
        ("data/config.json", "{}"),
    ]);
    let error = load(broken.path(), None).unwrap_err();
    let ConfigError::Syntax { line, column, .. } = &error else { panic!("{error}") };
    assert_eq!((*line, *column), (3, 14), "{error}");
    let text = error.to_string();
    assert!(text.contains("config.json is not valid JSON: line 3, column 14: "), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_refused_value_names_its_file() {
    let bad = folder(&[("config.json", r#"{"port": "x"}"#)]);
    let text = load(bad.path(), None).unwrap_err().to_string();
    let file = bad.path().join("config.json");
    assert_eq!(text, format!("{}: port: expected a whole number from 0 to 65535", file.display()));
}

#[test]
fn a_configuration_that_cannot_be_read_is_fatal() {
    let odd = folder(&[("config.json/child", "")]);
    let error = load(odd.path(), None).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}

#[test]
fn channel_keys_come_from_the_file_beside_or_the_one_that_is_named() {
    let key = "00112233445566778899aabbccddeeff";
    let keys = format!(r##"{{"#one": "{key}", "_comment": 1}}"##);
    let files =
        folder(&[("config.json", "{}"), ("channel-rainbow.json", &keys), ("other.json", "{}")]);
    let config = load(files.path(), None).unwrap();
    assert_eq!(config.channels.rainbow_keys["#one"][..2], [0x00, 0x11]);

    let other = files.path().join("other.json").display().to_string();
    let env = |name: &str| (name == "CHANNEL_KEYS_PATH").then(|| other.clone());
    assert!(load_with(files.path(), None, &env).unwrap().channels.rainbow_keys.is_empty());

    fs::write(files.path().join("config.json"), r#"{"channelKeysPath": "/none.json"}"#).unwrap();
    let config = load(files.path(), None).unwrap();
    assert!(config.warnings[0].contains("/none.json are missing"), "{:?}", config.warnings);

    fs::write(files.path().join("other.json"), r#"{"a": "short"}"#).unwrap();
    let text = load_with(files.path(), None, &env).unwrap_err().to_string();
    assert!(text.ends_with("other.json: keys.a: expected a key of 32 hex digits"), "{text}");
}

// Decision 28.
#[test]
fn a_database_at_the_default_place_is_not_left_aside_silently() {
    let files = folder(&[
        ("config.json", r#"{"dbPath": "/elsewhere.db", "apiKey": "0123456789abcdef"}"#),
        ("data/meshcore.db", ""),
    ]);
    let config = load(files.path(), None).unwrap();
    assert_eq!(config.db_path, Path::new("/elsewhere.db"));
    let [warning] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
    assert!(warning.contains("/elsewhere.db") && warning.contains("data/meshcore.db"), "{warning}");

    let same = files.path().join("data/../data/meshcore.db").display().to_string();
    let env = |name: &str| (name == "DB_PATH").then(|| same.clone());
    fs::write(files.path().join("config.json"), r#"{"apiKey": "0123456789abcdef"}"#).unwrap();
    assert_eq!(load_with(files.path(), None, &env).unwrap().warnings, Vec::<String>::new());
}
