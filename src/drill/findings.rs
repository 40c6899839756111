//! What a check found: counted by kind, with a line for each of the first.

/// Lines that are kept; what comes after is only counted.
const LINES_MAX: usize = 200;

/// What was found wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Acknowledged, and not there.
    pub(crate) lost: u64,
    /// One key, more than one effect.
    pub(crate) doubled: u64,
    /// There, and not as it was said, or not as the independent computation has it.
    pub(crate) changed: u64,
    /// A line each.
    pub(crate) lines: Vec<String>,
}

impl Findings {
    /// Something acknowledged is not there.
    pub(crate) fn lost(&mut self, line: String) {
        self.lost += 1;
        self.say("lost", line);
    }

    /// Something took effect more than once.
    pub(crate) fn doubled(&mut self, line: String) {
        self.doubled += 1;
        self.say("doubled", line);
    }

    /// Something is not as it was said, or as it should be.
    pub(crate) fn changed(&mut self, line: String) {
        self.changed += 1;
        self.say("changed", line);
    }

    /// Takes over what another check found.
    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.changed += other.changed;
        let room = LINES_MAX.saturating_sub(self.lines.len());
        self.lines.extend(other.lines.iter().take(room).cloned());
    }

    fn say(&mut self, kind: &str, line: String) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(format!("{kind}: {line}"));
        }
    }
}
