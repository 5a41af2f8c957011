//! Query parameters, read the same way everywhere (contract §1.8).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::error::ApiError;
use crate::clock;

/// The query string. Of a name given twice the first counts; an empty value counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string.
    pub fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns the text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the query in one form for all its spellings; `None` if it is longer than `max`.
    pub fn canonical(&self, max: usize) -> Option<String> {
        let mut pairs: Vec<&(String, String)> = Vec::new();
        for pair in &self.0 {
            if !pairs.iter().any(|(name, _)| *name == pair.0) {
                pairs.push(pair);
            }
        }
        pairs.sort_unstable();
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs.iter().map(|(name, value)| (name, value)))
            .finish();
        (text.len() <= max).then_some(text)
    }

    /// Returns the parts of a comma list, trimmed, without empty ones.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.text(name).unwrap_or_default().split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Returns a row limit: `default` unless it is a positive integer, `max` at most.
    pub fn limit(&self, default: usize, max: usize) -> usize {
        let asked = self.text("limit").and_then(|text| text.parse::<i64>().ok());
        let asked = asked.filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
        asked.unwrap_or(default).min(max)
    }

    /// Returns the rows to step over: 0 unless it is a positive integer.
    pub fn offset(&self) -> usize {
        self.text("offset").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Returns an integer.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(ApiError::bad_request(format!("{name}: expected an integer"))),
        }
    }

    /// Returns a time as text. It is compared with the database's texts, so one in another zone or
    /// form is rewritten to theirs; one that ends in `Z` stays as it is.
    ///
    /// # Errors
    /// 400 if it is no time.
    pub fn time(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let Some(time_ms) = parse_time_ms(text) else {
            let expected = "expected a time such as 2026-07-18T08:47:37Z";
            return Err(ApiError::bad_request(format!("{name}: {expected}")));
        };
        // Without seconds it would sort after every time of that minute.
        let is_ours = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
        if is_ours && text.as_bytes().get(16) == Some(&b':') {
            return Ok(Some(text.to_owned()));
        }
        let is_whole = time_ms.rem_euclid(1000) == 0;
        let whole_s = time_ms.div_euclid(1000);
        Ok(Some(if is_whole { clock::iso_s(whole_s) } else { clock::iso_ms(time_ms) }))
    }
}

/// Also takes a date, a time without seconds or zone (UTC), and a zone whose `+` arrived as the
/// blank that it stands for in a query string.
fn parse_time_ms(text: &str) -> Option<i64> {
    let unspaced = match text.rsplit_once(' ') {
        Some((time, zone)) if time.contains('T') => format!("{time}+{zone}"),
        _ => text.to_owned(),
    };
    let with_zone = match unspaced.split_once('T') {
        None if !unspaced.contains(' ') => format!("{unspaced}T00:00:00Z"),
        Some((_, time)) if !time.contains(['Z', '+', '-']) => format!("{unspaced}Z"),
        _ => unspaced,
    };
    clock::parse_utc_ms(&with_zone)
}

impl FromRequest for Params {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::parse(request.query_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn limits_are_clamped_and_nonsense_is_the_default() {
        let limit = |query: &str| Params::parse(query).limit(50, 1234);
        let table = [("", 50), ("limit=10.5", 50), ("limit=+100+", 50), ("limit=0", 50)];
        for (query, expected) in table {
            assert_eq!(limit(query), expected, "{query}");
        }
        assert_eq!((limit("limit=-1"), limit("limit=7"), limit("limit=999999")), (50, 7, 1234));
    }

    #[test]
    fn times_are_brought_into_the_form_of_the_database() {
        let time =
            |text: &str| Params(vec![("t".to_owned(), text.to_owned())]).time("t").ok().flatten();
        let same = "2026-07-18T08:47:37Z";
        assert_eq!(time(same).as_deref(), Some(same));
        assert_eq!(time("2026-07-18T08:47:37.100Z").as_deref(), Some("2026-07-18T08:47:37.100Z"));
        assert_eq!(time("2026-07-18T10:47:37+02:00").as_deref(), Some(same));
        assert_eq!(time("2026-07-18 08:47:37").as_deref(), Some(same));
        assert_eq!(time("2026-07-18T08:47:37+00:00").as_deref(), Some(same));
        assert_eq!(time("2026-07-18T10:47:37 02:00").as_deref(), Some(same));
        assert_eq!(time("2026-07-18T06:47:37-02:00").as_deref(), Some(same));
        assert_eq!(time("2026-07-18T08:47:37").as_deref(), Some(same));
        assert_eq!(time("2026-07-18T08:47").as_deref(), Some("2026-07-18T08:47:00Z"));
        assert_eq!(time("2026-07-18T08:47Z").as_deref(), Some("2026-07-18T08:47:00Z"));
        assert_eq!(time("2026-07-18").as_deref(), Some("2026-07-18T00:00:00Z"));
        for wrong in
            ["yesterday", "2026-07", "2026-02-30", "2026-07-18T", "T", " ", "2026-07-18T25:00"]
        {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_empty_parameter_is_absent_and_the_first_of_two_counts() {
        let params = Params::parse("a=&b=1&b=2&list=%20x%20,,y");
        assert_eq!((params.text("a"), params.text("b")), (None, Some("1")));
        assert_eq!(params.list("list"), ["x", "y"]);
    }
}
