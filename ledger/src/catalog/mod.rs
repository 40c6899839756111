//! What a tenant owns beside its customers: settings, API keys, rate cards and grants of plans (DESIGN decision 8). A tenant is a subject like a customer:
//! the same decide / apply, in small.

pub mod api_key;
pub mod grant;
pub mod rate_card;
pub mod tenant;

#[cfg(test)]
mod tests;
