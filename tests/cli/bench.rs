//! The benchmark runs and says what it should; its figures are for docs/BENCHMARKS.md, not for a test.

use serde_json::Value;

use crate::program::coffer;

fn names_and_rates(figures: &Value) -> Vec<(String, u64)> {
    let figures = figures.as_array().unwrap().iter();
    figures
        .map(|figure| (figure["name"].as_str().unwrap().to_owned(), figure["per_second"].as_u64().unwrap()))
        .collect()
}

#[test]
fn the_embedded_benchmark_measures_spread_hot_and_many() {
    let said = coffer(["bench", "--seconds", "1", "--only", "embedded", "--json"]).ok().json();
    let figures = names_and_rates(&said["report"]["embedded"]);
    let names: Vec<_> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["spread", "spread", "spread", "hot wallet", "submit_many of 1,000"]);
    assert!(figures.iter().all(|(_, rate)| *rate > 0), "{said}");
    assert!(said["report"]["sync"]["p50_us"].as_u64().unwrap() > 0);
}

#[test]
fn the_http_benchmark_measures_beside_an_echo_and_tells_the_ratios() {
    let args = ["bench", "--seconds", "1", "--rounds", "1", "--only", "http", "--client", "built-in"];
    let said = coffer(args.into_iter().chain(["--connections", "8", "--json"])).ok().json();
    let figures = names_and_rates(&said["report"]["http"]);
    let names: Vec<_> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["echo", "spread", "with history", "hot wallet"]);
    assert!(figures.iter().all(|(_, rate)| *rate > 0), "{said}");
    assert!(said["ratios"]["HTTP spread ÷ echo, 8 connections"].as_f64().unwrap() > 0.0);
}

/// The value of every figure whose name contains `part`.
fn values(sheet: &Value, part: &str) -> Vec<f64> {
    let facts = sheet.as_array().unwrap().iter();
    facts
        .filter(|fact| fact["name"].as_str().unwrap().contains(part))
        .map(|fact| fact["value"].as_f64().unwrap())
        .collect()
}

#[test]
fn the_scale_benchmark_goes_through_all_of_it_in_small() {
    let sizes = ["--customers", "2000", "--keys", "10000", "--expiring", "500"];
    let args =
        ["bench", "--only", "scale", "--client", "built-in", "--seconds", "1", "--rounds", "1", "--json"];
    let said = coffer(args.into_iter().chain(sizes)).ok().json();
    let scale = &said["report"]["scale"];
    assert_eq!(values(scale, "debits of expired credit accepted"), [0.0], "{said}");
    assert_eq!(values(scale, "rows that the timer wrote"), [500.0], "{said}");
    assert_eq!(values(scale, "customers with a wallet"), [2_000.0]);
    for part in [
        "all of it, exact",
        "a key: its share",
        "start from a snapshot",
        "records per second",
        "Zipf ÷ over 1,000",
    ] {
        let found = values(scale, part);
        assert!(!found.is_empty() && found.iter().all(|value| *value > 0.0), "{part}: {found:?}");
    }
}

#[test]
fn the_overload_benchmark_goes_through_all_of_it_in_small() {
    let sizes = ["--idle", "50", "--slow", "5", "--flood", "100", "--batch", "200"];
    let args =
        ["bench", "--only", "overload", "--client", "built-in", "--seconds", "1", "--rounds", "1", "--json"];
    let said = coffer(args.into_iter().chain(sizes)).ok().json();
    let overload = &said["report"]["overload"];
    assert_eq!(values(overload, "idle connections still open"), [50.0], "{said}");
    for part in [
        "accepted at twice the peak ÷ peak",
        "batches over as many",
        "accepted ÷ peak",
        "the quiet tenant's rate",
    ] {
        let found = values(overload, part);
        assert!(!found.is_empty() && found.iter().all(|value| *value > 0.0), "{part}: {found:?}");
    }
}

#[test]
fn the_grants_benchmark_mints_every_period_in_small() {
    let args = ["bench", "--only", "grants", "--seconds", "1", "--enrolled", "1000", "--json"];
    let said = coffer(args).ok().json();
    let grants = &said["report"]["grants"];
    assert_eq!(values(grants, "customers without the period then"), [0.0], "{said}");
    assert_eq!(values(grants, "customers on one plan"), [1_000.0]);
    for part in ["records that the timer wrote", "others meanwhile: rate", "asleep, meanwhile: slowest"] {
        let found = values(grants, part);
        assert!(found.len() == 1 && found[0] > 0.0, "{part}: {found:?}");
    }
}
