//! Tests of the program as a whole that need its argument types.

mod compose;
mod documents;
mod reference;
