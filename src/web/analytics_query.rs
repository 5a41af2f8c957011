//! The parameters of analytics (contract §4.6): nothing that is malformed or unknown is refused,
//! it is no filter.

use super::params::Params;
use crate::clock;
use crate::config::{Config, GeoFilter};
use crate::db::analytics::Asked;
use crate::ingest::geo;
use crate::store::analytics::Window;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Names of windows that end now.
const WINDOWS: [(&str, i64); 7] = [
    ("1h", HOUR_MS),
    ("24h", DAY_MS),
    ("1d", DAY_MS),
    ("3d", 3 * DAY_MS),
    ("7d", 7 * DAY_MS),
    ("1w", 7 * DAY_MS),
    ("30d", 30 * DAY_MS),
];

/// A comma list longer than this is cut: there are fewer airports with a mesh.
const REGIONS_MAX: usize = 200;

/// Which shape is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalyticsQuery {
    /// Upper case, sorted.
    regions: Vec<String>,
    /// A known area, with its key.
    area: Option<(String, GeoFilter)>,
    span: Span,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Span {
    #[default]
    AllTime,
    /// Milliseconds back from now.
    Last(i64),
    Between(Window),
}

impl AnalyticsQuery {
    /// Reads region, area and window.
    pub fn read(params: &Params, config: &Config) -> Self {
        Self { span: span(params), ..Self::of_all_time(params, config) }
    }

    /// Reads region and area.
    pub fn of_all_time(params: &Params, config: &Config) -> Self {
        let area = params.text("area").and_then(|key| {
            let shape = config.areas.get(key)?.shape.clone();
            Some((key.to_owned(), GeoFilter { shape, buffer_km: 0.0 }))
        });
        Self { regions: regions(params), area, span: Span::AllTime }
    }

    /// Returns what names this shape among others; empty for the default.
    pub fn key(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let area = self.area.as_ref().map(|(key, _)| key);
        format!("{:?} {area:?} {:?}", self.regions, self.span)
    }

    /// Puts the question, as of `now_ms`.
    pub fn ask<T>(&self, now_ms: i64, answer: impl FnOnce(&Asked<'_>) -> T) -> T {
        let is_inside = |lat: f64, lon: f64| {
            self.area.as_ref().is_some_and(|(_, area)| geo::is_inside(area, lat, lon))
        };
        let window = match self.span {
            Span::AllTime => Window::default(),
            Span::Last(span_ms) => {
                Window { from_ms: Some(now_ms.saturating_sub(span_ms)), to_ms: None }
            }
            Span::Between(window) => window,
        };
        let area = self.area.is_some();
        answer(&Asked {
            regions: &self.regions,
            area: if area { Some(&is_inside) } else { None },
            window,
        })
    }
}

/// `All` anywhere in the list is no filter.
fn regions(params: &Params) -> Vec<String> {
    let mut regions: Vec<String> =
        params.list("region").iter().take(REGIONS_MAX).map(|code| code.to_uppercase()).collect();
    if regions.iter().any(|code| code == "ALL") {
        return Vec::new();
    }
    regions.sort_unstable();
    regions.dedup();
    regions
}

fn span(params: &Params) -> Span {
    let [from, to] = ["from", "to"].map(|name| params.text(name));
    if from.is_some() || to.is_some() {
        let window = Window { from_ms: from.and_then(time_ms), to_ms: to.and_then(time_ms) };
        return if window == Window::default() { Span::AllTime } else { Span::Between(window) };
    }
    let asked = params.text("window");
    let known = WINDOWS.iter().find(|(name, _)| asked == Some(*name));
    known.map_or(Span::AllTime, |(_, span_ms)| Span::Last(*span_ms))
}

/// The `+` of a zone arrives as a blank.
fn time_ms(text: &str) -> Option<i64> {
    clock::parse_utc_ms(&text.replace(' ', "+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> AnalyticsQuery {
        AnalyticsQuery::read(&Params::parse(text), &Config::default())
    }

    fn window(text: &str) -> Window {
        query(text).ask(10 * DAY_MS, |asked| asked.window)
    }

    #[test]
    fn what_is_unknown_or_malformed_is_the_default_shape() {
        for text in ["", "region=all", "region=SJC,All", "area=nowhere", "window=2h", "from=now"] {
            assert_eq!(query(text).key(), "", "{text}");
        }
        assert_ne!(query("region=SJC").key(), "");
        assert_eq!(query("region=oak,+SJC").key(), query("region=SJC,OAK,oak").key());
        assert_eq!(query("window=24h").key(), query("window=1d").key());
    }

    #[test]
    fn from_and_to_win_over_the_window() {
        let day = |from: Option<i64>, to| Window { from_ms: from, to_ms: to };
        assert_eq!(window("window=3d"), day(Some(7 * DAY_MS), None));
        assert_eq!(window("window=3d&to=1970-01-02T00:00:00Z"), day(None, Some(DAY_MS)));
        assert_eq!(window("from=1970-01-02T01:00:00%2B01:00"), day(Some(DAY_MS), None));
        assert_eq!(window("from=1970-01-02T01:00:00+01:00"), day(Some(DAY_MS), None));
        assert_eq!(window("window=3d&from=soon"), day(None, None));
    }
}
