//! What wallets count in, and what a credit costs in them: noted as the records that make them go by. A request makes one, or a grant for whose credit there was none.

use std::collections::HashMap;

use coffer_ledger::amount::Rate;
use coffer_ledger::fact::{Due, Effect, Landed};
use coffer_ledger::ids::WalletId;
use coffer_ledger::record::Record;
use coffer_ledger::unit::Unit;

/// The unit of each wallet so far, and its rate of buying; neither ever changes.
#[derive(Default)]
pub(super) struct Units(HashMap<WalletId, (Unit, Rate)>);

impl Units {
    pub(super) fn get(&self, wallet: WalletId) -> Option<&(Unit, Rate)> {
        self.0.get(&wallet)
    }

    /// Notes the wallets that a record makes.
    pub(super) fn note(&mut self, record: &Record) {
        self.note_due(&record.facts.due);
        match &record.facts.effect {
            Effect::WalletCreated { wallet, .. } => {
                self.0.insert(wallet.id, (wallet.unit.clone(), wallet.topup_conversion_rate));
            }
            Effect::Subscribed(subscribed) => self.note_due(&subscribed.minted),
            Effect::GrantSet(set) => self.note_due(&set.minted),
            // Neither wallets nor grants are made in a batch.
            _ => {}
        }
    }

    fn note_due(&mut self, due: &[Due]) {
        for happened in due {
            if let Due::Granted(granted) = happened
                && let Landed::Minted { made: Some(made), .. } = &granted.landed
            {
                self.0.insert(made.id, (made.unit.clone(), made.topup_conversion_rate));
            }
        }
    }
}
