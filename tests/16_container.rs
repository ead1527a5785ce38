//! 16-container: all of it.
