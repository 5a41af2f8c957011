//! The types of a packet, a byte each.

use super::bits::Bits;

/// NULL, and what does not fit a byte: the packed part then has it.
pub(super) const TYPE_NULL: i8 = i8::MIN;
/// See [`TYPE_NULL`].
pub(super) const TYPE_PACKED: i8 = i8::MAX;
/// Of a row that no search finds, in its [`Kind`].
const TYPE_HIDDEN: i8 = i8::MAX - 1;

/// The columns by which most lists are filtered, beside each other: a count reads nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) payload_type: i8,
    pub(super) route_type: i8,
}

impl Kind {
    /// Of a row that no search finds.
    pub(super) const HIDDEN: Self = Self { payload_type: TYPE_HIDDEN, route_type: TYPE_HIDDEN };
}

/// Types that a list is filtered by, as [`Kind`] has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct WantedKind {
    payload_type: Option<i8>,
    route_type: Option<i8>,
}

impl WantedKind {
    pub(super) fn new(payload_type: Option<i64>, route_type: Option<i64>) -> Self {
        let column = |value: Option<i64>| value.map(|value| small(Some(value)));
        Self { payload_type: column(payload_type), route_type: column(route_type) }
    }

    /// Whether a row of this kind is one that is wanted, whatever its packed part says.
    pub(super) fn is_exact(self) -> bool {
        self.payload_type != Some(TYPE_PACKED) && self.route_type != Some(TYPE_PACKED)
    }

    /// The places of those that are wanted.
    pub(super) fn among(self, kinds: &[Kind]) -> Bits {
        match (self.payload_type, self.route_type) {
            (None, None) => Bits::of(kinds, |kind| kind.payload_type != TYPE_HIDDEN),
            (Some(payload), None) => Bits::of(kinds, |kind| kind.payload_type == payload),
            (None, Some(route)) => Bits::of(kinds, |kind| kind.route_type == route),
            (Some(payload_type), Some(route_type)) => {
                Bits::of(kinds, |kind| kind == Kind { payload_type, route_type })
            }
        }
    }
}

/// Returns a type as a column has it.
pub(super) fn small(value: Option<i64>) -> i8 {
    let Some(value) = value else { return TYPE_NULL };
    let fits = |small: &i8| ![TYPE_NULL, TYPE_PACKED, TYPE_HIDDEN].contains(small);
    i8::try_from(value).ok().filter(fits).unwrap_or(TYPE_PACKED)
}
