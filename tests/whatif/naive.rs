//! Another burn order against a model that was written from the words of the rules alone: a list that is sorted before each debit.

use coffer::whatif::{Question, Rules};
use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{CreditReason, TopUp};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;

use crate::program::Random;
use crate::support::{debit, top_up};
use crate::world::*;

/// A block of credit.
#[derive(Clone, Copy)]
struct Block {
    left: i64,
    source: Source,
    priority: u32,
    ends: Option<u64>,
    paid: bool,
    at: u64,
    made: usize,
}

/// What was spent and lost of free and bought credit, how many debits were refused, what is left.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    spent: [i64; 2],
    expired: [i64; 2],
    refused: u64,
    left: i64,
}

fn kind(source: Source) -> usize {
    usize::from(source == Source::Purchased)
}

/// Sorts as the words say: each compares two blocks.
fn sorted(blocks: &mut [Block], words: &[&str]) {
    let never_last = |block: &Block| block.ends.unwrap_or(u64::MAX);
    blocks.sort_by_key(|block| {
        let by_word: Vec<u64> = words
            .iter()
            .map(|word| match *word {
                "priority" => u64::from(block.priority),
                "expires_at" => never_last(block),
                "paid_first" => u64::from(!block.paid),
                "free_first" => u64::from(block.paid),
                "purchased_first" => u64::from(block.source != Source::Purchased),
                "newest_first" => u64::MAX - block.at,
                "oldest_first" => block.at,
                other => panic!("{other}"),
            })
            .collect();
        (by_word, block.priority, never_last(block), block.paid, block.at, block.made)
    });
}

/// What happens, and when.
enum Step {
    Credit(Block),
    Debit(i64, u64),
}

impl Step {
    const fn at(&self) -> u64 {
        match self {
            Self::Credit(block) => block.at,
            Self::Debit(_, at) => *at,
        }
    }
}

fn lives(steps: &[Step], words: &[&str]) -> Came {
    let (mut blocks, mut came): (Vec<Block>, Came) = (Vec::new(), Came::default());
    for step in steps {
        for block in blocks.iter_mut().filter(|block| block.ends.is_some_and(|end| end <= step.at())) {
            came.expired[kind(block.source)] += std::mem::take(&mut block.left);
        }
        match step {
            Step::Credit(block) => blocks.push(*block),
            Step::Debit(amount, _) if blocks.iter().map(|block| block.left).sum::<i64>() < *amount => {
                came.refused += 1;
            }
            Step::Debit(amount, _) => {
                sorted(&mut blocks, words);
                let mut needed = *amount;
                for block in &mut blocks {
                    let taken = needed.min(block.left);
                    (block.left, needed) = (block.left - taken, needed - taken);
                    came.spent[kind(block.source)] += taken;
                }
            }
        }
    }
    came.left = blocks.iter().map(|block| block.left).sum();
    came
}

const ORDERS: [&[&str]; 6] = [
    &[],
    &["expires_at"],
    &["paid_first"],
    &["purchased_first", "newest_first"],
    &["free_first", "oldest_first"],
    &["newest_first"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_burn_order_gives_what_a_sorted_list_gives() {
    let (mut differed, mut refused) = (0, 0);
    for seed in 1..=12 {
        println!("seed {seed}");
        let (world, mut random, mut steps) = (World::new().await, Random::new(seed), Vec::new());
        let wallet = world.wallet("acme").await;
        for made in 0..=80 {
            let step = random.below(10);
            // What was refused is not in the log. The end of time is the last record's.
            if step < 4 || made == 80 {
                let asked = block(&mut random, world.engine.now().0, made);
                let at = world.credit("acme", request(wallet, &asked)).await.record.facts.at.0;
                steps.push(Step::Credit(Block { at, ..asked }));
            } else if step < 8 {
                let amount = 1 + number(random.below(30));
                if let Some(debited) = world.ask("acme", debit(amount)).await {
                    steps.push(Step::Debit(amount, debited.record.facts.at.0));
                }
            } else {
                world.pass(random.below(3) * DAY + 1);
            }
        }
        let stopped = world.stopped().await;
        for words in ORDERS {
            let text = format!("burn_order = {words:?}");
            let rules = Rules::parse(&text).unwrap();
            let answer = stopped.what_if(&Question { rules, ..Question::default() });
            let expected = lives(&steps, words);
            assert_eq!(shadow(&answer), expected, "seed {seed}, {text}");
            differed += u64::from(expected.spent != lives(&steps, &[]).spent);
            refused += expected.refused;
        }
    }
    assert!(differed > 10 && refused > 0, "the programs show something: {differed}, {refused}");
}

fn number(below: u64) -> i64 {
    i64::try_from(below).unwrap()
}

fn block(random: &mut Random, now: u64, made: usize) -> Block {
    let source = [Source::Purchased, Source::Promotional][usize::try_from(random.below(2)).unwrap()];
    let ends = [None, Some(now + (1 + random.below(5)) * DAY)][usize::try_from(random.below(2)).unwrap()];
    let priority = [50, 50, 20][usize::try_from(random.below(3)).unwrap()];
    let left = 1 + number(random.below(40));
    Block { left, source, priority, ends, paid: source == Source::Purchased, at: now, made }
}

fn request(wallet: coffer_ledger::ids::WalletId, block: &Block) -> TopUp {
    let reason = match block.source {
        Source::Purchased => CreditReason::PurchasedCreditDirect,
        _ => CreditReason::FreeCreditGrant,
    };
    let paid: Option<Money> = None;
    TopUp {
        reason,
        paid,
        priority: Some(block.priority),
        ..top_up(wallet, block.left, block.ends.map(Timestamp))
    }
}

fn shadow(answer: &coffer::whatif::Answer) -> Came {
    let unit = &answer.units[0];
    let whole = |credits: Credits| credits.to_string().parse::<i64>().unwrap();
    let both = |of: &coffer::whatif::BySource| {
        [Source::Promotional, Source::Purchased].map(|source| whole(of.of(source)))
    };
    Came {
        spent: both(&unit.shadow.tally.spent),
        expired: both(&unit.shadow.tally.expired),
        refused: answer.refused,
        left: whole(unit.shadow.posted),
    }
}
