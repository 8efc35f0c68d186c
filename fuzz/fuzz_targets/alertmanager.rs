//! Alerts as Prometheus posts them, alerts as another Alertmanager relays them, silences, matchers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::alertmanager::{
    answer::silence_id,
    filter::{AlertQuery, SilenceQuery, parse_matcher},
    parse_alerts,
    relay::parse_notification,
    silence::parse_silence,
};
use quarterdeck_fuzz::{hear, now};

fuzz_target!(|data: &[u8]| {
    hear(|hearing| {
        drop(parse_alerts(data, hearing));
        drop(parse_notification(data, hearing));
    });
    drop(parse_silence(data, now()));
    if let Ok(text) = std::str::from_utf8(data) {
        drop(parse_matcher(text));
        assert!(silence_id(text).is_none_or(|id| silence_id(&id.to_string()) == Some(id)));
        let pairs = || text.split('&').filter_map(|pair| pair.split_once('='));
        drop(AlertQuery::from_pairs(pairs()));
        drop(SilenceQuery::from_pairs(pairs()));
    }
});
