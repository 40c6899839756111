//! What a tenant owns beside its customers: settings and API keys (DESIGN decision 8). A tenant is a subject like a customer:
//! the same decide / apply, in small.

pub mod api_key;
pub mod rate_card;
pub mod tenant;

#[cfg(test)]
mod tests;
