//! Random requests, against a list that is searched from its end.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Wake, Waker},
};

use proptest::prelude::*;

use super::*;
use crate::{
    engine::memory::{
        account::Account,
        requests::{
            config::Config,
            window::{After, Found, Window},
        },
    },
    model::{error::Error, time::UnixMillis},
};

const CONFIG: Config = Config {
    ids_max: 5,
    bytes_max: 6000,
    window_ms: 100,
};

#[derive(Clone, Debug)]
enum Step {
    Begin(u8, i64),
    Keep(u8, usize),
    Forget(u8),
    Advance(u64),
    Trim,
}

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The content of a repeat is not looked at.
    Content,
    /// What is over stays.
    Window,
    /// One too many is kept.
    Number,
    /// What the replies take up is not looked at.
    Bytes,
}

/// The plainest form of it.
#[derive(Default)]
struct Model {
    /// Oldest first: id, content, number, bytes, time.
    kept: Vec<(u8, i64, i64, usize, u64)>,
    running: BTreeMap<u8, i64>,
    now: u64,
}

/// What became of a request, in a form to be compared.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    First,
    Repeat(i64),
    Running,
    Reused,
}

impl Model {
    fn begin(&mut self, id: u8, content: i64, fault: Fault) -> Seen {
        let (now, over) = (
            self.now,
            if fault == Fault::Window {
                u64::MAX
            } else {
                100
            },
        );
        let same = |other: i64| other == content || fault == Fault::Content;
        if let Some(other) = self.running.get(&id) {
            return if same(*other) {
                Seen::Running
            } else {
                Seen::Reused
            };
        }
        self.kept
            .retain(|(other, .., at)| *other != id || now - at < over);
        if let Some((_, other, number, ..)) = self.kept.iter().find(|(other, ..)| *other == id) {
            return if same(*other) {
                Seen::Repeat(*number)
            } else {
                Seen::Reused
            };
        }
        self.running.insert(id, content);
        Seen::First
    }

    fn keep(&mut self, id: u8, number: i64, bytes: usize, fault: Fault) {
        let Some(content) = self.running.remove(&id) else {
            return;
        };
        self.kept.push((id, content, number, bytes, self.now));
        self.trim(fault);
    }

    fn trim(&mut self, fault: Fault) {
        let now = self.now;
        if fault != Fault::Window {
            self.kept.retain(|(.., at)| now - at < 100);
        }
        let ids_max = 5 + usize::from(fault == Fault::Number);
        let bytes_max = if fault == Fault::Bytes {
            usize::MAX
        } else {
            6000
        };
        let total = |kept: &[(u8, i64, i64, usize, u64)]| -> usize {
            kept.iter().map(|(.., bytes, _)| bytes).sum()
        };
        while self.kept.len() > ids_max || (self.kept.len() > 1 && total(&self.kept) > bytes_max) {
            self.kept.remove(0);
        }
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn id(number: u8) -> String {
    format!("id-{number}")
}

fn step() -> impl Strategy<Value = Step> {
    let ids = || 0..9_u8;
    prop_oneof![
        6 => (ids(), 0..2_i64).prop_map(|(id, content)| Step::Begin(id, content)),
        6 => (ids(), prop_oneof![4 => 0..300_usize, 1 => 2000..4000_usize]).prop_map(|(id, bytes)| Step::Keep(id, bytes)),
        1 => ids().prop_map(Step::Forget),
        2 => (0..20_u64).prop_map(Step::Advance),
        1 => Just(Step::Trim),
    ]
}

/// Takes the steps with both; the first difference.
fn compare(steps: &[Step], fault: Fault) -> Result<(), String> {
    let (mut window, mut model) = (Window::new(CONFIG), Model::default());
    let account = Account::new(u64::MAX, false);
    let waker = Waker::from(Arc::new(Nobody));
    for (number, step) in (1..).zip(steps) {
        let now = UnixMillis::new(model.now);
        match *step {
            Step::Begin(it, content) => {
                let seen = match window.begin(once(&id(it), content), now, &waker) {
                    Ok(Found::First) => Seen::First,
                    Ok(Found::Repeat(reply)) => Seen::Repeat(super::number(&reply)),
                    Ok(Found::Running) => Seen::Running,
                    Err(Error::RequestIdReused) => Seen::Reused,
                    Err(error) => return Err(format!("{error:?}")),
                };
                let expected = model.begin(it, content, fault);
                if seen != expected {
                    return Err(format!("{step:?}: {seen:?}, and {expected:?} expected"));
                }
            }
            Step::Keep(it, bytes) => {
                let (name, reply) = (id(it), reply(number, bytes));
                let bytes = super::super::window::bytes(&name, &reply);
                let _: After = window.keep(RequestId::new(&name).unwrap(), reply, now);
                model.keep(it, number, bytes, fault);
            }
            Step::Forget(it) => {
                let _: After = window.forget(RequestId::new(&id(it)).unwrap());
                model.running.remove(&it);
            }
            Step::Advance(millis) => model.now += millis,
            Step::Trim => {
                window.trim(now, &mut Vec::new());
                model.trim(fault);
            }
        }
        window.settle(&account);
        let bytes = window.check();
        if account.used() != u64::try_from(bytes).unwrap() {
            return Err(format!("{} accounted, {bytes} there", account.used()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_window_is_as_plain_as_a_list(steps in prop::collection::vec(step(), 1..200)) {
        compare(&steps, Fault::None).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_planted_fault_is_noticed() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    for fault in [Fault::Content, Fault::Window, Fault::Number, Fault::Bytes] {
        let mut runner = TestRunner::deterministic();
        let steps = prop::collection::vec(step(), 1..200);
        let noticed = (0..200).any(|_| {
            let steps = steps.new_tree(&mut runner).unwrap().current();
            compare(&steps, fault).is_err()
        });
        assert!(noticed, "{fault:?}");
    }
}

#[test]
fn nothing_is_left_of_what_is_over() {
    let mut window = Window::new(Config {
        ids_max: 1000,
        ..CONFIG
    });
    let waker = Waker::from(Arc::new(Nobody));
    for number in 0..1000 {
        let name = format!("{number}");
        let now = UnixMillis::new(0);
        window.begin(once(&name, 0), now, &waker).unwrap();
        let _: After = window.keep(RequestId::new(&name).unwrap(), reply(1, 0), now);
    }
    let (mut steps, mut gone) = (0, Vec::new());
    while !window.trim(UnixMillis::new(100), &mut gone) {
        steps += 1;
        assert!(gone.len() <= 64 * steps, "some at a time");
    }
    assert_eq!((window.check(), window.bytes()), (0, 0));
}
