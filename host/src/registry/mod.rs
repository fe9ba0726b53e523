//! Modules: names, digests, bytes, and their compiled code.
