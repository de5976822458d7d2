//! Handlers of the write-ahead log.
