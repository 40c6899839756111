//! What a debit's row was for: its feature, and what was metered.

use coffer_ledger::amount::Usage;
use coffer_ledger::command::{Asked, Command, Metered};
use coffer_ledger::fact::Effect;
use coffer_ledger::record::Record;

/// What a row was for, as far as the record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Charged {
    /// The feature used.
    pub(super) feature: Option<Box<str>>,
    /// The meter, and how much of it; only of what one row paid alone.
    pub(super) metered: Option<(Box<str>, Usage)>,
}

/// What the row of this number was for.
pub(super) fn charged_at(record: &Record, row: u32) -> Charged {
    match row.checked_sub(record.facts.first_row()) {
        Some(row) => of(&record.facts.effect, &record.command, row),
        // It became due by itself.
        None => Charged::default(),
    }
}

fn of(effect: &Effect, command: &Command, row: u32) -> Charged {
    match (effect, command) {
        (Effect::Atomic(effects), Command::Atomic(items)) => {
            let mut first = 0;
            for (effect, item) in effects.iter().zip(items) {
                if row < first + effect.rows() {
                    return of(effect, item, row - first);
                }
                first += effect.rows();
            }
            Charged::default()
        }
        (Effect::Debited(debited), Command::Debit(debit)) => {
            let metered = match &debit.asked {
                Asked::Metered(metered) if debited.rows.len() == 1 => Some(pair(metered)),
                Asked::Metered(_) | Asked::Credits(_) | Asked::Amount(_) => None,
            };
            Charged { feature: debit.charge.feature.clone(), metered }
        }
        (Effect::EventRecorded { taken, .. }, Command::Event(event)) => {
            let alone = taken.as_ref().is_some_and(|taken| taken.rows.len() == 1);
            Charged { feature: event.charge.feature.clone(), metered: alone.then(|| pair(&event.metered)) }
        }
        (Effect::Held(step), _) => Charged { feature: step.hold.charge.feature.clone(), metered: None },
        (Effect::InvoiceSettled(settled), Command::Settle(asked)) => {
            let ends = settled.lines.iter().scan(0, |end, line| {
                *end += line.parts.len();
                Some(*end)
            });
            let row = usize::try_from(row).expect("a row's number has 24 bits");
            let line = asked.lines.iter().zip(ends).find(|(_, end)| row < *end);
            Charged { feature: line.and_then(|(line, _)| line.feature.clone()), metered: None }
        }
        _ => Charged::default(),
    }
}

fn pair(metered: &Metered) -> (Box<str>, Usage) {
    (metered.meter.clone(), metered.quantity)
}
