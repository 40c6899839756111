// Flexprice's official TypeScript SDK, unmodified, against a real server: node typescript_sdk.mjs URL KEY.
// Every call that Coffer speaks, and what it does, looked at by another way. Exits with 1 at the first thing that is wrong.
// The key is one of a tenant in test mode, so that time can be moved. `just sdks` runs it after the Python SDK.

import assert from "node:assert/strict";
import { Flexprice } from "@flexprice/sdk";

const [url, key] = process.argv.slice(2);
const sdk = new Flexprice({ serverURL: `${url}/v1`, apiKeyAuth: key });
const DAY_MS = 86_400_000;

/** What no method of the SDK asks for. */
async function ask(method, path, body) {
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const answer = await fetch(`${url}/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

async function refused(status, call) {
  await assert.rejects(call, (error) => error.statusCode === status);
}

const posted = async (id) => Number((await sdk.wallets.getWallet(id)).creditBalance);
const wallet = (externalCustomerId, more = {}) => sdk.wallets.createWallet({ currency: "usd", externalCustomerId, ...more });
const now = async () => new Date((await ask("GET", "/test-clock")).now);
const moveTo = (instant) => ask("POST", "/test-clock", { now: instant.toISOString() });

const steps = {
  async customers() {
    const made = await sdk.customers.createCustomer({ externalId: "acme/eu 1", name: "Acme", email: "a@acme.example" });
    assert.equal((await sdk.customers.getCustomer(made.id)).externalId, "acme/eu 1");
    assert.equal((await sdk.customers.getCustomerByExternalId("acme/eu 1")).id, made.id);
    await refused(409, () => sdk.customers.createCustomer({ externalId: "acme/eu 1", name: "Again" }));
    await sdk.customers.updateCustomer({ name: "Acme Europe" }, made.id);
    await sdk.customers.updateCustomer({ email: "b@acme.example" }, undefined, "acme/eu 1");
    const after = await sdk.customers.getCustomer(made.id);
    assert.deepEqual([after.name, after.email], ["Acme Europe", "b@acme.example"]);
    assert.deepEqual((await sdk.customers.queryCustomer({ externalId: "acme/eu 1" })).items.map((one) => one.id), [made.id]);
    await sdk.customers.deleteCustomer(made.id);
    await refused(404, () => sdk.customers.getCustomer(made.id));
  },

  async wallets() {
    const made = await wallet("bravo", { initialCreditsToLoad: "25", metadata: { a: "b" } });
    assert.deepEqual([made.creditBalance, made.walletStatus, made.walletType], ["25", "active", "PRE_PAID"]);
    await refused(409, () => wallet("bravo", { initialCreditsToLoad: "25" }));
    const changed = await sdk.wallets.updateWallet(made.id, { name: "Main", config: { allowedPriceTypes: ["ALL"] } });
    assert.deepEqual([changed.name, changed.config.allowedPriceTypes], ["Main", ["ALL"]]);
    const other = await wallet("bravo", { walletType: "POST_PAID" });
    const ids = async () => (await sdk.wallets.getWalletsByCustomerId("bravo")).map((one) => one.id).sort();
    assert.deepEqual(await ids(), [made.id, other.id].sort());
    const found = await sdk.wallets.getCustomerWallets({ lookupKey: "bravo", includeRealTimeBalance: true, expand: "credits_available_breakdown" });
    assert.equal(found.find((one) => one.id === made.id).creditsAvailableBreakdown.free, "25");
    assert.deepEqual((await sdk.wallets.queryWallet({ walletIds: [other.id] })).items.map((one) => one.id), [other.id]);
    assert.ok((await sdk.wallets.queryWallet({})).items.length >= 2);
    assert.equal((await sdk.wallets.terminateWallet(other.id)).walletStatus, "closed");
    assert.deepEqual(await ids(), [made.id]);
    await refused(404, () => sdk.wallets.getWallet("wallet_00000000000000000000000000"));
  },

  async "top ups and transactions"() {
    const { id } = await wallet("charlie");
    const expiryDateUtc = new Date((await now()).getTime() + 40 * DAY_MS).toISOString();
    const asked = { transactionReason: "FREE_CREDIT_GRANT", creditsToAdd: "10", idempotencyKey: "t1", priority: 1, expiryDateUtc, metadata: { x: "y" } };
    const first = await sdk.wallets.topUpWallet(id, asked);
    assert.deepEqual([first.walletTransaction.creditAmount, first.walletTransaction.transactionStatus, first.wallet.creditBalance], ["10", "completed", "10"]);
    assert.equal((await sdk.wallets.topUpWallet(id, asked)).walletTransaction.id, first.walletTransaction.id);
    assert.equal(await posted(id), 10);
    await sdk.wallets.topUpWallet(id, { transactionReason: "PURCHASED_CREDIT_DIRECT", amount: "40", idempotencyKey: "t2" });
    await ask("POST", `/wallets/${id}/debit`, { credits: "12", transaction_reason: "MANUAL_BALANCE_DEBIT", idempotency_key: "d1" });
    assert.equal(await posted(id), 38);
    const rows = (await sdk.wallets.getWalletTransactions({ idPathParameter: id, limit: 10 })).items;
    assert.deepEqual(rows.map((row) => row.creditAmount), ["12", "40", "10"]);
    const credits = await sdk.wallets.getWalletTransactions({ idPathParameter: id, type: "credit", transactionReason: "FREE_CREDIT_GRANT" });
    assert.deepEqual(credits.items.map((row) => row.id), [first.walletTransaction.id]);
    const condition = { field: "type", operator: "eq", dataType: "string", value: { string: "debit" } };
    const found = await sdk.wallets.queryWalletTransaction({ id, filters: [condition], sort: [{ field: "created_at", direction: "asc" }], limit: 5 });
    assert.deepEqual(found.items.map((row) => row.creditAmount), ["12"]);
    const balance = await sdk.wallets.getWalletBalance(id, "credits_available_breakdown");
    assert.deepEqual([balance.realTimeCreditBalance, balance.creditsAvailableBreakdown.purchased], ["38", "38"]);
    await refused(400, () => sdk.wallets.topUpWallet(id, { transactionReason: "FREE_CREDIT_GRANT", creditsToAdd: "-1" }));
  },

  async "invoiced purchases"() {
    const { id } = await wallet("delta");
    const bought = await sdk.wallets.topUpWallet(id, { transactionReason: "PURCHASED_CREDIT_INVOICED", creditsToAdd: "100", idempotencyKey: "i1" });
    assert.deepEqual([bought.walletTransaction.transactionStatus, typeof bought.invoiceId, await posted(id)], ["pending", "string", 0]);
    const [recharge] = (await ask("GET", `/recharges?wallet_id=${id}&status=pending`)).items;
    assert.equal(recharge.invoice_id, bought.invoiceId);
    await ask("POST", `/recharges/${recharge.recharge_id}/complete`, {});
    assert.equal(await posted(id), 100);
  },

  async "auto top-up"() {
    const autoTopup = { enabled: true, threshold: 10, amount: 100.5, invoicing: false };
    const made = await wallet("echo", { initialCreditsToLoad: "25", autoTopup });
    assert.deepEqual([made.autoTopup.enabled, made.autoTopup.threshold, made.autoTopup.amount].map(String), ["true", "10", "100.5"]);
    const debit = await ask("POST", "/customers/echo/debits", { credits: "15" });
    assert.deepEqual([debit.balance_after, debit.available, debit.recharge.credits, await posted(made.id)], ["10", "110.5", "100.5", 110.5]);
    const changed = await sdk.wallets.updateWallet(made.id, { autoTopup: { enabled: false } });
    assert.deepEqual([changed.autoTopup.enabled, String(changed.autoTopup.threshold)], [false, "10"]);
  },

  async alerts() {
    const level = (threshold) => ({ threshold, condition: "below" });
    const alertSettings = { alertEnabled: true, info: level(50), warning: level(20), critical: level(5) };
    const made = await wallet("foxtrot", { initialCreditsToLoad: "100", alertSettings });
    assert.deepEqual([made.alertState, String(made.alertSettings.critical.threshold)], ["ok", "5"]);
    await ask("POST", "/customers/foxtrot/debits", { credits: "96" });
    assert.equal((await sdk.wallets.getWallet(made.id)).alertState, "in_alarm");
    await sdk.wallets.topUpWallet(made.id, { transactionReason: "FREE_CREDIT_GRANT", creditsToAdd: "100" });
    const found = await sdk.alerts.queryAlertLog({ entityType: "wallet", entityId: made.id });
    assert.deepEqual(found.items.map((one) => one.alertStatus), ["ok", "in_alarm"]);
  },

  async events() {
    const { id } = await wallet("golf", { initialCreditsToLoad: "100" });
    await ask("POST", "/rate-cards", { meter: "tokens", quantity_property: "n", tiers: [{ credits_per_unit: "0.5" }] });
    const event = { eventName: "tokens", externalCustomerId: "golf", eventId: "e1", properties: { n: "10" }, source: "ts" };
    assert.equal((await sdk.events.ingestEvent(event)).event_id, "e1");
    await sdk.events.ingestEvent(event);
    assert.equal(await posted(id), 95);
    const many = [1, 2, 3].map((number) => ({ ...event, eventId: `b${number}`, properties: { n: "2" } }));
    assert.equal((await sdk.events.ingestEventsBulk({ events: many })).accepted, "3");
    assert.equal(await posted(id), 92);
  },

  async grants() {
    const { id } = await wallet("hotel");
    const made = await sdk.creditGrants.createCreditGrant({
      name: "Monthly", scope: "PLAN", planId: "plan_pro", credits: "50", cadence: "RECURRING", period: "MONTHLY", periodCount: 1,
      expirationType: "DURATION", expirationDuration: 10, expirationDurationUnit: "DAY", priority: 1,
    });
    assert.deepEqual([(await sdk.creditGrants.getCreditGrant(made.id)).credits, made.cadence], ["50", "RECURRING"]);
    assert.deepEqual((await sdk.creditGrants.getPlanCreditGrants("plan_pro")).items.map((one) => one.id), [made.id]);
    const subscription = (await ask("POST", "/subscriptions", { customer_id: "hotel", plan_id: "plan_pro" })).id;
    assert.equal(await posted(id), 50);
    const coming = (await sdk.subscriptions.getSubscriptionUpcomingGrants(subscription)).items;
    assert.equal(coming[0].creditGrantId, made.id);
    assert.deepEqual((await sdk.customers.getCustomerUpcomingGrants("hotel")).items.map((one) => one.creditGrantId), [made.id]);
    await moveTo(new Date(new Date(coming[0].scheduledFor).getTime() + 3_600_000));
    assert.equal(await posted(id), 50, "the first month's has ended, the second month's is there");
    assert.equal((await sdk.creditGrants.updateCreditGrant(made.id, { name: "Each month" })).name, "Each month");
    await sdk.creditGrants.deleteCreditGrant(made.id);
    assert.deepEqual((await sdk.creditGrants.getPlanCreditGrants("plan_pro")).items, []);
  },

  async refusals() {
    const stranger = new Flexprice({ serverURL: `${url}/v1`, apiKeyAuth: "no such key" });
    await refused(401, () => stranger.wallets.queryWallet({}));
    await refused(400, () => wallet("india", { currency: "doubloons" }));
    await refused(404, () => sdk.creditGrants.getCreditGrant("cg_00000000000000000000000000"));
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`typescript sdk: ${name}`);
}
