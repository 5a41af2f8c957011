//! Against what comes out when every row is looked at.
