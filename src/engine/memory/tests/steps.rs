//! What random steps there are, and how likely each is.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{engine::memory::tests::model, model::mutation::TouchMode};

/// One step, with numbers in place of what depends on the state.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Run(Op),
    Batch(Vec<Op>, usize),
    Transact(Vec<(String, If)>, Vec<Op>, usize),
    /// A prefix, bounds, and how many entries at most.
    DeleteRange(String, Option<(String, String)>, usize),
    List(Listing),
    Fill(u16, u16, u64),
    Advance(u64),
    /// To the next deadline, and so many milliseconds short of it.
    Meet(u64),
    Sweep(usize),
    SweepAll,
    /// Ends the store and opens it again, where it is kept.
    Reopen,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Read(String, bool),
    Change(String, Does, If),
}

#[derive(Clone, Debug)]
pub(super) enum Does {
    Set(Holds, When, bool),
    Delete(bool),
    Increment(i64, i64, i64, i64, When),
    Touch(When, TouchMode, bool),
}

#[derive(Clone, Debug)]
pub(super) enum Holds {
    Data(Vec<u8>),
    Text(String),
    Number(i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Default,
    After(u64),
    At(i64),
    Never,
    Keep,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum If {
    Always,
    Absent,
    Present,
    /// The version that is there, and so many more.
    Version(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) bounds: Option<(String, String)>,
    pub(super) entries_max: usize,
    pub(super) reply_bytes_max: usize,
    pub(super) omit_value: bool,
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "k[a-d]{0,2}",
        "fill/0[0-3][0-9]{3}",
        "[a-z]{1,64}",
        "é{1,3}"
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Default),
        prop_oneof![
            0..3_u64,
            1..5000_u64,
            Just(model::TTL_MS_MAX),
            Just(model::TTL_MS_MAX + 1)
        ]
        .prop_map(When::After),
        (-2..3000_i64).prop_map(When::At),
        Just(When::Never),
        Just(When::Keep),
    ]
}

fn holds() -> impl Strategy<Value = Holds> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Holds::Data),
        4 => "\\PC{0,60}".prop_map(Holds::Text),
        4 => (-3..3_i64).prop_map(Holds::Number),
        1 => (7000..12_000_usize).prop_map(|bytes| Holds::Data(vec![7; bytes])),
        1 => (7000..12_000_usize).prop_map(|bytes| Holds::Text("x".repeat(bytes))),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let number = || prop_oneof![4 => -5..5_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let mode = prop::sample::select(vec![
        TouchMode::Any,
        TouchMode::OnlyExtend,
        TouchMode::OnlyShorten,
    ]);
    let does = prop_oneof![
        4 => (holds(), when(), any::<bool>()).prop_map(|(holds, when, previous)| Does::Set(holds, when, previous)),
        2 => any::<bool>().prop_map(Does::Delete),
        3 => (number(), number(), number(), number(), when()).prop_map(|(delta, initial, min, max, when)| {
            Does::Increment(delta, initial, min, max, when)
        }),
        3 => (when(), mode, any::<bool>()).prop_map(|(when, mode, omit)| Does::Touch(when, mode, omit)),
    ];
    let condition = prop_oneof![
        4 => Just(If::Always),
        1 => Just(If::Absent),
        1 => Just(If::Present),
        1 => (0..2_i64).prop_map(If::Version),
    ];
    prop_oneof![
        1 => (key(), any::<bool>()).prop_map(|(key, omit)| Op::Read(key, omit)),
        4 => (key(), does, condition).prop_map(|(key, does, condition)| Op::Change(key, does, condition)),
    ]
}

/// An operation that is likely to be carried out.
fn plain_op() -> impl Strategy<Value = Op> {
    let alive = || prop_oneof![(1..3000_u64).prop_map(When::After), Just(When::Never)];
    let does = prop_oneof![
        3 => (holds(), alive(), any::<bool>()).prop_map(|(holds, when, previous)| Does::Set(holds, when, previous)),
        2 => any::<bool>().prop_map(Does::Delete),
        1 => (alive(), any::<bool>()).prop_map(|(when, omit)| Does::Touch(when, TouchMode::Any, omit)),
    ];
    let count = |number| Does::Increment(number, 0, i64::MIN, i64::MAX, When::Default);
    prop_oneof![
        1 => (key(), any::<bool>()).prop_map(|(key, omit)| Op::Read(key, omit)),
        4 => (key(), does).prop_map(|(key, does)| Op::Change(key, does, If::Always)),
        1 => ("n[a-d]", -5..5_i64).prop_map(move |(key, number)| Op::Change(key, count(number), If::Always)),
    ]
}

/// Mostly no key is written twice.
fn transact() -> impl Strategy<Value = Step> {
    let checked = prop_oneof![
        1 => Just(If::Absent),
        1 => Just(If::Present),
        4 => Just(If::Version(0)),
        1 => Just(If::Version(1))
    ];
    let checks = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec((key(), checked), 1..3)
    ];
    let ops = prop_oneof![
        5 => prop::collection::vec(plain_op(), 0..40),
        1 => prop::collection::vec(op(), 0..5),
    ];
    let room = prop_oneof![4 => Just(usize::MAX), 1 => 0..9000_usize];
    let distinct = prop::bool::weighted(0.95);
    (checks, ops, distinct, room).prop_map(|(checks, mut ops, distinct, room)| {
        let mut written = BTreeSet::new();
        ops.retain(|op| match op {
            Op::Read(..) => true,
            Op::Change(key, ..) => written.insert(key.clone()) || !distinct,
        });
        Step::Transact(checks, ops, room)
    })
}

fn prefix() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "k|ka|fill/|fill/00|q"]
}

fn delete_range() -> impl Strategy<Value = Step> {
    let entries_max = prop_oneof![2 => 1..30_usize, 1 => 1..1500_usize];
    let bounds = prop::option::of((key(), key()));
    (prefix(), bounds, entries_max)
        .prop_map(|(prefix, bounds, entries_max)| Step::DeleteRange(prefix, bounds, entries_max))
}

fn listing() -> impl Strategy<Value = Step> {
    let prefix = prefix();
    let bounds = prop::option::of((key(), key()));
    let bytes = prop_oneof![Just(usize::MAX), 0..3000_usize];
    (prefix, bounds, 1..60_usize, bytes, any::<bool>()).prop_map(
        |(prefix, bounds, entries_max, reply_bytes_max, omit_value)| {
            Step::List(Listing {
                prefix,
                bounds,
                entries_max,
                reply_bytes_max,
                omit_value,
            })
        },
    )
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let room = prop_oneof![Just(usize::MAX), 0..2000_usize];
    prop_oneof![
        20 => op().prop_map(Step::Run),
        4 => (prop::collection::vec(op(), 0..40), room).prop_map(|(ops, room)| Step::Batch(ops, room)),
        6 => transact(),
        1 => delete_range(),
        3 => listing(),
        1 => (0..4096_u16, 1..600_u16, 1..4000_u64).prop_map(|(from, count, ttl)| Step::Fill(from, count, ttl)),
        5 => prop_oneof![1..100_u64, 100..3000_u64, 1..1_u64 << 38].prop_map(Step::Advance),
        5 => (0..2_usize).prop_map(Step::Sweep),
        1 => Just(Step::SweepAll),
        5 => (0..2_u64).prop_map(Step::Meet),
    ]
}
