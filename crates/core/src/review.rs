//! The post-incident document, from events alone.
