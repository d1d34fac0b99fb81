//! sanderling-tests
