//! No file of `src` imports one that, by whatever way round, imports it.
//!
//! A file imports another when its code names something that the other defines. Whoever only
//! hands names on (`pub use`, `mod`) is looked through; tests are left out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Folders that are still being untied.
const KNOWN: &[&str] = &["web/node_activity"];

#[test]
fn no_files_import_each_other_in_a_circle() {
    let src = crate::support::crate_root().join("src");
    let files = super::rust_files("src")
        .into_iter()
        .map(|(path, text)| (path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), text));
    let is_test = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
    let house = House::of(files.filter(|(path, _)| path != "main.rs" && !is_test(path)));
    assert!(house.imports().len() > 500, "imports are read wrongly: {}", house.imports().len());
    let circles = house.circles();
    let is_in = |circle: &str, folder: &str| circle.trim_start().starts_with(folder);
    let new = circles.iter().filter(|circle| !KNOWN.iter().any(|folder| is_in(circle, folder)));
    let new: String = new.map(String::as_str).collect();
    assert!(new.is_empty(), "{new}");
    for folder in KNOWN {
        assert!(circles.iter().any(|circle| is_in(circle, folder)), "{folder} is untied");
    }
}

#[test]
fn two_files_that_import_each_other_are_found() {
    let house = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Wheel; pub struct Axle(Wheel);"),
        ("b.rs", "pub struct Wheel; fn turn() { super::a::Axle::new(Wheel) }"),
    ];
    assert_eq!(circles_of(house), ["\n a.rs -> b.rs: Wheel\n b.rs -> a.rs: Axle"]);
}

#[test]
fn a_chain_is_no_circle() {
    let house = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::Wheel, c::{self, Hub}}; pub fn go() { c::turn() }"),
        ("b.rs", "use crate::c::Hub; pub struct Wheel(Hub);"),
        ("c.rs", "/// Of `crate::a::go`.\n pub struct Hub; pub fn turn() { \"crate::a::go\" }"),
    ];
    assert_eq!(circles_of(house), [""; 0]);
}

#[test]
fn what_a_folder_hands_on_is_imported_from_where_it_stands() {
    let parts = "mod hub; mod wheel; pub use hub::Hub; pub use wheel::Wheel as Disc;";
    let house = [
        ("lib.rs", "pub mod cart; mod parts;"),
        ("cart.rs", "use crate::parts; pub fn cart() { parts::Disc }"),
        ("parts/mod.rs", parts),
        ("parts/hub.rs", "pub struct Hub; impl Hub { fn of() { vec![crate::cart::cart()] } }"),
        ("parts/wheel.rs", "use super::Hub; pub struct Wheel(Hub);"),
    ];
    let circle = "\n cart.rs -> parts/wheel.rs: Wheel\n parts/hub.rs -> cart.rs: cart\n \
                  parts/wheel.rs -> parts/hub.rs: Hub";
    assert_eq!(circles_of(house), [circle]);
}

#[test]
fn a_folder_with_code_of_its_own_and_a_file_in_it_can_make_a_circle() {
    let own = "mod hub; pub use hub::Hub; pub const SPOKES: u8 = 8; fn f() -> Hub { todo() }";
    let hub = "pub struct Hub([u8; super::SPOKES]);";
    let circle = "\n parts.rs -> parts/hub.rs: Hub\n parts/hub.rs -> parts.rs: SPOKES";
    assert_eq!(circles_of([("parts.rs", own), ("parts/hub.rs", hub)]), [circle]);
}

#[test]
fn tests_may_import_what_they_test() {
    let house = [
        ("a.rs", "pub struct Axle; #[cfg(test)] #[allow(x)] mod tests { use crate::b::turn; }"),
        ("b.rs", "use crate::a::Axle; pub fn turn(axle: Axle) {}"),
    ];
    assert_eq!(circles_of(house), [""; 0]);
}

fn circles_of<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
    House::of(files.map(|(path, text)| (path.to_owned(), text.to_owned()))).circles()
}

type Names = Vec<String>;

/// A file: what it defines, what it calls otherwise, and every path in its code.
#[derive(Default)]
struct File {
    path: String,
    defined: BTreeSet<String>,
    aliases: BTreeMap<String, Names>,
    named: BTreeSet<Names>,
}

/// All files by the path of their module.
struct House(BTreeMap<Names, File>);

impl House {
    fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(files.into_iter().map(|(path, text)| (module(&path), File::of(path, &text))).collect())
    }

    /// Who imports what from whom.
    fn imports(&self) -> Imports<'_> {
        let mut imports = Imports::new();
        for (module, file) in &self.0 {
            for (from, name) in file.named.iter().filter_map(|path| self.definition(module, path)) {
                if from.path != file.path {
                    imports.entry((&*file.path, &*from.path)).or_default().insert(name);
                }
            }
        }
        imports
    }

    /// The file that defines what `path` means within `module`.
    fn definition(&self, module: &[String], path: &[String]) -> Option<(&File, String)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => return self.definition(&[], rest),
            "self" => return self.definition(module, rest),
            "super" => return self.definition(module.split_last()?.1, rest),
            _ => {}
        }
        let child = [module, std::slice::from_ref(first)].concat();
        if let Some(found) =
            self.0.contains_key(&child).then(|| self.definition(&child, rest)).flatten()
        {
            return Some(found);
        }
        let file = self.0.get(module)?;
        if file.defined.contains(first) {
            return Some((file, first.clone()));
        }
        let alias = file.aliases.get(first).filter(|alias| alias.first() != Some(first))?;
        self.definition(module, &[alias, rest].concat())
    }

    /// One text a circle: its imports, a line each.
    fn circles(&self) -> Vec<String> {
        let imports = self.imports();
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            imports.keys().map(|(file, _)| (*file, reached(&imports, file))).collect();
        let is_back =
            |file: &str, other: &str| reached.get(other).is_some_and(|all| all.contains(file));
        let circles: BTreeSet<Vec<&str>> = reached
            .iter()
            .map(|(file, all)| all.iter().copied().filter(|other| is_back(file, other)).collect())
            .collect();
        circles
            .iter()
            .filter(|files| !files.is_empty())
            .map(|files| told(&imports, files))
            .collect()
    }
}

type Imports<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<String>>;

/// All files that `file` imports, and those that they import, and so on.
fn reached<'a>(imports: &Imports<'a>, file: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![file];
    while let Some(file) = ahead.pop() {
        let from = imports.range((file, "")..).take_while(|((importer, _), _)| *importer == file);
        ahead.extend(from.map(|((_, from), _)| *from).filter(|from| reached.insert(*from)));
    }
    reached
}

/// The imports between `files`, a line each.
fn told(imports: &Imports<'_>, files: &[&str]) -> String {
    imports
        .iter()
        .filter(|((file, from), _)| files.contains(file) && files.contains(from))
        .map(|((file, from), names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("\n {file} -> {from}: {}", names.join(", "))
        })
        .collect()
}

impl File {
    fn of(path: String, text: &str) -> Self {
        let mut file = Self { path, ..Self::default() };
        for item in items(text.parse().unwrap()) {
            file.take(&item);
        }
        file
    }

    fn take(&mut self, item: &[TokenTree]) {
        let words: Names = item.iter().map(ToString::to_string).collect();
        let at = words.iter().position(|word| KEYWORDS.contains(&word.as_str()));
        let Some(at) = at.filter(|at| *at + 1 < words.len()) else { return self.read(item) };
        if words[at] == "use" {
            let used = paths(&item[at + 1..], &[]);
            for (path, name) in &used {
                self.aliases.insert(name.clone(), path.clone());
            }
            if words[..at].iter().any(|word| word == "pub") {
                return;
            }
        } else if words[at] != "impl" && words[at] != "mod" {
            let name = words[at + 1..].iter().find(|word| !BEFORE_NAMES.contains(&word.as_str()));
            self.defined.extend(name.cloned());
        }
        self.read(item);
    }

    fn read(&mut self, item: &[TokenTree]) {
        self.named.extend(paths(item, &[]).into_iter().map(|(path, _)| path));
    }
}

/// What begins an item.
const KEYWORDS: &[&str] = &[
    "use",
    "impl",
    "mod",
    "fn",
    "struct",
    "enum",
    "union",
    "const",
    "static",
    "type",
    "trait",
    "macro_rules",
];
/// What may stand between one of them and the name.
const BEFORE_NAMES: &[&str] = &["fn", "mut", "unsafe", "async", "!"];

fn module(path: &str) -> Names {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|name| *name != "lib").map(str::to_owned).collect()
}

/// The items of a file without tests; an item ends with `;` or a block.
fn items(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = vec![Vec::new()];
    for token in without_tests(tokens) {
        let is_end = match &token {
            TokenTree::Punct(mark) => mark.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        items.last_mut().unwrap().push(token);
        if is_end {
            items.push(Vec::new());
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

/// Leaves out what follows a `#[cfg(test)]` up to its `;` or block.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut is_test = false;
    for token in tokens {
        let text = token.to_string();
        is_test |= text.replace(' ', "") == "[cfg(test)]";
        if !is_test {
            kept.push(token);
        } else if text == ";" || text.starts_with('{') {
            is_test = false;
        }
    }
    kept
}

/// Every path in `tokens`, each below `prefix`, with the name that a `use` would give it.
fn paths(tokens: &[TokenTree], prefix: &[String]) -> Vec<(Names, String)> {
    let mut found: Vec<(Names, String)> = Vec::new();
    let mut before = [String::new(), String::new()];
    for token in tokens {
        let word = token.to_string();
        let goes_on = before == [":", ":"];
        match token {
            TokenTree::Ident(_) if goes_on => {
                if let Some((path, name)) = found.last_mut().filter(|(path, _)| !path.is_empty()) {
                    name.clone_from(if word == "self" { path.last().unwrap() } else { &word });
                    path.push(word.clone());
                }
            }
            TokenTree::Ident(_) if before[1] == "as" => {
                if let Some((_, name)) = found.last_mut() {
                    name.clone_from(&word);
                }
            }
            TokenTree::Ident(_) if (before[1] != "." || before[0] == ".") && word != "as" => {
                let name = if word == "self" { prefix.last().unwrap_or(&word) } else { &word };
                found.push(([prefix, std::slice::from_ref(&word)].concat(), name.clone()));
            }
            TokenTree::Group(group) => {
                let inner = without_tests(group.stream());
                let path = if goes_on { found.pop().map(|(path, _)| path) } else { None };
                found.extend(paths(&inner, &path.unwrap_or_default()));
                // What follows a group continues no path.
                found.push(Default::default());
            }
            TokenTree::Punct(mark) if mark.as_char() != ':' => found.push(Default::default()),
            _ => {}
        }
        before = [std::mem::take(&mut before[1]), word];
    }
    found.retain(|(path, _)| !path.is_empty());
    found
}
