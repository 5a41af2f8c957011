//! The figures as a part of `docs/benchmarks.md`, and as a drawing.

use std::fmt::Write as _;

use plotters::prelude::*;

use crate::figures::{Figure, Figures};
use crate::rows::{Goal, Row, SCALE_FACTORS, SCALE_ROWS, SECTIONS, Section};

const BEGIN: &str = "<!-- begin: written by make bench -->";
const END: &str = "<!-- end: written by make bench -->";

/// Returns `page` with everything between its marks made anew.
pub fn with_figures(page: &str, figures: &Figures) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the page has no mark to write after");
    let (_, after) = rest.split_once(END).expect("the page has no mark to write before");
    let mut text = format!("{BEGIN}\n\n{}\n", machine());
    for section in &SECTIONS {
        write_section(&mut text, section, figures);
    }
    write_scale(&mut text, figures);
    format!("{before}{text}\n{END}{after}")
}

/// What it was measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu_info = read("/proc/cpuinfo");
    let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    let load = read("/proc/loadavg");
    let git = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = git.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
    format!(
        "`make bench` at commit {}: {cores} cores ({}), {:.0} GB of memory, load {} at the end.",
        commit.unwrap_or_default(),
        model.unwrap_or("unknown"),
        memory.unwrap_or(0.0) / 1_048_576.0,
        load.split(' ').next().unwrap_or_default(),
    )
}

fn write_section(text: &mut String, section: &Section, figures: &Figures) {
    let measured = section.rows.iter().filter(|row| figures.get(row.figure).is_some());
    let rows: Vec<String> = measured.map(|row| line(row, figures)).collect();
    if rows.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\n### {}\n\n`{}`\n\n| what | figure | goal | | limit, same run | ratio |\n\
         |---|---|---|---|---|---|\n{}\n",
        section.title,
        section.command.replace(", ", "`, `cargo bench "),
        rows.join("\n")
    );
}

fn line(row: &Row, figures: &Figures) -> String {
    let Some(figure) = figures.get(row.figure) else { return String::new() };
    let (goal, verdict) = match row.goal {
        Goal::AtMost(most) => (format!("≤ {}", with_unit(most, figure)), figure.value <= most),
        Goal::AtLeast(least) => (format!("≥ {}", with_unit(least, figure)), figure.value >= least),
        Goal::None => (String::new(), true),
    };
    let verdict = match (goal.is_empty(), verdict) {
        (true, _) => "",
        (false, true) => "met",
        (false, false) => "**missed**",
    };
    let limit = figures.get(row.limit);
    let ratio = limit.map(|limit| format!("{:.2}", figure.value / limit.value));
    format!(
        "| {} | {} | {goal} | {verdict} | {} | {} |",
        row.what,
        shown(figure),
        limit.map(shown).unwrap_or_default(),
        ratio.unwrap_or_default(),
    )
}

fn with_unit(value: f64, of: &Figure) -> String {
    shown(&Figure { value, unit: of.unit.clone() })
}

/// Three digits, thousands apart; nanoseconds in what fits.
fn shown(figure: &Figure) -> String {
    let Figure { value, unit } = figure;
    let (value, unit) = match unit.as_str() {
        "ns" if *value >= 1e6 => (value / 1e6, "ms"),
        "ns" if *value >= 1e3 => (value / 1e3, "µs"),
        other => (*value, other),
    };
    let number = match value.abs() {
        size if size >= 1_000.0 => thousands(value.round()),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn write_scale(text: &mut String, figures: &Figures) {
    let of = |name: &str, factor: &str| figures.get(&format!("scale.{name}.{factor}"));
    let factors: Vec<_> =
        SCALE_FACTORS.iter().filter(|factor| of("file-MB", factor).is_some()).collect();
    if factors.is_empty() {
        return;
    }
    let heads: String = factors.iter().map(|factor| format!(" {factor} × |")).collect();
    let rules = "---|".repeat(factors.len());
    let _ = write!(
        text,
        "\n### As the work grows\n\n`make bench-scale`; 1 × is 71,000 transmissions with 1.5 million \
         observations\n\n![Time and memory by size](scale.svg)\n\n| |{heads}\n|---|{rules}\n"
    );
    for (what, name) in SCALE_ROWS {
        let cells = factors
            .iter()
            .map(|factor| format!(" {} |", of(name, factor).map(shown).unwrap_or_default()));
        let _ = writeln!(text, "| {what} |{}", cells.collect::<String>());
    }
}

const DRAWN: [(&str, &str, RGBColor); 4] = [
    ("start → packets, s", "first-packets-s", RGBColor(27, 94, 166)),
    ("start → window full, s", "covered-s", RGBColor(196, 90, 17)),
    ("memory, GB", "peak-GB", RGBColor(34, 120, 60)),
    ("packets p50, ms", "packets-ms", RGBColor(130, 60, 140)),
];

/// Both axes by tens; empty with less than two sizes.
pub fn drawing(figures: &Figures) -> String {
    let mut lines = Vec::new();
    for (label, name, color) in DRAWN {
        let value = |factor: &str| match name {
            "peak-GB" => figures.get(&format!("scale.peak-MB.{factor}")).map(|it| it.value / 1e3),
            _ => figures.get(&format!("scale.{name}.{factor}")).map(|it| it.value),
        };
        let points: Vec<(f64, f64)> = SCALE_FACTORS
            .iter()
            .filter_map(|factor| Some((factor.parse().ok()?, value(factor)?.max(0.001))))
            .collect();
        lines.push((label, color, points));
    }
    if lines.iter().all(|(_, _, points)| points.len() < 2) {
        return String::new();
    }
    let mut svg = String::new();
    draw(&mut svg, lines).expect("an SVG text takes every line");
    svg
}

type Lines = Vec<(&'static str, RGBColor, Vec<(f64, f64)>)>;

fn draw(svg: &mut String, lines: Lines) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (720, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((0.08..12.0_f64).log_scale(), (0.001..100.0_f64).log_scale())?;
    chart.configure_mesh().x_desc("times operator scale").disable_x_mesh().draw()?;
    for (label, color, points) in lines {
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)).point_size(4))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().border_style(BLACK.mix(0.3)).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}
