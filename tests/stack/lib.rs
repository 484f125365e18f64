//! What the tests of the whole stack share.
