//! The parameters, and what they are in the units of the arithmetic.

use quarterdeck_core::detector::{ParamSpec, Params};

const WINDOW_SECONDS: ParamSpec = ParamSpec {
    name: "window_seconds",
    unit: "seconds",
    doc: "The length of a window, by block time.",
    default: 60,
    min: 12,
    max: 86_400,
};
const TAIL_EXPONENT: ParamSpec = ParamSpec {
    name: "tail_exponent",
    unit: "powers of ten",
    doc: "A count is unusual if one as high has a probability below ten to minus this.",
    default: 6,
    min: 2,
    max: 300,
};
const HYSTERESIS_WINDOWS: ParamSpec = ParamSpec {
    name: "hysteresis_windows",
    unit: "windows",
    doc: "So many unusual windows in a row begin a spike, and so many usual ones end it.",
    default: 2,
    min: 1,
    max: 60,
};
const FLOOR_CALLS: ParamSpec = ParamSpec {
    name: "floor_calls",
    unit: "calls per window",
    doc: "Fewer calls than this are never a spike.",
    default: 20,
    min: 2,
    max: 1_000_000,
};
const WARMUP_WINDOWS: ParamSpec = ParamSpec {
    name: "warmup_windows",
    unit: "windows",
    doc: "So many whole windows of a chain are seen before anything on it is judged.",
    default: 30,
    min: 5,
    max: 10_000,
};
const MEMORY_WINDOWS: ParamSpec = ParamSpec {
    name: "memory_windows",
    unit: "windows",
    doc: "What is usual forgets a window after about this many.",
    default: 1_440,
    min: 10,
    max: 100_000,
};

/// The parameters of the detector.
pub(super) const PARAMS: &[ParamSpec] =
    &[WINDOW_SECONDS, TAIL_EXPONENT, HYSTERESIS_WINDOWS, FLOOR_CALLS, WARMUP_WINDOWS, MEMORY_WINDOWS];

/// The parameters in the units of the arithmetic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) window_ms: i64,
    pub(super) ln_tail: f64,
    pub(super) hysteresis: u32,
    pub(super) floor: u64,
    pub(super) warmup: u32,
    pub(super) memory: u32,
}

impl Limits {
    pub(super) fn of(params: &Params) -> Self {
        let whole = |spec: &ParamSpec| u32::try_from(params.get(spec)).unwrap_or(u32::MAX);
        Self {
            window_ms: params.get(&WINDOW_SECONDS).saturating_mul(1_000).max(1),
            ln_tail: -f64::from(whole(&TAIL_EXPONENT)) * std::f64::consts::LN_10,
            hysteresis: whole(&HYSTERESIS_WINDOWS),
            floor: u64::from(whole(&FLOOR_CALLS)),
            warmup: whole(&WARMUP_WINDOWS),
            memory: whole(&MEMORY_WINDOWS),
        }
    }
}
