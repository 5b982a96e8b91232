//! File tests, conformance, end to end, tidy.
