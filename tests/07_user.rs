//! 07-user.
