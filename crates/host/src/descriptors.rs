//! How many files and sockets the system lets this program have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is never asked for: some systems allow a thousand million, and count tables by it.
const WANTED_MAX: u64 = 65_536;

/// Raises what is allowed as far as the system lets us, and says how many descriptors there may be now.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None means that there is no bound.
    let (now, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX).min(WANTED_MAX));
    if now >= most {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }) {
        Ok(()) => most,
        Err(error) => {
            tracing::warn!(%error, now, most, "the system does not let us have more files open");
            now
        }
    }
}
