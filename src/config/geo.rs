//! Places: the geo filter and the named areas.

use super::error::{ConfigError, refuse};
use super::raw::{RawArea, RawGeoFilter};

/// A part of the earth; points are `[lat, lon]` in degrees.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// At least 3 points, closed by itself.
    Polygon(Vec<[f64; 2]>),
    /// South, north, west, east; edges included.
    Bounds {
        /// Degrees.
        lat_min: f64,
        /// Degrees.
        lat_max: f64,
        /// Degrees.
        lon_min: f64,
        /// Degrees.
        lon_max: f64,
    },
}

/// Which adverts are at home (`geo_filter`).
#[derive(Clone, Debug, PartialEq)]
pub struct GeoFilter {
    /// Home.
    pub shape: Shape,
    /// How far outside a polygon's edge still counts as inside, km; 0 for bounds.
    pub buffer_km: f64,
}

/// A named area (`areas`).
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// What people read; the key where the file names none.
    pub label: String,
    /// Where it is.
    pub shape: Shape,
}

pub(super) fn geo_filter(raw: RawGeoFilter) -> Result<Option<GeoFilter>, ConfigError> {
    let bounds = [raw.lat_min, raw.lat_max, raw.lon_min, raw.lon_max];
    let buffer_km = raw.buffer_km.unwrap_or(0.0);
    if !(0.0..=20_000.0).contains(&buffer_km) {
        return refuse("geo_filter.bufferKm", "kilometres from 0 to 20000");
    }
    let shape = shape("geo_filter", raw.polygon, bounds)?;
    Ok(shape.map(|shape| GeoFilter { shape, buffer_km }))
}

pub(super) fn area(key: &str, raw: RawArea) -> Result<Area, ConfigError> {
    let path = format!("areas.{key}");
    let bounds = [raw.lat_min, raw.lat_max, raw.lon_min, raw.lon_max];
    match shape(&path, raw.polygon, bounds)? {
        Some(shape) => Ok(Area { label: raw.label.unwrap_or_else(|| key.to_owned()), shape }),
        None => refuse(path, "a polygon, or latMin, latMax, lonMin and lonMax"),
    }
}

/// A polygon wins over bounds, as in the original.
fn shape(
    path: &str,
    polygon: Vec<[f64; 2]>,
    bounds: [Option<f64>; 4],
) -> Result<Option<Shape>, ConfigError> {
    if !polygon.is_empty() {
        return polygon_shape(path, polygon).map(Some);
    }
    match bounds {
        [None, None, None, None] => Ok(None),
        [Some(lat_min), Some(lat_max), Some(lon_min), Some(lon_max)] => {
            let is_place = is_place(&[lat_min, lon_min]) && is_place(&[lat_max, lon_max]);
            if !is_place || lat_min > lat_max || lon_min > lon_max {
                return refuse(path, "latMin ≤ latMax and lonMin ≤ lonMax, in degrees");
            }
            Ok(Some(Shape::Bounds { lat_min, lat_max, lon_min, lon_max }))
        }
        _ => refuse(path, "all of latMin, latMax, lonMin and lonMax, or none"),
    }
}

fn polygon_shape(path: &str, polygon: Vec<[f64; 2]>) -> Result<Shape, ConfigError> {
    if polygon.len() < 3 {
        return refuse(format!("{path}.polygon"), "at least 3 points");
    }
    match polygon.iter().position(|point| !is_place(point)) {
        Some(at) => refuse(format!("{path}.polygon[{at}]"), "[latitude, longitude] in degrees"),
        None => Ok(Shape::Polygon(polygon)),
    }
}

fn is_place([lat, lon]: &[f64; 2]) -> bool {
    (-90.0..=90.0).contains(lat) && (-180.0..=180.0).contains(lon)
}
