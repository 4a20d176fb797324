//! The engine as a whole, against a plain model and by example.
