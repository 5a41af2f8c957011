//! The course of migrations under a clock that is moved by hand.
