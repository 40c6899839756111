//! What the lines say: every row of the log once, in every format the same, in any parts.

use coffer::export::{Bound, ExportError, Filter, Format, KINDS, Range};
use coffer::feed::history::Row;
use coffer_ledger::ids::LogPosition;
use coffer_wal::Lsn;
use serde_json::Value;

use crate::support::{TENANT, World, objects};

fn rows(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for position in 1..=world.durable() {
        let stored = world.runtime.block_on(world.engine.record(TENANT, LogPosition(position)));
        let Ok(stored) = stored else { continue };
        rows.extend(Row::all_of(TENANT, stored.customer.number, &stored.record, stored.position));
    }
    rows
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("{key} of {line}"))
}

#[test]
fn every_row_and_every_slice_of_the_log_is_a_line_once() {
    let world = World::lived(21, 1_500);
    let (rows, lines) = (rows(&world), world.lines("transactions"));
    assert_eq!(lines.len(), rows.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(text(line, "id"), row.id.to_string());
        assert_eq!(text(line, "wallet_id"), row.wallet.to_string());
        assert_eq!(text(line, "credit_amount"), row.credits.to_string());
        assert_eq!(text(line, "transaction_reason"), row.reason);
        assert_eq!(line["log_position"], row.id.position().0);
        assert_eq!(
            line["credit_balance_after"].as_str(),
            row.balance_after.map(|b| b.to_string()).as_deref()
        );
        assert_eq!(
            line["metadata"].as_object().map(serde_json::Map::len),
            row.metadata.as_ref().map(Vec::len)
        );
        assert_eq!(line["slices"], row.parts.len());
    }
    let slices = world.lines("slices");
    assert_eq!(slices.len(), rows.iter().map(|row| row.parts.len()).sum::<usize>());
    let parts = rows.iter().flat_map(|row| row.parts.iter().map(move |part| (row.id, part)));
    for ((id, part), line) in parts.zip(&slices) {
        assert_eq!(text(line, "transaction_id"), id.to_string());
        assert_eq!(text(line, "credits"), part.credits.to_string());
        let tranche = part.tranche.as_ref().map(|tranche| tranche.id.to_string());
        assert_eq!(line["tranche_id"].as_str(), tranche.as_deref());
    }
}

#[test]
fn parts_of_the_log_strung_together_are_the_whole_and_a_filter_takes_only_its_own() {
    let world = World::lived(22, 4_500);
    let last = world.durable();
    for kind in KINDS.map(|kind| kind.table.name) {
        let piece = |first, last| world.piped(kind, Format::Jsonl, Range { first, last }, Filter::default());
        let whole = piece(1, last);
        let mut strung = Vec::new();
        for (first, last) in [(1, 700), (701, 700), (701, 1_900), (1_901, last)] {
            strung.extend(piece(first, last));
        }
        assert!(whole == strung, "{kind}: the parts are not the whole");
        if kind == "focus" {
            continue;
        }
        let lines = objects(&whole);
        let wallet = text(&lines[0], "wallet_id");
        let filter = Filter { wallet: Some(wallet.parse().unwrap()), ..Filter::default() };
        let filtered = objects(&world.piped(kind, Format::Jsonl, Range { first: 1, last }, filter));
        let expected: Vec<_> = lines.iter().filter(|line| line["wallet_id"] == wallet).cloned().collect();
        assert!(filtered == expected && filtered.len() < lines.len(), "{kind}: another wallet's lines");
        let customer = world.runtime.block_on(async {
            world.engine.resolve(TENANT, coffer::engine::Target::Customer("third")).unwrap()
        });
        let filter = Filter { customer: Some(customer), ..Filter::default() };
        let filtered = objects(&world.piped(kind, Format::Jsonl, Range { first: 1, last }, filter));
        let expected: Vec<_> = lines.iter().filter(|line| line["customer_id"] == "third").cloned().collect();
        assert_eq!(filtered, expected, "{kind}");
    }
}

#[test]
fn a_range_by_time_begins_and_ends_between_batches_and_leaves_nothing_out() {
    let world = World::lived(23, 400);
    let log = world.engine.log_reader();
    let last = log.durable_lsn().0;
    for position in [2, last / 3, last / 2, last] {
        let at =
            Bound::Time(coffer_ledger::time::Timestamp(log.batch_header(Lsn(position)).unwrap().time_ns));
        let before = Range::of(&log, None, Some(at)).unwrap();
        let after = Range::of(&log, Some(at), None).unwrap();
        assert_eq!((before.first, after.last), (1, last));
        assert_eq!(before.last + 1, after.first, "there is a gap, or something twice");
        assert!(after.first <= position);
    }
    let of = |from, to| Range::of(&log, from, to);
    let past = Bound::Position(last + 1);
    assert_eq!(of(Some(past), None).unwrap().records(), 0, "nothing has come yet");
    for (from, to) in
        [(None, Some(past)), (Some(Bound::Position(last + 2)), None), (Some(Bound::Position(0)), None)]
    {
        assert!(matches!(of(from, to), Err(ExportError::Range(_))), "{from:?} {to:?}");
    }
    assert!(of(Some(Bound::Position(9)), Some(Bound::Position(7))).is_err());
    assert_eq!(of(Some(Bound::Position(9)), Some(Bound::Position(8))).unwrap().records(), 0);
}

#[test]
fn the_same_range_is_the_same_bytes_in_every_format_whatever_comes_later() {
    let world = World::lived(24, 1_200);
    let range = Range { first: 1, last: world.durable() };
    let all = || {
        let each = KINDS.iter().flat_map(|kind| Format::ALL.map(|format| (kind.table.name, format)));
        each.map(|(kind, format)| world.piped(kind, format, range, Filter::default())).collect::<Vec<_>>()
    };
    let before = all();
    world.live(26, 600);
    assert!(before == all());
}
