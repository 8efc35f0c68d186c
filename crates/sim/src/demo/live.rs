//! live
use super::{DemoError, Plan};
/// x
pub fn run(_plan: &Plan, _port: u16, _say: &dyn Fn(&str)) -> Result<(), DemoError> {
    Ok(())
}
