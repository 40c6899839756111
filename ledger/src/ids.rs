//! Ids that route by themselves (DESIGN decision 9).
//!
//! Every id is 128 bits, printed as 26 characters of Crockford base 32 behind a prefix, and sorts by creation:
//!
//! - a *thing* (wallet, tranche, hold, customer): 48 bits of milliseconds · 40 bits customer number · 40 bits of the customer's
//!   own counter, minted in `decide`;
//! - a *ledger row*: 48 bits of milliseconds · 56 bits log position · 24 bits row within the record.
//!
//! Ids are not secrets: whoever shows one still has to pass the tenant check.

use std::fmt;
use std::str::FromStr;

use crate::time::Timestamp;

/// Number of a tenant; 1 is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantNumber(pub u32);

/// Number of a customer, unique over all tenants, at most 40 bits; 1 is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerNumber(pub u64);

impl CustomerNumber {
    /// The largest number that fits an id.
    pub const MAX: Self = Self((1 << 40) - 1);
}

/// Position of a record in the log; 0 means "none yet". At most 56 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);

/// Id of a thing that a customer owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThingId(pub u128);

impl ThingId {
    /// Packs the three parts; each is masked to its width.
    #[must_use]
    pub fn new(at: Timestamp, customer: CustomerNumber, counter: u64) -> Self {
        let ms = u128::from(at.ms() & ((1 << 48) - 1));
        let customer = u128::from(customer.0 & CustomerNumber::MAX.0);
        let counter = u128::from(counter & ((1 << 40) - 1));
        Self(ms << 80 | customer << 40 | counter)
    }

    /// The customer whose actor knows this thing.
    #[must_use]
    pub fn customer(self) -> CustomerNumber {
        CustomerNumber(low_bits(self.0 >> 40, 40))
    }

    /// Creation time in milliseconds since the epoch.
    #[must_use]
    pub fn ms(self) -> u64 {
        low_bits(self.0 >> 80, 48)
    }

    /// The customer's own counter at the time of minting.
    #[must_use]
    pub fn counter(self) -> u64 {
        low_bits(self.0, 40)
    }
}

/// Id of one ledger row: when it was recorded, in which record, and which row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u128);

impl RowId {
    /// Packs the three parts; each is masked to its width.
    #[must_use]
    pub fn new(at: Timestamp, position: LogPosition, row: u32) -> Self {
        Self::at_ms(at.ms(), position, row)
    }

    /// As [`RowId::new`], from milliseconds, as other ids of the same record carry them.
    #[must_use]
    pub fn at_ms(ms: u64, position: LogPosition, row: u32) -> Self {
        let ms = u128::from(ms & ((1 << 48) - 1));
        let position = u128::from(position.0 & ((1 << 56) - 1));
        Self(ms << 80 | position << 24 | u128::from(row & 0x00ff_ffff))
    }

    /// Where the record stands in the log.
    #[must_use]
    pub fn position(self) -> LogPosition {
        LogPosition(low_bits(self.0 >> 24, 56))
    }

    /// Which row of the record, from 0.
    #[must_use]
    pub fn row(self) -> u32 {
        u32::try_from(low_bits(self.0, 24)).expect("24 bits fit 32")
    }

    /// When the record was written, in milliseconds since the epoch.
    #[must_use]
    pub fn ms(self) -> u64 {
        low_bits(self.0 >> 80, 48)
    }
}

fn low_bits(value: u128, bits: u32) -> u64 {
    u64::try_from(value & ((1 << bits) - 1)).expect("at most 56 bits are asked for")
}

macro_rules! thing_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub ThingId);

        impl $name {
            /// What the printed id begins with.
            pub const PREFIX: &'static str = $prefix;
        }
    )*};
}

thing_ids! {
    /// Id of a wallet.
    WalletId = "wallet_",
    /// Id of a tranche.
    TrancheId = "tranche_",
    /// Id of a customer that was made by `POST /customers`.
    MintedCustomerId = "cust_",
    /// Id of a hold.
    HoldId = "hold_",
    /// Id of a transfer, of the sender's.
    TransferId = "xfer_",
    /// Name of a budget whose maker gave it none.
    MintedBudgetId = "bud_",
    /// Id of a subscription; its name too, unless its maker gave it another.
    SubscriptionId = "subs_",
    /// Id of a recharge.
    RechargeId = "rchg_",
    /// Id of the invoice of a purchase.
    InvoiceId = "inv_",
    /// Id of a change of an alert.
    AlertId = "alert_",
}

/// Id of an API key: a thing of a tenant's, with the tenant's number where others have the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub ThingId);

impl KeyId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "key_";

    /// Packs creation time, tenant and the tenant's own counter.
    #[must_use]
    pub fn new(at: Timestamp, tenant: TenantNumber, counter: u64) -> Self {
        Self(ThingId::new(at, CustomerNumber(u64::from(tenant.0)), counter))
    }
}

/// Id of a rate card: a thing of a tenant's, as [`KeyId`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateCardId(pub ThingId);

impl RateCardId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "rc_";

    /// Packs creation time, tenant and the tenant's own counter.
    #[must_use]
    pub fn new(at: Timestamp, tenant: TenantNumber, counter: u64) -> Self {
        Self(ThingId::new(at, CustomerNumber(u64::from(tenant.0)), counter))
    }
}

/// Id of a credit grant: a thing of a customer's, or, if [`GrantId::is_template`], of a tenant's with the tenant's number where others have
/// the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub ThingId);

impl GrantId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "cg_";

    /// The bit of the counter that says that a grant is a tenant's. No customer's counter gets there.
    const OF_TENANT: u64 = 1 << 39;

    /// Packs creation time, tenant and the tenant's own counter.
    #[must_use]
    pub fn of_tenant(at: Timestamp, tenant: TenantNumber, counter: u64) -> Self {
        Self(ThingId::new(at, CustomerNumber(u64::from(tenant.0)), counter | Self::OF_TENANT))
    }

    /// Whether it is a template that a tenant owns, for all who are enrolled in its plan.
    #[must_use]
    pub fn is_template(self) -> bool {
        self.0.counter() & Self::OF_TENANT != 0
    }
}

/// Id of a period of a grant, as replies show it: the grant's bits, turned by the subscription and the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(pub ThingId);

impl ApplicationId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "cga_";
}

/// Id of a webhook endpoint: a thing of a tenant's, as [`KeyId`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookEndpointId(pub ThingId);

impl WebhookEndpointId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "we_";

    /// Packs creation time, tenant and the tenant's own counter.
    #[must_use]
    pub fn new(at: Timestamp, tenant: TenantNumber, counter: u64) -> Self {
        Self(ThingId::new(at, CustomerNumber(u64::from(tenant.0)), counter))
    }
}

/// Id of an event: when its record was stamped, which record, and which event of it. The same each time that it is derived. Within a record
/// ids are in order; of different records only positions are, since records are appended in another order than they are stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

impl EventId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "evt_";

    /// Packs the three parts as [`RowId`] does.
    #[must_use]
    pub fn new(at: Timestamp, position: LogPosition, index: u32) -> Self {
        Self(RowId::new(at, position, index).0)
    }

    const fn bits(self) -> u128 {
        self.0
    }

    const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}<26 characters>")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// Characters of a printed id behind its prefix: 130 bits, of which the first two are 0.
const TEXT_CHARS: usize = 26;

/// Crockford base 32: digits and letters without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The value of each byte as a base 32 character of any case; 255 = none.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value: u8 = 0;
    while value < 32 {
        let character = ALPHABET[value as usize];
        values[character as usize] = value;
        values[character.to_ascii_lowercase() as usize] = value;
        value += 1;
    }
    values
};

/// The 26 characters that a printed id has behind its prefix, without an allocation.
#[must_use]
pub fn encode(value: u128) -> [u8; TEXT_CHARS] {
    let mut text = [0; TEXT_CHARS];
    let mut rest = value;
    for character in text.iter_mut().rev() {
        let five = usize::try_from(rest & 31).expect("five bits");
        *character = ALPHABET[five];
        rest >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<u128> {
    let text: &[u8; TEXT_CHARS] = text.as_bytes().try_into().ok()?;
    // 26 characters hold 130 bits: a first character above 7 does not fit.
    if VALUES[usize::from(text[0])] > 7 {
        return None;
    }
    text.iter().try_fold(0_u128, |value, &byte| {
        let five = VALUES[usize::from(byte)];
        (five < 32).then(|| value << 5 | u128::from(five))
    })
}

macro_rules! printed_ids {
    ($($name:ident),* $(,)?) => {$(
        impl $name {
            /// Appends the printed form: the prefix and 26 upper-case characters.
            pub fn write_to(&self, out: &mut String) {
                out.push_str(Self::PREFIX);
                out.push_str(std::str::from_utf8(&encode(self.bits())).expect("the alphabet is ASCII"));
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = String::with_capacity(Self::PREFIX.len() + TEXT_CHARS);
                self.write_to(&mut text);
                f.pad(&text)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Strict: the exact prefix, 26 characters of the alphabet in any case, no more than 128 bits.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bits = text.strip_prefix(Self::PREFIX).and_then(decode);
                bits.map(Self::from_bits).ok_or(IdError { prefix: Self::PREFIX })
            }
        }
    )*};
}

macro_rules! thing_bits {
    ($($name:ident),* $(,)?) => {$(
        impl $name {
            const fn bits(self) -> u128 {
                self.0.0
            }

            const fn from_bits(bits: u128) -> Self {
                Self(ThingId(bits))
            }
        }
    )*};
}

thing_bits!(
    WalletId,
    TrancheId,
    MintedCustomerId,
    HoldId,
    TransferId,
    MintedBudgetId,
    SubscriptionId,
    RechargeId,
    InvoiceId,
    AlertId,
    KeyId,
    RateCardId,
    GrantId,
    ApplicationId,
    WebhookEndpointId,
);

impl RowId {
    /// What the printed id begins with.
    pub const PREFIX: &'static str = "wtxn_";

    const fn bits(self) -> u128 {
        self.0
    }

    const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

printed_ids!(
    WalletId,
    TrancheId,
    MintedCustomerId,
    HoldId,
    TransferId,
    MintedBudgetId,
    SubscriptionId,
    RechargeId,
    InvoiceId,
    AlertId,
    KeyId,
    RateCardId,
    GrantId,
    ApplicationId,
    WebhookEndpointId,
    RowId,
    EventId,
);

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_764_000_000_123_456_789);

    #[test]
    fn parts_of_an_id_come_back() {
        let thing = ThingId::new(AT, CustomerNumber(77), 12);
        assert_eq!((thing.ms(), thing.customer(), thing.counter()), (AT.ms(), CustomerNumber(77), 12));
        let row = RowId::new(AT, LogPosition(987_654_321), 3);
        assert_eq!((row.ms(), row.position(), row.row()), (AT.ms(), LogPosition(987_654_321), 3));
    }

    #[test]
    fn printed_ids_are_read_back_in_any_case() {
        for bits in [0, 1, u128::MAX, ThingId::new(AT, CustomerNumber::MAX, 5).0] {
            let wallet = WalletId(ThingId(bits));
            let text = wallet.to_string();
            assert_eq!(text.len(), WalletId::PREFIX.len() + 26);
            assert_eq!(text.parse(), Ok(wallet));
            let lower = format!("wallet_{}", text["wallet_".len()..].to_lowercase());
            assert_eq!(lower.parse(), Ok(wallet));
            assert_eq!(RowId(bits).to_string().parse(), Ok(RowId(bits)));
        }
    }

    #[test]
    fn printed_ids_sort_by_creation() {
        let early = ThingId::new(Timestamp(1), CustomerNumber(9), 9);
        let late = ThingId::new(AT, CustomerNumber(1), 1);
        assert!(WalletId(early).to_string() < WalletId(late).to_string());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let good = WalletId(ThingId(42)).to_string();
        let foreign = TrancheId(ThingId(42)).to_string();
        let long = format!("{good}0");
        let too_large = format!("wallet_8{}", "0".repeat(25));
        let letter_u = good.replace("01", "0U");
        let accent = format!("wallet_{}é", "0".repeat(24));
        for text in [
            "",
            "wallet_",
            &good[..good.len() - 1],
            &foreign,
            &long,
            &too_large,
            &letter_u,
            &accent,
            "WALLET_00000000000000000000000000",
        ] {
            if *text != *good {
                assert_eq!(text.parse::<WalletId>(), Err(IdError { prefix: "wallet_" }), "{text}");
            }
        }
    }
}
