//! What the codec costs: a debit written and read, a wallet put to rest and woken.

#![expect(missing_docs, reason = "criterion makes a public function of a group")]

use std::hint::black_box;

use coffer::engine::codec::{
    decode_customer, decode_for_replay, decode_record, encode_customer, encode_customer_frame,
};
use coffer_wal::{Lsn, decode_frame};
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../tests/codec/samples.rs"]
#[expect(dead_code, reason = "the golden tests use the rest")]
mod samples;

#[expect(clippy::print_stdout, reason = "sizes belong beside the times")]
fn records(criterion: &mut Criterion) {
    for slices in [1, 3] {
        let record = samples::debit(slices);
        let encode = |frame: &mut Vec<u8>| {
            frame.clear();
            encode_customer_frame(
                frame,
                black_box(&record),
                (samples::TENANT, samples::OWNER),
                record.facts.at,
                Lsn(98_765_432),
            )
            .expect("a debit fits");
        };
        let mut frame = Vec::with_capacity(4096);
        encode(&mut frame);
        criterion.bench_function(&format!("encode a debit of {slices} slices"), |bencher| {
            bencher.iter(|| encode(&mut frame));
        });
        println!("a debit of {slices} slices has {} bytes in the log", frame.len());
        let (read, _) = decode_frame(&frame, Lsn(1)).expect("a frame that was just written");
        criterion.bench_function(&format!("decode a debit of {slices} slices for replay"), |bencher| {
            bencher.iter(|| {
                decode_for_replay(1, black_box(read.public), black_box(read.personal)).expect("whole")
            });
        });
        criterion.bench_function(&format!("decode a debit of {slices} slices whole"), |bencher| {
            bencher
                .iter(|| decode_record(1, black_box(read.public), black_box(read.personal)).expect("whole"));
        });
    }
}

#[expect(clippy::print_stdout, reason = "sizes belong beside the times")]
fn states(criterion: &mut Criterion) {
    let customer = samples::customer();
    let mut bytes = Vec::with_capacity(4096);
    encode_customer(&customer, &mut bytes);
    criterion.bench_function("encode a customer with 3 tranches", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            encode_customer(black_box(&customer), &mut bytes);
        });
    });
    println!("a customer with 3 tranches rests in {} bytes", bytes.len());
    criterion.bench_function("decode a customer with 3 tranches", |bencher| {
        bencher.iter(|| decode_customer(black_box(&bytes)).expect("a state that was just written"));
    });
}

criterion_group!(benches, records, states);
criterion_main!(benches);
