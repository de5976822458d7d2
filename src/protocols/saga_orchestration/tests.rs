//! Handlers of orchestrated sagas, one at a time.
