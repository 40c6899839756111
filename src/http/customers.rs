//! Customers, as far as wallets need them (API §3).

use axum::http::StatusCode;
use coffer_ledger::command::Command;
use coffer_ledger::customer::{CustomerId, Identity, Profile, ProfileChange};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::ApiError;
use super::fields::{self, PairsField};
use super::page::{ListReply, Page, PageFields};
use super::reply::Reply;
use super::wallets::reply::TenantId;
use super::wire::{Absent, Pairs, Time};
use crate::engine::{Committed, Seen, Target};

/// Bytes of a customer's name for people, and of a line of the address.
const TEXT_BYTES_MAX: usize = 255;
const CONTACT_BYTES_MAX: usize = 64;

/// Personal data; on an update absent and null leave as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ProfileFields {
    /// Name for people.
    name: Option<Box<str>>,
    /// E-mail address.
    email: Option<Box<str>>,
    contact: Option<Box<str>>,
    address_line1: Option<Box<str>>,
    address_line2: Option<Box<str>>,
    address_city: Option<Box<str>>,
    address_state: Option<Box<str>>,
    address_postal_code: Option<Box<str>>,
    address_country: Option<Box<str>>,
    /// IANA time zone for calendar rules; absent = UTC.
    timezone: Option<Box<str>>,
    /// Your own pairs, replaced whole.
    metadata: Option<PairsField>,
}

/// A new customer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = CreateCustomer)]
pub(crate) struct CreateBody {
    /// Your own name for it: 1 to 128 bytes, unique.
    external_id: Box<str>,
    #[serde(flatten)]
    profile: ProfileFields,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Changes to a customer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = UpdateCustomer)]
pub(crate) struct UpdateBody {
    #[serde(flatten)]
    profile: ProfileFields,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

impl ProfileFields {
    /// What is given, within its limits.
    fn read(self) -> Result<ProfileChange, ApiError> {
        if let Some(zone) = &self.timezone {
            fields::time_zone("timezone", zone)?;
        }
        Ok(ProfileChange {
            name: fields::text("name", self.name, TEXT_BYTES_MAX)?,
            email: fields::text("email", self.email, TEXT_BYTES_MAX)?,
            contact: fields::text("contact", self.contact, CONTACT_BYTES_MAX)?,
            address: [
                fields::text("address_line1", self.address_line1, TEXT_BYTES_MAX)?,
                fields::text("address_line2", self.address_line2, TEXT_BYTES_MAX)?,
                fields::text("address_city", self.address_city, TEXT_BYTES_MAX)?,
                fields::text("address_state", self.address_state, TEXT_BYTES_MAX)?,
                fields::text("address_postal_code", self.address_postal_code, TEXT_BYTES_MAX)?,
                fields::text("address_country", self.address_country, TEXT_BYTES_MAX)?,
            ],
            timezone: self.timezone,
            metadata: self.metadata.map(|pairs| fields::metadata(Some(pairs))).transpose()?,
        })
    }
}

/// Makes a customer.
#[utoipa::path(post, path = "/v1/customers", tag = "Customers", request_body = CreateBody, responses((status = 201, body = CustomerReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let body: CreateBody = call.json()?;
    fields::new_name("external_id", &body.external_id)?;
    let origin = call.origin(body.idempotency_key)?;
    let profile = body.profile.read()?.over(&Profile::default());
    let command = Command::CreateCustomer { external_id: body.external_id.clone(), profile };
    let committed = call.submit(Target::NewCustomer(&body.external_id), command, origin, dry_run).await?;
    render(&call, StatusCode::CREATED, &committed)
}

/// Changes the customer of the path.
#[utoipa::path(put, path = "/v1/customers/{id}", tag = "Customers", request_body = UpdateBody, responses((status = 200, body = CustomerReply, description = "Done")))]
pub(crate) async fn update(call: Call) -> Result<Reply, ApiError> {
    let name = call.customer_name()?.to_owned();
    change(call, &name).await
}

/// Which customer.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct WhichCustomer {
    /// The customer's id; or give `external_customer_id`.
    id: Option<String>,
    /// The customer's external id; or give `id`.
    external_customer_id: Option<String>,
}

/// Changes the customer of the query.
#[utoipa::path(put, path = "/v1/customers", tag = "Customers", request_body = UpdateBody, responses((status = 200, body = CustomerReply, description = "Done")), params(WhichCustomer))]
pub(crate) async fn update_by_query(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    let name = match (query.get("id"), query.get("external_customer_id")) {
        (Some(name), None) | (None, Some(name)) => fields::known_name("id", name)?.to_owned(),
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError::field("id", "give one of id and external_customer_id"));
        }
    };
    change(call, &name).await
}

async fn change(call: Call, name: &str) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let body: UpdateBody = call.json()?;
    let origin = call.origin(body.idempotency_key)?;
    let target = Target::Customer(name);
    let command = Command::ChangeCustomer(Box::new(body.profile.read()?));
    let committed = call.submit(target, command, origin, dry_run).await?;
    render(&call, StatusCode::OK, &committed)
}

/// Ends a customer without open wallets.
#[utoipa::path(delete, path = "/v1/customers/{id}", tag = "Customers", responses((status = 204, description = "Done")))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let origin = call.origin(None)?;
    let target = Target::Customer(call.customer_name()?);
    let committed = call.submit(target, Command::DeleteCustomer, origin, dry_run).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).of(&committed))
}

/// A customer by either name.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "Customers", responses((status = 200, body = CustomerReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    show(&call, call.customer_name()?).await
}

/// A customer by its external id, which may hold slashes.
#[utoipa::path(get, path = "/v1/customers/external/{external_id}", tag = "Customers", responses((status = 200, body = CustomerReply, description = "Done")))]
pub(crate) async fn get_external(call: Call) -> Result<Reply, ApiError> {
    show(&call, fields::known_name("external_id", call.param("external_id"))?).await
}

async fn show(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let seen = identity(call, Target::Customer(name)).await?;
    Ok(Reply::json(StatusCode::OK, &CustomerReply::of(call.tenant(), &seen.value)).seen(&seen))
}

async fn identity(call: &Call, target: Target<'_>) -> Result<Seen<Identity>, ApiError> {
    let seen = call.read(target, |customer, _| customer.identity.clone()).await?;
    let identity = seen.value.filter(|identity| !identity.deleted);
    let value = identity.ok_or_else(|| ApiError::not_found("customer"))?;
    Ok(Seen { value, position: seen.position })
}

fn render(call: &Call, status: StatusCode, committed: &Committed) -> Result<Reply, ApiError> {
    let Effect::CustomerSet(identity) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a customer holds another effect"));
    };
    Ok(Reply::json(status, &CustomerReply::of(call.tenant(), identity)).of(committed))
}

/// Which customers.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = CustomerFilter)]
pub(crate) struct CustomerFilter {
    #[serde(flatten)]
    page: PageFields,
    /// Only these, by id or external id.
    customer_ids: Option<Vec<Box<str>>>,
    /// Only this.
    external_id: Option<Box<str>>,
    /// Only these.
    external_ids: Option<Vec<Box<str>>>,
    /// Only customers with this address.
    email: Option<Box<str>>,
}

impl CustomerFilter {
    fn admits(&self, identity: &Identity) -> bool {
        let external_id = &identity.external_id;
        let given = |names: &Option<Vec<Box<str>>>| names.as_ref().is_some_and(|names| !names.is_empty());
        let named = |name: &str| *name == **external_id || minted(identity).is_some_and(|id| id == name);
        self.external_id.as_ref().is_none_or(|wanted| wanted.is_empty() || wanted == external_id)
            && (!given(&self.external_ids)
                || self.external_ids.iter().flatten().any(|wanted| wanted == external_id))
            && (!given(&self.customer_ids) || self.customer_ids.iter().flatten().any(|wanted| named(wanted)))
            && self
                .email
                .as_ref()
                .is_none_or(|wanted| wanted.is_empty() || identity.profile.email.as_ref() == Some(wanted))
    }
}

/// Customers of the tenant.
#[utoipa::path(post, path = "/v1/customers/search", tag = "Customers", request_body = Option<CustomerFilter>, responses((status = 200, body = ListReply<CustomerReply>, description = "Done")))]
pub(crate) async fn search(call: Call) -> Result<Reply, ApiError> {
    let mut filter: CustomerFilter = call.json_or_empty()?;
    let page: Page<CustomerNumber> = std::mem::take(&mut filter.page)
        .read(&call.app, |text| call.engine().resolve(call.tenant(), Target::Customer(text)))?;
    let only = call.who.customer;
    let found = call.engine().scan(call.tenant(), move |customer, _| {
        let identity = customer.identity.as_ref().filter(|identity| !identity.deleted)?;
        let seen = only.is_none_or(|only| only == customer.number) && filter.admits(identity);
        seen.then_some(customer.number)
    });
    let cut = page.cut(found.await?);
    let mut identities = Vec::with_capacity(cut.keys.len());
    for number in &cut.keys {
        match identity(&call, Target::Number(*number)).await {
            Ok(seen) => identities.push(seen.value),
            Err(error) if error.status() == StatusCode::NOT_FOUND => {}
            Err(error) => return Err(error),
        }
    }
    let items: Vec<_> =
        identities.iter().map(|identity| CustomerReply::of(call.tenant(), identity)).collect();
    let last = identities.last().map(public_id).unwrap_or_default();
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination: cut.pagination(|_| last) }))
}

/// A customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerReply<'a> {
    /// `cust_…`, or the external id where the customer was made by naming it.
    id: String,
    external_id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    contact: Option<&'a str>,
    contact_persons: Absent,
    address_line1: Option<&'a str>,
    address_line2: Option<&'a str>,
    address_city: Option<&'a str>,
    address_state: Option<&'a str>,
    address_postal_code: Option<&'a str>,
    address_country: Option<&'a str>,
    timezone: Option<&'a str>,
    #[schema(value_type = Pairs)]
    metadata: Pairs<'a>,
    billing_currency: Absent,
    integrations: Absent,
    parent_customer: Absent,
    parent_customer_id: Absent,
    tax_treatment: Absent,
    /// published, or deleted.
    status: &'static str,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    created_at: Time,
    updated_at: Time,
    created_by: Absent,
    updated_by: Absent,
}

impl<'a> CustomerReply<'a> {
    fn of(tenant: TenantNumber, identity: &'a Identity) -> Self {
        let profile = &identity.profile;
        let [line1, line2, city, state, postal_code, country] = &profile.address;
        Self {
            id: public_id(identity),
            external_id: &identity.external_id,
            name: profile.name.as_deref(),
            email: profile.email.as_deref(),
            contact: profile.contact.as_deref(),
            contact_persons: Absent,
            address_line1: line1.as_deref(),
            address_line2: line2.as_deref(),
            address_city: city.as_deref(),
            address_state: state.as_deref(),
            address_postal_code: postal_code.as_deref(),
            address_country: country.as_deref(),
            timezone: profile.timezone.as_deref(),
            metadata: Pairs(&profile.metadata),
            billing_currency: Absent,
            integrations: Absent,
            parent_customer: Absent,
            parent_customer_id: Absent,
            tax_treatment: Absent,
            status: if identity.deleted { "deleted" } else { "published" },
            tenant_id: TenantId(tenant),
            environment_id: Absent,
            created_at: Time(identity.created_at),
            updated_at: Time(identity.updated_at),
            created_by: Absent,
            updated_by: Absent,
        }
    }
}

fn minted(identity: &Identity) -> Option<String> {
    match identity.id {
        CustomerId::Minted(id) => Some(id.to_string()),
        CustomerId::Named => None,
    }
}

fn public_id(identity: &Identity) -> String {
    minted(identity).unwrap_or_else(|| identity.external_id.to_string())
}
