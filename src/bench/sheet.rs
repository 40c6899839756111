//! Single figures, each beside the goal that the design set for it, where it set one.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cli::output;

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    /// What was measured.
    pub(crate) name: String,
    /// How much of `unit` it was.
    pub(crate) value: f64,
    /// What it is counted in.
    pub(crate) unit: &'static str,
    /// What the design wants it to be.
    pub(crate) goal: Option<Goal>,
    /// Whether it is.
    pub(crate) met: Option<bool>,
}

/// Figures in the order in which they were measured.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Sheet {
    facts: Vec<Fact>,
}

impl Sheet {
    /// Enters a figure without a goal.
    pub(crate) fn put(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.facts.push(Fact { name: name.into(), value, unit, goal: None, met: None });
    }

    /// Enters a figure with its goal.
    pub(crate) fn judge(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Goal) {
        let met = Some(goal.is_met_by(value));
        self.facts.push(Fact { name: name.into(), value, unit, goal: Some(goal), met });
    }

    /// Enters what a load saw: median, 99 of 100, 999 of 1,000, the slowest; in milliseconds.
    pub(crate) fn latencies(&mut self, name: &str, latencies_us: &Histogram<u64>, p99_goal: Option<Goal>) {
        let ms = |us: u64| us as f64 / 1_000.0;
        let at = |quantile| ms(latencies_us.value_at_quantile(quantile));
        self.put(format!("{name}: p50"), at(0.5), "ms");
        match p99_goal {
            Some(goal) => self.judge(format!("{name}: p99"), at(0.99), "ms", goal),
            None => self.put(format!("{name}: p99"), at(0.99), "ms"),
        }
        self.put(format!("{name}: p999"), at(0.999), "ms");
        self.put(format!("{name}: slowest"), ms(latencies_us.max()), "ms");
    }

    /// Prints it.
    pub(crate) fn print(&self, title: &str) {
        if self.facts.is_empty() {
            return;
        }
        output::line(format!("\n{title:<72} {:>14} {:<10} {}", "measured", "", "goal"));
        for Fact { name, value, unit, goal, met } in &self.facts {
            let goal = match goal {
                Some(Goal::AtLeast(goal)) => format!("≥ {goal}"),
                Some(Goal::AtMost(goal)) => format!("≤ {goal}"),
                None => String::new(),
            };
            let missed = if *met == Some(false) { " MISSED" } else { "" };
            output::line(format!("{name:<72} {:>14} {unit:<10} {goal}{missed}", figure(*value)));
        }
    }
}

/// Three digits after the point where they matter.
fn figure(value: f64) -> String {
    match value {
        whole if whole.abs() >= 1_000.0 => format!("{whole:.0}"),
        some if some.abs() >= 100.0 => format!("{some:.1}"),
        few => format!("{few:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_on_its_edge() {
        assert!(Goal::AtLeast(0.75).is_met_by(0.75));
        assert!(!Goal::AtLeast(0.75).is_met_by(0.74));
        assert!(Goal::AtMost(2.0).is_met_by(2.0));
        assert!(!Goal::AtMost(2.0).is_met_by(2.1));
    }

    #[test]
    fn a_sheet_tells_goals_and_whether_they_were_met() {
        let mut sheet = Sheet::default();
        sheet.put("x", 1.0, "B");
        sheet.judge("y", 3.0, "s", Goal::AtMost(2.0));
        let json = serde_json::to_value(&sheet).unwrap();
        assert_eq!((json[0]["met"].as_bool(), json[1]["met"].as_bool()), (None, Some(false)));
        assert_eq!(json[1]["goal"]["at_most"], 2.0);
    }
}
