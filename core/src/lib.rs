//! sanderling-core
