//! As `samples_v2`, of what version 2 does not know. The bytes stand in `tests/golden/codec_v3/`.

use coffer_ledger::alert::{AlertChange, AlertKind, AlertSettings, AlertState, Condition};
use coffer_ledger::amount::Credits;
use coffer_ledger::auto_topup::{AutoTopup, HeldBack, HeldBackBy};
use coffer_ledger::catalog::tenant::{Settings, Tenant, TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::catalog::webhook::{
    CreateWebhookEndpoint, UpdateWebhookEndpoint, WebhookDisabled, WebhookEndpoint, WebhookSecret,
};
use coffer_ledger::command::{
    AutoTopupChange, Command, CreateWallet, CreditReason, RechargeDue, TopUp, UpdateWallet,
};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{CreditRow, Due, Effect, Facts, RechargeEnd, SetOff, Unpaid};
use coffer_ledger::ids::{
    AlertId, InvoiceId, LogPosition, RechargeId, TenantNumber, ThingId, WebhookEndpointId,
};
use coffer_ledger::recharge::{CountedIn, Recharge, RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::record::Record;
use coffer_ledger::unit::Currency;
use coffer_ledger::wallet::WalletHead;
use coffer_ledger::watch::{Recharging, Spent, WalletRules, Watch};
use smallvec::smallvec;

use crate::samples::{
    self, AT, EARLIER, END, OWNER, facts, head, micro, micro_money, posting, record, three_terms, tranche_id,
    wallet_id,
};
use crate::{samples_tenant, samples_v2};

fn recharge_id() -> RechargeId {
    RechargeId(ThingId::new(EARLIER, OWNER, 60))
}

fn rules() -> WalletRules {
    let alerts = AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent: false,
        info: Some(micro(50_000_000)),
        warning: Some(micro(20_000_000)),
        critical: Some(micro(-5_000_000)),
        runway_below_s: Some(3_600),
    };
    let auto_topup = AutoTopup {
        enabled: true,
        threshold: micro(181_894_059),
        amount: micro(7_954_136_132),
        invoicing: true,
        target_balance: Some(micro(10_000_000_000)),
        cooldown_s: 60,
        count_max: 24,
        amount_max: Some(micro_money(50_000_000_000)),
        failures_max: 3,
    };
    WalletRules { alerts: Some(alerts), auto_topup: Some(auto_topup) }
}

fn ruled_head() -> WalletHead {
    WalletHead { rules: Some(Box::new(rules())), ..head() }
}

fn change() -> AlertChange {
    AlertChange {
        id: AlertId(ThingId::new(AT, OWNER, 61)),
        wallet: wallet_id(),
        kind: AlertKind::Balance,
        from: AlertState::Ok,
        to: AlertState::Warning,
        posted: micro(15_000_000),
        runway_s: None,
        at: AT,
    }
}

fn bought(pending: bool) -> CreditRow {
    CreditRow {
        reason: CreditReason::PurchasedCreditInvoiced,
        tranche: tranche_id(9),
        terms: three_terms()[1].clone(),
        amount: micro_money(10_000_000),
        charged: Some(micro_money(10_000_000)),
        repaid: if pending { Credits(0) } else { micro(1_500_000) },
        posting: (!pending).then(|| posting(1_043, 287_000_000, 387_000_000)),
    }
}

fn pending() -> Recharge {
    Recharge {
        id: recharge_id(),
        wallet: wallet_id(),
        currency: Currency(*b"usd"),
        origin: RechargeOrigin::TopUp,
        status: RechargeStatus::Pending,
        trusted: false,
        invoice: Some(InvoiceId(ThingId::new(EARLIER, OWNER, 62))),
        begun_at: EARLIER,
        counted_in: None,
        expires_at: Some(END),
        ended_at: None,
        reason: None,
        rows: smallvec![Box::new(bought(true))],
        gone: smallvec![],
        row: (LogPosition(87_654_321), 1),
        came_in: (LogPosition(87_654_399), 2),
    }
}

/// An automatic one, whose credit is there.
fn trusted() -> Recharge {
    Recharge {
        origin: RechargeOrigin::Auto,
        trusted: true,
        invoice: None,
        counted_in: Some(CountedIn { day_ends_at: END, month_ends_at: END }),
        expires_at: None,
        rows: smallvec![Box::new(bought(false))],
        gone: smallvec![micro(250_000)],
        ..pending()
    }
}

fn paid() -> RechargeEnd {
    let recharge = Recharge { status: RechargeStatus::Completed, ended_at: Some(AT), ..pending() };
    RechargeEnd { recharge, rows: smallvec![Box::new(bought(false))], unpaid: Vec::new() }
}

fn failed() -> RechargeEnd {
    let recharge = Recharge {
        status: RechargeStatus::Failed,
        trusted: false,
        ended_at: Some(AT),
        reason: Some(RechargeReason::PaymentFailed),
        ..trusted()
    };
    let unpaid = Unpaid {
        tranche: tranche_id(9),
        terms: three_terms()[1].clone(),
        taken: micro(60_000_000),
        owed: micro(40_000_000),
        posting: Some(posting(1_044, 287_000_000, 187_000_000)),
    };
    RechargeEnd { recharge, rows: smallvec![], unpaid: vec![unpaid] }
}

fn declined() -> RechargeEnd {
    let mut end = failed();
    end.recharge.reason = Some(RechargeReason::CardDeclined);
    end
}

fn fail(reason: RechargeReason) -> Command {
    Command::FailRecharge { id: recharge_id(), reason }
}

fn cancelled() -> RechargeEnd {
    let recharge = Recharge {
        status: RechargeStatus::Cancelled,
        ended_at: Some(AT),
        reason: Some(RechargeReason::Cancelled),
        ..pending()
    };
    RechargeEnd { recharge, rows: smallvec![], unpaid: Vec::new() }
}

fn held_back() -> HeldBack {
    HeldBack { by: HeldBackBy::BackingOff, at: AT, until: Some(END) }
}

fn set_off() -> SetOff {
    SetOff {
        before: Some(Box::new(trusted())),
        after: vec![trusted(), pending()],
        ended: vec![cancelled()],
        held_back: vec![(wallet_id(), held_back())],
        alerts: vec![change()],
        state: AlertState::Warning,
    }
}

fn debit() -> Record {
    let plain = samples::debit(1);
    Record { facts: Facts { set_off: Some(Box::new(set_off())), ..plain.facts }, ..plain }
}

fn find(name: &str) -> Record {
    let (_, record) = samples::customer_records().into_iter().find(|(other, _)| *other == name).unwrap();
    record
}

fn create_wallet() -> Record {
    let plain = find("create_wallet");
    let Command::CreateWallet(request) = plain.command else { panic!("a creation") };
    let Effect::WalletCreated { customer, initial, .. } = plain.facts.effect else { panic!("a creation") };
    let command = Command::CreateWallet(CreateWallet { rules: Some(Box::new(rules())), ..request });
    record(command, Effect::WalletCreated { customer, wallet: Box::new(ruled_head()), initial })
}

fn update_wallet() -> Record {
    let Command::UpdateWallet(request) = find("update_wallet").command else { panic!("a change") };
    let change = AutoTopupChange {
        enabled: Some(false),
        threshold: Some(micro(20_000_000)),
        target_balance: Some(None),
        amount_max: Some(Some(micro_money(1_000_000))),
        ..AutoTopupChange::default()
    };
    let command = Command::UpdateWallet(UpdateWallet {
        alerts: rules().alerts.map(Box::new),
        auto_topup: Some(Box::new(change)),
        ..request
    });
    record(command, Effect::WalletSet(Box::new(ruled_head())))
}

fn invoiced() -> Record {
    let Command::TopUp(request) = find("top_up").command else { panic!("a top-up") };
    let command = Command::TopUp(TopUp { reason: CreditReason::PurchasedCreditInvoiced, ..request });
    let effect = Effect::Recharged { recharge: Box::new(pending()), wallet: Box::new(ruled_head()) };
    record(command, effect)
}

fn ended(command: Command, end: RechargeEnd) -> Record {
    record(command, Effect::RechargeEnded(Box::new(end)))
}

fn expired() -> Record {
    let due = vec![Due::RechargeExpired(Box::new(failed()))];
    Record { facts: Facts { due, ..facts(Effect::Ticked) }, ..record(Command::Tick, Effect::Ticked) }
}

fn batch() -> Record {
    let (debit, plain) = (debit(), samples::debit(1));
    let command = Command::Atomic(vec![plain.command]);
    let facts = Facts { effect: Effect::Atomic(vec![plain.facts.effect]), ..debit.facts };
    Record { command, facts, ..debit }
}

/// One record of every kind that version 2 does not know.
pub(crate) fn customer_records() -> Vec<(&'static str, Record)> {
    let due = RechargeDue { wallet: wallet_id(), would_pass: true };
    let begun = Facts { set_off: Some(Box::new(set_off())), ..facts(Effect::Ticked) };
    vec![
        ("debit_with_all_that_it_set_off", debit()),
        ("create_wallet_with_rules", create_wallet()),
        ("update_wallet_with_rules", update_wallet()),
        ("top_up_invoiced", invoiced()),
        ("recharge_complete", ended(Command::CompleteRecharge(recharge_id()), paid())),
        ("recharge_fail", ended(fail(RechargeReason::PaymentFailed), failed())),
        ("recharge_fail_declined", ended(fail(RechargeReason::CardDeclined), declined())),
        ("recharge_cancel", ended(Command::CancelRecharge(recharge_id()), cancelled())),
        ("recharge_expired", expired()),
        (
            "auto_topup_resume",
            record(Command::ResumeAutoTopup(wallet_id()), Effect::AutoTopupResumed(wallet_id())),
        ),
        ("recharge", Record { facts: begun, ..record(Command::Recharge(due), Effect::Ticked) }),
        ("batch", batch()),
    ]
}

fn settings() -> Settings {
    Settings { auto_complete: true, payment_result: true, ..samples_tenant::tenant().settings }
}

/// As [`customer_records`], of a tenant.
pub(crate) fn tenant_records() -> Vec<(&'static str, TenantRecord)> {
    let set = |endpoint| TenantEffect::WebhookEndpointSet(Box::new(endpoint));
    let id = endpoint().id;
    let create = CreateWebhookEndpoint {
        url: endpoint().url,
        description: endpoint().description,
        events: endpoint().events,
        secret: endpoint().secret,
    };
    let update = UpdateWebhookEndpoint {
        id,
        url: Some("https://hooks.acme.example/other".into()),
        description: None,
        events: Some(Vec::new()),
        enabled: Some(true),
    };
    let made = WebhookEndpoint { previous: None, disabled: None, position: LogPosition(0), ..endpoint() };
    let changed = WebhookEndpoint { events: Vec::new(), disabled: None, ..endpoint() };
    let rotate = TenantCommand::RotateWebhookSecret { id, secret: WebhookSecret([7; 32]), overlap_s: 86_400 };
    let disable = TenantCommand::DisableWebhookEndpoint { id, why: WebhookDisabled::Failing };
    let gone = TenantEffect::WebhookEndpointDeleted(id);
    [
        (
            "tenant_set_settings",
            TenantCommand::SetSettings(settings()),
            TenantEffect::SettingsSet(settings()),
        ),
        ("tenant_create_webhook_endpoint", TenantCommand::CreateWebhookEndpoint(create), set(made)),
        ("tenant_update_webhook_endpoint", TenantCommand::UpdateWebhookEndpoint(update), set(changed)),
        ("tenant_rotate_webhook_secret", rotate, set(endpoint())),
        ("tenant_disable_webhook_endpoint", disable, set(endpoint())),
        ("tenant_delete_webhook_endpoint", TenantCommand::DeleteWebhookEndpoint(id), gone),
    ]
    .into_iter()
    .map(|(name, command, effect)| (name, samples_tenant::record_of(command, effect)))
    .collect()
}

fn endpoint() -> WebhookEndpoint {
    WebhookEndpoint {
        id: WebhookEndpointId::new(EARLIER, TenantNumber(3), 4),
        url: "https://hooks.acme.example/coffer?of=test".into(),
        description: Some("billing's own".into()),
        events: vec!["wallet.*".into(), "hold.expired".into()],
        secret: WebhookSecret([7; 32]),
        previous: Some((WebhookSecret([9; 32]), END)),
        disabled: Some((EARLIER, WebhookDisabled::Failing)),
        created_at: EARLIER,
        updated_at: EARLIER,
        position: LogPosition(4_711),
    }
}

/// A customer with all that version 2 does not know.
pub(crate) fn customer() -> Customer {
    let mut customer = samples_v2::state::full();
    let wallet = &mut customer.wallets[0];
    wallet.head.rules = Some(Box::new(rules()));
    let mut watch = Watch::new(micro(287_654_321), EARLIER);
    watch.state = AlertState::Info;
    watch.runway_low = true;
    watch.changes =
        [change(), AlertChange { kind: AlertKind::Runway, runway_s: Some(59), ..change() }].into();
    watch.spent = Spent { since: EARLIER, hour: 500_000, this: micro(1), last: micro(2) };
    watch.recharging = Recharging {
        last_at: EARLIER,
        day_ends_at: END,
        day_count: 2,
        month_ends_at: END,
        month_charged: micro_money(5_000_000),
        failures: 1,
        last_failed: true,
        backs_off_until: END,
        held_back: Some(held_back()),
    };
    wallet.watch = Some(Box::new(watch));
    customer.recharges.set(pending());
    customer.recharges.set(Recharge { id: RechargeId(ThingId::new(AT, OWNER, 63)), ..failed().recharge });
    customer.calm_down();
    customer
}

/// As [`customer`], of a tenant.
pub(crate) fn tenant() -> Tenant {
    Tenant {
        settings: settings(),
        webhooks: vec![endpoint()],
        webhooks_made: 5,
        ..samples_v2::tenant::full()
    }
}
