//! The columns of FOCUS 1.2 that are written, in the specification's order, and ours behind them. Every column that it makes mandatory is
//! there; of the conditional ones those whose condition holds.

use crate::export::table::{Column, Table, Type, column, nullable};

/// The version of the specification.
pub(super) const FOCUS_VERSION: &str = "1.2";

pub(super) static TABLE: Table = Table { name: "focus", version: 2, columns: &COLUMNS };

pub(super) static COLUMNS: [Column; 49] = [
    column("BilledCost", Type::Decimal),
    column("BillingAccountId", Type::Word),
    column("BillingAccountName", Type::Text),
    column("BillingCurrency", Type::Word),
    column("BillingPeriodEnd", Type::Time),
    column("BillingPeriodStart", Type::Time),
    column("ChargeCategory", Type::Word),
    nullable("ChargeClass", Type::Word),
    column("ChargeDescription", Type::Text),
    column("ChargeFrequency", Type::Word),
    column("ChargePeriodEnd", Type::Time),
    column("ChargePeriodStart", Type::Time),
    nullable("ConsumedQuantity", Type::Decimal),
    nullable("ConsumedUnit", Type::Text),
    column("ContractedCost", Type::Decimal),
    nullable("ContractedUnitPrice", Type::Decimal),
    column("EffectiveCost", Type::Decimal),
    nullable("InvoiceId", Type::Text),
    column("InvoiceIssuerName", Type::Text),
    column("ListCost", Type::Decimal),
    nullable("ListUnitPrice", Type::Decimal),
    nullable("PricingCategory", Type::Word),
    column("PricingCurrency", Type::Word),
    nullable("PricingCurrencyContractedUnitPrice", Type::Decimal),
    column("PricingCurrencyEffectiveCost", Type::Decimal),
    nullable("PricingCurrencyListUnitPrice", Type::Decimal),
    nullable("PricingQuantity", Type::Decimal),
    nullable("PricingUnit", Type::Word),
    column("ProviderName", Type::Text),
    column("PublisherName", Type::Text),
    nullable("ResourceId", Type::Text),
    nullable("ResourceName", Type::Text),
    nullable("ResourceType", Type::Text),
    column("ServiceCategory", Type::Word),
    column("ServiceName", Type::Text),
    column("ServiceSubcategory", Type::Word),
    nullable("SkuId", Type::Text),
    nullable("SkuMeter", Type::Text),
    nullable("SkuPriceDetails", Type::Json),
    nullable("SkuPriceId", Type::Text),
    column("SubAccountId", Type::Text),
    column("SubAccountName", Type::Text),
    nullable("Tags", Type::Json),
    column("x_TransactionId", Type::Word),
    nullable("x_ParentTransactionId", Type::Word),
    column("x_WalletId", Type::Word),
    column("x_TransactionReason", Type::Word),
    column("x_LogPosition", Type::Integer),
    column("x_RecordedAt", Type::Time),
];
