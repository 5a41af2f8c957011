//! Whether a place lies within the geo filter (§2.9 point 3).

use crate::config::{GeoFilter, Shape};

/// Kilometres of one degree of latitude, on a flat earth.
const DEGREE_KM: f64 = 111.0;

/// Says whether a position (degrees) lies inside the shape or within its buffer.
pub fn is_inside(filter: &GeoFilter, lat: f64, lon: f64) -> bool {
    match &filter.shape {
        Shape::Bounds { lat_min, lat_max, lon_min, lon_max } => {
            (*lat_min..=*lat_max).contains(&lat) && (*lon_min..=*lon_max).contains(&lon)
        }
        Shape::Polygon(points) => {
            is_in_polygon(points, lat, lon)
                || edges(points).any(|edge| edge_distance_km(edge, lat, lon) <= filter.buffer_km)
        }
    }
}

/// The edges of a polygon, the closing one included.
fn edges(points: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    let ends = points.iter().cycle().skip(1);
    points.iter().zip(ends).map(|(from, to)| (*from, *to))
}

/// Casts a ray along the latitude and counts the edges that it crosses.
fn is_in_polygon(points: &[[f64; 2]], lat: f64, lon: f64) -> bool {
    let crosses = |([lat_a, lon_a], [lat_b, lon_b]): ([f64; 2], [f64; 2])| {
        (lat_a > lat) != (lat_b > lat)
            && lon < (lon_b - lon_a) * (lat - lat_a) / (lat_b - lat_a) + lon_a
    };
    edges(points).filter(|edge| crosses(*edge)).count() % 2 == 1
}

/// The distance to the nearest point of an edge; degrees of longitude are as long as at the
/// edge's mean latitude.
fn edge_distance_km(edge: ([f64; 2], [f64; 2]), lat: f64, lon: f64) -> f64 {
    let ([lat_a, lon_a], [lat_b, lon_b]) = edge;
    let lon_km = DEGREE_KM * f64::midpoint(lat_a, lat_b).to_radians().cos();
    let flat = |lat: f64, lon: f64| ((lon - lon_a) * lon_km, (lat - lat_a) * DEGREE_KM);
    let (end, place) = (flat(lat_b, lon_b), flat(lat, lon));
    let length_squared = end.0 * end.0 + end.1 * end.1;
    let along = if length_squared > 0.0 {
        ((place.0 * end.0 + place.1 * end.1) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (place.0 - along * end.0).hypot(place.1 - along * end.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(buffer_km: f64) -> GeoFilter {
        let points = vec![[48.0, 2.0], [49.0, 2.0], [49.0, 3.0], [48.0, 3.0]];
        GeoFilter { shape: Shape::Polygon(points), buffer_km }
    }

    #[test]
    fn a_polygon_holds_what_lies_in_it() {
        for (lat, lon, expected) in [
            (48.5, 2.5, true),
            (48.001, 2.999, true),
            (47.9, 2.5, false),
            (48.5, 3.1, false),
            (48.5, 1.9, false),
            (-48.5, 2.5, false),
        ] {
            assert_eq!(is_inside(&square(0.0), lat, lon), expected, "{lat} {lon}");
        }
    }

    #[test]
    fn a_dent_of_a_polygon_is_outside() {
        let points = vec![[0.0, 0.0], [0.0, 4.0], [4.0, 4.0], [1.0, 2.0], [4.0, 0.0]];
        let filter = GeoFilter { shape: Shape::Polygon(points), buffer_km: 0.0 };
        assert!(is_inside(&filter, 0.5, 2.0));
        assert!(!is_inside(&filter, 3.0, 2.0));
        assert!(is_inside(&filter, 3.0, 3.6));
    }

    #[test]
    fn the_buffer_reaches_beyond_every_edge_the_closing_one_too() {
        // 0.1 degrees of latitude are 11.1 km; of longitude at 48.5 degrees 7.36 km.
        for (lat, lon, distance_km) in
            [(47.9, 2.5, 11.1), (49.1, 2.5, 11.1), (48.5, 1.9, 7.36), (48.5, 3.1, 7.36)]
        {
            assert!(!is_inside(&square(distance_km - 0.1), lat, lon), "{lat} {lon}");
            assert!(is_inside(&square(distance_km + 0.1), lat, lon), "{lat} {lon}");
        }
        // Beyond a corner it is the distance to the corner, not to the line.
        assert!(!is_inside(&square(12.0), 47.9, 1.9));
        assert!(is_inside(&square(14.0), 47.9, 1.9));
    }

    #[test]
    fn bounds_include_their_edges() {
        let shape = Shape::Bounds { lat_min: 48.0, lat_max: 49.0, lon_min: 2.0, lon_max: 3.0 };
        let filter = GeoFilter { shape, buffer_km: 0.0 };
        assert!(is_inside(&filter, 48.0, 3.0));
        assert!(!is_inside(&filter, 47.999, 2.5));
        assert!(!is_inside(&filter, 48.5, 3.001));
    }
}
