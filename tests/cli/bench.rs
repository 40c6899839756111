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
    assert_eq!(names, ["echo", "spread", "hot wallet"]);
    assert!(figures.iter().all(|(_, rate)| *rate > 0), "{said}");
    assert!(said["ratios"]["HTTP spread ÷ echo, 8 connections"].as_f64().unwrap() > 0.0);
}
