//! What kinds of events there are: the one table. docs/EVENTS.md has the same, held against it by a test.

/// Everything about a kind but its data.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $version:literal;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name, which never changes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Version of the shape of its data. A field that is added does not change it; one that goes, or means something else, does.
            #[must_use]
            pub const fn schema_version(self) -> u32 {
                match self {
                    $(Self::$kind => $version,)*
                }
            }
        }
    };
}

kinds! {
    /// A customer was made.
    CustomerCreated = "customer.created", 1;
    /// A customer's data changed.
    CustomerUpdated = "customer.updated", 1;
    /// A customer was deleted.
    CustomerDeleted = "customer.deleted", 1;
    /// A wallet was made.
    WalletCreated = "wallet.created", 1;
    /// A wallet's settings or status changed.
    WalletUpdated = "wallet.updated", 1;
    /// A wallet was closed.
    WalletTerminated = "wallet.terminated", 1;
    /// A ledger row that moves credit, schedules it, or notes what could not be collected.
    TransactionCreated = "wallet.transaction.created", 1;
    /// A balance alert became more severe.
    CreditBalanceDropped = "wallet.credit_balance.dropped", 1;
    /// A balance alert became less severe, or is over.
    CreditBalanceRecovered = "wallet.credit_balance.recovered", 1;
    /// A wallet will be empty soon.
    RunwayLow = "wallet.runway.low", 1;
    /// A wallet will not be empty soon any more.
    RunwayRecovered = "wallet.runway.recovered", 1;
    /// Credit was bought whose payment is asked for.
    RechargePending = "recharge.pending", 1;
    /// It was paid.
    RechargeCompleted = "recharge.completed", 1;
    /// It was not paid.
    RechargeFailed = "recharge.failed", 1;
    /// It was called off before it was paid.
    RechargeCancelled = "recharge.cancelled", 1;
    /// An automatic top-up should have begun and did not, for a new reason.
    RechargeHeldBack = "recharge.held_back", 1;
    /// Automatic top-up goes on after it was suspended.
    AutoTopupResumed = "wallet.auto_topup.resumed", 1;
    /// A hold was placed.
    HoldPlaced = "hold.placed", 1;
    /// A hold reserves more.
    HoldGrown = "hold.grown", 1;
    /// A hold's deadline moved.
    HoldExtended = "hold.extended", 1;
    /// A hold was captured, whole or in part.
    HoldCaptured = "hold.captured", 1;
    /// A hold was released, or its wallet closed.
    HoldReleased = "hold.released", 1;
    /// A hold reached its deadline.
    HoldExpired = "hold.expired", 1;
    /// An invoice was settled.
    InvoiceSettled = "invoice.settled", 1;
    /// A settlement was put back.
    InvoiceVoided = "invoice.voided", 1;
    /// Credit left for another wallet.
    TransferSent = "transfer.sent", 1;
    /// Credit came from another customer.
    TransferReceived = "transfer.received", 1;
    /// The receiver has it: the sender's event.
    TransferCompleted = "transfer.completed", 1;
    /// The receiver could not take it: the sender's event.
    TransferReturned = "transfer.returned", 1;
    /// A budget was made or changed.
    BudgetUpdated = "budget.updated", 1;
    /// A budget was removed.
    BudgetDeleted = "budget.deleted", 1;
    /// A usage event was recorded.
    UsageRecorded = "usage.recorded", 1;
    /// Nothing is sent to a webhook endpoint any more, because it failed for too long or is gone: the tenant's event, of no customer.
    WebhookEndpointDisabled = "webhook.endpoint.disabled", 1;
}

impl EventKind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_words_with_dots() {
        let mut names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        for name in &names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'_'),
                "{name}"
            );
            assert_eq!(EventKind::named(name).map(EventKind::as_str), Some(*name));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventKind::ALL.len());
    }

    #[test]
    fn the_documentation_lists_every_kind_with_its_version_and_no_other() {
        let text = include_str!("../../../docs/EVENTS.md");
        let types = text.split("\n## ").find(|part| part.starts_with("Types")).unwrap();
        let table = types.lines().filter_map(|line| line.strip_prefix("| `")).map(|line| {
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
            (cells.next().unwrap_or_default().to_owned(), cells.next().unwrap_or_default().to_owned())
        });
        let listed: Vec<_> = table.collect();
        let all: Vec<_> = EventKind::ALL
            .iter()
            .map(|kind| (kind.as_str().to_owned(), kind.schema_version().to_string()))
            .collect();
        assert_eq!(listed, all);
    }
}
