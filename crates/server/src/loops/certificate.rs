//! Sees before others do that our own certificate runs out: in health, by `quarterdeck check`, and by a signal that grows louder. A
//! renewed one that is in force ends it. Tests: `tests/it/encryption.rs`.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    signal::{Loudness, SignalChange},
    time::{Timestamp, human_span},
};
use quarterdeck_formats::heard::{renewed, runs_out};
use quarterdeck_host::clock::Clock;
use tokio::sync::watch;

use crate::{doors::tls::Encryption, engine::EngineError, in_force::Live, loops::engine::EngineHandle};

/// How often to look: soon after a reload.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is wrong with the certificate, in a sentence; none: nothing yet.
pub fn fault(encryption: Option<&Encryption>, now: Timestamp) -> Option<String> {
    let encryption = encryption.filter(|encryption| steps(encryption, now) > 0)?;
    let (ends, left) = (encryption.ends, encryption.ends.since(now));
    Some(if ends <= now {
        format!("the certificate of [tls] ran out at {ends}: renew it and have the configuration read anew")
    } else {
        format!("the certificate of [tls] runs out in {}, at {ends}", human_span(left))
    })
}

/// How many times somebody was to be told by now: one for each reminder, and one for its end.
fn steps(encryption: &Encryption, now: Timestamp) -> usize {
    let due = encryption.remind.iter().filter(|before| encryption.ends.minus(**before) <= now).count();
    due + usize::from(encryption.ends <= now)
}

/// What is to be said; the last step is the loudest, the first of several the quietest.
fn said(encryption: Option<&Encryption>, now: Timestamp) -> SignalChange {
    let Some((encryption, step)) = encryption.map(|one| (one, steps(one, now))).filter(|(_, step)| *step > 0) else {
        return renewed(now);
    };
    let loudness = match step {
        step if step >= encryption.remind.len() => Loudness::Critical,
        1 => Loudness::Warning,
        _ => Loudness::Error,
    };
    let since = encryption.remind.get(step - 1).map_or(encryption.ends, |before| encryption.ends.minus(*before));
    runs_out(encryption.ends, since, loudness, now)
}

/// Looks until `stop` says so.
pub async fn run(engine: EngineHandle, live: Arc<Live>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    // Of before the start nothing is known: a claim may stand of a certificate that was renewed meanwhile.
    let mut told: Option<(Timestamp, usize)> = None;
    loop {
        let (in_force, now) = (live.now(), clock.now());
        let encryption = in_force.encryption.as_ref();
        let stands = encryption.map_or_else(Default::default, |one| (one.ends, steps(one, now)));
        if told != Some(stands) {
            match engine.hear(vec![said(encryption, now)]).await {
                Ok(_) => told = Some(stands),
                Err(EngineError::Stopped) => return,
                Err(error) => tracing::error!(%error, "cannot say how long the certificate holds, trying again"),
            }
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
