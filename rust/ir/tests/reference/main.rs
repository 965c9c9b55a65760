//! The reference interpreter against examples computed by hand.

mod check;
mod cores;
mod expressions;
mod recurrent;
mod shapes;
mod support;
