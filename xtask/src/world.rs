//! What every chore is told about this machine, and how it says what it could not do here.

use std::path::{Path, PathBuf};

/// How a step passed.
pub(crate) enum Passed {
    /// All of it.
    Whole,
    /// Without a part that this machine cannot do.
    Without(String),
}

/// What the steps share.
pub(crate) struct World {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// With `CI=true` nothing may be left out.
    pub(crate) ci: bool,
    /// Recorded data, if it is there.
    pub(crate) data: Option<PathBuf>,
}

impl World {
    pub(crate) fn new(root: &Path) -> Self {
        let folder = std::env::var_os("QUARTERDECK_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
        Self {
            root: root.to_owned(),
            ci: std::env::var("CI").is_ok_and(|ci| ci == "true"),
            data: folder.canonicalize().ok().filter(|folder| folder.is_dir()),
        }
    }

    /// What cannot be done here is a failure in CI and a remark elsewhere.
    pub(crate) fn left_out(&self, what: String) -> anyhow::Result<Passed> {
        anyhow::ensure!(!self.ci, "left out: {what}; with CI=true nothing may be");
        Ok(Passed::Without(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_fails_in_ci_only() {
        let world = |ci| World { root: PathBuf::new(), ci, data: None };
        assert!(world(true).left_out("recorded data".to_owned()).is_err());
        assert!(world(false).left_out("recorded data".to_owned()).is_ok());
    }
}
