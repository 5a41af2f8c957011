//! What benches print, read: lines `= name value unit`, and the tables of divan.

use std::collections::BTreeMap;

/// Figures by name; those of divan are named `bench.function.argument`, in nanoseconds.
#[derive(Default)]
pub struct Figures(BTreeMap<String, Figure>);

/// A value with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub value: f64,
    pub unit: String,
}

impl Figures {
    /// Takes what a bench printed.
    pub fn read(&mut self, bench: &str, output: &str) {
        let mut parents: Vec<String> = Vec::new();
        for line in output.lines() {
            if let Some(told) = line.strip_prefix("= ") {
                self.take(told);
            } else {
                self.take_row(bench, line, &mut parents);
            }
        }
    }

    /// A figure, if it was measured.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.0.get(name)
    }

    fn take(&mut self, told: &str) {
        let mut words = told.split(' ');
        let (Some(name), Some(value)) = (words.next(), words.next()) else { return };
        let Ok(value) = value.parse() else { return };
        let unit = words.next().unwrap_or_default().to_owned();
        self.0.insert(name.to_owned(), Figure { value, unit });
    }

    /// A row such as `│  ├─ io   10.1 ns  │ 20 ns │ 11.2 ns │ …`: the third column is the median.
    fn take_row(&mut self, bench: &str, line: &str, parents: &mut Vec<String>) {
        let Some(branch) = ["├─ ", "╰─ "].iter().find_map(|mark| line.find(mark)) else {
            return;
        };
        let depth = line[..branch].chars().count() / 3;
        let rest = &line[branch + "├─ ".len()..];
        let mut columns = rest.split('│');
        let first = columns.next().unwrap_or_default();
        let name = first.split_whitespace().next().unwrap_or_default();
        parents.truncate(depth);
        parents.push(name.to_owned());
        let Some(median) = columns.nth(1) else { return };
        if let Some(value) = nanoseconds(median.trim()) {
            let name = format!("{bench}.{}", parents.join("."));
            self.0.insert(name, Figure { value, unit: "ns".to_owned() });
        }
    }
}

fn nanoseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let scale = match unit {
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}
