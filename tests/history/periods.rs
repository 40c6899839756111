//! What a grant gave a customer, period by period: the rows that name the grant, and what became of their tranches.

use std::collections::BTreeMap;

use coffer::feed::history::{Column, Given, Query, Row, Test, TrancheLife};
use coffer_ledger::amount::Credits;
use coffer_ledger::time::Timestamp;

use crate::kept::Kept;
use crate::program::{grant, wallets};
use crate::support::{all, close, engine, everything, follow};

const HOUR_NS: u64 = 3_600_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_grant_gave_is_answered_period_by_period_by_its_rows_and_their_tranches() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let history = feed.history();
    wallets(&engine).await;
    for customer in ["acme", "other"] {
        grant(&engine, customer).await;
    }
    let rows = all(&engine, &history, "granted").await;
    close(engine, feed).await;
    let grants: BTreeMap<_, _> = rows.iter().filter_map(|row| Some((row.grant?, row.customer))).collect();
    assert_eq!(grants.len(), 2);
    for (grant, customer) in grants {
        let find = async |column, id| {
            let tests = vec![(column, Test::In(vec![Given::Id(id)]))];
            history.find(Query { tests, ..everything() }).await.unwrap().rows
        };
        let of_grant: Vec<Row> = find(Column::Grant, grant.0.0).await;
        assert_eq!(of_grant.len(), rows.iter().filter(|row| row.grant == Some(grant)).count());
        assert!(of_grant.iter().all(|row| row.customer == customer));
        // Granted: one row a period, of its first instant.
        let granted: Vec<_> =
            of_grant.iter().filter(|row| row.reason == "SUBSCRIPTION_CREDIT_GRANT").collect();
        let start = granted[0].effective_at;
        let starts: Vec<_> = granted.iter().map(|row| row.effective_at).collect();
        assert_eq!(starts, [0, 1, 2].map(|hour| Timestamp(start.0 + hour * HOUR_NS)));
        for (period, row) in granted.iter().enumerate() {
            let id = row.tranche.unwrap();
            let life: TrancheLife = history.look(move |look| look.tranche(id)).await.unwrap().unwrap();
            let over = period < 2;
            let half = if over { Credits::whole(15) } else { Credits::ZERO };
            assert_eq!((life.original, life.effective_at), (Credits::whole(30), row.effective_at));
            assert_eq!((life.rolled_over, life.expired), (half, half), "period {period}");
            // Rolled over: out of this tranche into one that stays, at the period's end, by the grant's own rows.
            let end = Timestamp(row.effective_at.0 + HOUR_NS);
            let moved: Vec<_> = of_grant
                .iter()
                .filter(|row| row.reason == "ROLLOVER" && row.effective_at == end)
                .map(|row| (&*row.row_type, row.credits, row.tranche == Some(id), row.expires_at))
                .collect();
            let (out, into) = (("debit", half, true, Some(end)), ("credit", half, false, None));
            assert_eq!(moved, if over { vec![out, into] } else { Vec::new() });
            // Expired: the rows of the tranche.
            let expired = find(Column::Tranche, id.0.0).await.into_iter();
            let expired: Vec<_> = expired
                .filter(|row| row.reason == "CREDIT_EXPIRED")
                .map(|row| (row.credits, row.effective_at))
                .collect();
            assert_eq!(expired, if over { vec![(half, end)] } else { Vec::new() });
        }
    }
}
