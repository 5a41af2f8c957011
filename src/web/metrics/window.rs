//! The RAM window.

use super::names::{
    WINDOW_BYTES, WINDOW_BYTES_MAX, WINDOW_COVERAGE, WINDOW_EVICTED, WINDOW_FAILED, WINDOW_QUERIES,
    WINDOW_ROWS,
};
use crate::perf::prometheus::Page;
use crate::store::Window;

/// Writes what is in it and how its load stands; nothing where there is none.
pub(super) fn write(page: &mut Page, window: &Window) {
    let (status, snapshot) = (window.status(), window.latest());
    if !status.has_loader {
        return;
    }
    page.single(&WINDOW_BYTES, Some(snapshot.bytes() as f64));
    page.single(&WINDOW_BYTES_MAX, Some(status.bytes_max as f64));
    let mut family = page.family(&WINDOW_ROWS);
    family.count(&[("table", "transmissions")], snapshot.transmissions() as u64);
    family.count(&[("table", "observations")], snapshot.observations() as u64);
    page.single(&WINDOW_EVICTED, Some(status.evicted as f64));
    page.single(&WINDOW_QUERIES, Some(window.queries() as f64));
    page.single(&WINDOW_COVERAGE, status.is_over().then_some(status.coverage));
    page.single(&WINDOW_FAILED, Some(f64::from(u8::from(status.has_failed))));
}
