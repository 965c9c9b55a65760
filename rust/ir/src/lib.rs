//! Types, operation table, kernel form and reference interpreter of Tenfold.
#![forbid(unsafe_code)]
