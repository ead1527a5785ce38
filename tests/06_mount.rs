//! 06-mount
