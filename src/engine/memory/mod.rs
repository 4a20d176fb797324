//! The engine that holds everything in memory.
