//! How large the measurements of `--only scale`, `--only overload` and `--only grants` are: full size by default, small for a test.

use clap::Args;

/// The server takes 10,000 connections; some are left for the quiet tenant.
pub(crate) const FLOOD_CONNECTIONS_MAX: u32 = 9_500;

/// Sizes of the long parts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sizes of --only scale, --only overload and --only grants")]
pub(crate) struct Sizes {
    /// scale: customers, each with one wallet and three tranches
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) customers: u64,
    /// scale: idempotency keys
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub(crate) keys: u64,
    /// scale: tranches of different customers that expire at one instant; at most the customers
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    pub(crate) expiring: u64,
    /// overload: connections that say nothing
    #[arg(long, value_name = "NUMBER", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub(crate) idle: u32,
    /// overload: connections whose bytes trickle
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub(crate) slow: u32,
    /// overload: connections of the tenant that floods
    #[arg(long, value_name = "NUMBER", default_value_t = FLOOD_CONNECTIONS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(FLOOD_CONNECTIONS_MAX)))]
    pub(crate) flood: u32,
    /// overload: debits of one batch, each of another customer
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,
    /// grants: customers on one plan
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub(crate) enrolled: u64,
}
