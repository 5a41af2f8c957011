//! How groups are formed; what happens around the commit is tested with a real writer in
//! `tests/it/intake.rs`.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::time::sleep;

use super::*;
use crate::actors::delivery::IntakeDoor;
use crate::actors::intake::Door;
use crate::clock::Clock;
use crate::perf::intake::IntakeGauge;

const RULES: GroupRules = GroupRules {
    rows_max: 8,
    rows_prompt: 4,
    quiet: Duration::from_millis(2),
    wait_busy: Duration::from_millis(250),
    wait_idle: Duration::from_secs(1),
};

fn item() -> Item {
    Item::Delivery(Delivery { source: Arc::from("test"), record: None, receipt: Receipt::None })
}

/// Collects one group from `count` items that are there already; returns its size and its wait.
async fn collect_from(count: usize, is_busy: bool) -> (usize, Duration) {
    let (entrance, mut queue) = queue();
    for _ in 0..count {
        assert!(entrance.send(item()).is_none());
    }
    let start = Instant::now();
    let group = queue.collect(RULES, is_busy).await;
    (group.map_or(0, |group| group.receipts.len()), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn rows_close_a_group_at_once() {
    assert_eq!(collect_from(20, false).await, (8, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_pause_closes_a_group_that_may_fill_the_brokers_window() {
    assert_eq!(collect_from(5, false).await, (5, Duration::from_millis(2)));
}

#[tokio::test(start_paused = true)]
async fn a_few_rows_wait_a_second_when_idle_and_a_quarter_under_load() {
    assert_eq!(collect_from(3, false).await, (3, Duration::from_secs(1)));
    assert_eq!(collect_from(3, true).await, (3, Duration::from_millis(250)));
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_from_the_first_row_and_not_from_the_latest() {
    let (entrance, mut queue) = queue();
    let trickle = async {
        for _ in 0..3 {
            assert!(entrance.send(item()).is_none());
            sleep(Duration::from_millis(450)).await;
        }
        std::future::pending::<()>().await;
    };
    let start = Instant::now();
    let group = tokio::select! {
        group = queue.collect(RULES, false) => group,
        () = trickle => None,
    };
    assert_eq!(group.map(|group| group.receipts.len()), Some(3));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_waits_for_an_answer_closes_the_group() {
    let (entrance, mut queue) = queue();
    let (answer, _stored) = oneshot::channel();
    let receipt = Receipt::Answer(answer);
    let urgent = Delivery { source: Arc::from("http"), record: None, receipt };
    assert!(entrance.send(item()).is_none());
    assert!(entrance.send(Item::Delivery(urgent)).is_none());
    let start = Instant::now();
    let group = queue.collect(RULES, false).await;
    assert_eq!(group.map(|group| group.receipts.len()), Some(2));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn no_doors_no_group() {
    let (entrance, mut queue) = queue();
    drop(entrance);
    assert!(queue.collect(RULES, false).await.is_none());
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_woken_for_a_few_rows_of_a_group_and_once_for_many() {
    let (entrance, mut queue) = queue();
    let wakes = Arc::new(Wakes::default());
    let woken = || wakes.0.load(Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&wakes));
    let mut context = Context::from_waker(&waker);
    let mut group = pin!(queue.collect(RULES, false));
    assert!(group.as_mut().poll(&mut context).is_pending());
    assert!(entrance.send(item()).is_none());
    assert_eq!(woken(), 1, "the first row of a group");
    assert!(group.as_mut().poll(&mut context).is_pending());
    assert!(entrance.send(item()).is_none());
    assert!(entrance.send(item()).is_none());
    assert_eq!(woken(), 1);
    for _ in 3..8 {
        assert!(entrance.send(item()).is_none());
    }
    assert_eq!(woken(), 1);
    entrance.ring();
    entrance.ring();
    assert_eq!(woken(), 2);
    let Poll::Ready(Some(group)) = group.as_mut().poll(&mut context) else { panic!("no group") };
    assert_eq!(group.receipts.len(), 8);
}

/// Collects a group into which a first item came, and this one 10 ms later.
async fn collect_with_late(late: Item) -> (Group, Duration) {
    let (entrance, mut queue) = queue();
    let send = async {
        assert!(entrance.send(item()).is_none());
        sleep(Duration::from_millis(10)).await;
        assert!(entrance.send(late).is_none());
        std::future::pending::<()>().await;
    };
    let start = Instant::now();
    let group = tokio::select! {
        group = queue.collect(RULES, false) => group,
        () = send => None,
    };
    (group.unwrap(), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_last_item_is_not_waited_for() {
    let (done, _drained) = oneshot::channel();
    let (group, wait) = collect_with_late(Item::Last(done)).await;
    assert!(group.last.is_some());
    assert_eq!(wait, Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_comes_later_and_waits_for_an_answer_closes_the_group() {
    let (answer, _stored) = oneshot::channel();
    let receipt = Receipt::Answer(answer);
    let urgent = Delivery { source: Arc::from("http"), record: None, receipt };
    let (group, wait) = collect_with_late(Item::Delivery(urgent)).await;
    assert_eq!((group.receipts.len(), wait), (2, Duration::from_millis(10)));
}

#[tokio::test(start_paused = true)]
async fn a_door_tells_when_there_are_as_many_as_a_broker_may_send_at_once() {
    let rules = GroupRules::default();
    let (entrance, mut queue) = queue();
    let gauge = Arc::new(IntakeGauge::new(100));
    let door = Door { entrance, gauge, clock: Clock::manual(0), rules };
    let enter = async {
        for _ in 0..rules.rows_prompt {
            let Item::Delivery(delivery) = item() else { return };
            assert!(door.try_enter(delivery).is_none());
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let start = Instant::now();
    let group = tokio::select! {
        group = queue.collect(rules, false) => group,
        () = enter => None,
    };
    assert_eq!(group.map(|group| group.receipts.len()), Some(rules.rows_prompt));
    assert_eq!(start.elapsed(), rules.quiet);
}
