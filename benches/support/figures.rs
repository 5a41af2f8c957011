//! How a bench tells `make bench` what it measured: a line that begins with `=`.

/// Says a figure. `name` has no blanks; `benches/report` knows its goal.
pub fn tell(name: &str, value: f64, unit: &str) {
    println!("= {name} {value} {unit}");
}

/// The middle of the values, 0 if there are none.
#[allow(dead_code, reason = "not every bench repeats itself")]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
