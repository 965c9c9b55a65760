//! The reference interpreter against examples computed by hand.

mod cores;
mod expressions;
mod shapes;
mod support;
