//! sanderling
