//! Python bindings of Tenfold.
