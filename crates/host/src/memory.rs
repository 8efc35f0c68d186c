//! Where memory comes from. A storm of alerts is half a million small pieces of memory a second, handed from thread to thread, which
//! the C library's allocator answers with locks and with calls of the system. Why this one: `docs/adr/0050-durable-ingest.md`.

/// The allocator of every program that is built on this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
