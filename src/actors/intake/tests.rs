//! How groups are formed; what happens around the commit is tested with a real writer in
//! `tests/it/intake.rs`.

use tokio::time::Instant;

use super::*;

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
    let (sender, mut queue) = unbounded_channel();
    for _ in 0..count {
        assert!(sender.send(item()).is_ok());
    }
    let start = Instant::now();
    let group = collect(&mut queue, RULES, is_busy).await;
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
    let (sender, mut queue) = unbounded_channel();
    let trickle = async {
        for _ in 0..3 {
            assert!(sender.send(item()).is_ok());
            sleep(Duration::from_millis(450)).await;
        }
        std::future::pending::<()>().await;
    };
    let start = Instant::now();
    let group = tokio::select! {
        group = collect(&mut queue, RULES, false) => group,
        () = trickle => None,
    };
    assert_eq!(group.map(|group| group.receipts.len()), Some(3));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_waits_for_an_answer_closes_the_group() {
    let (sender, mut queue) = unbounded_channel();
    let (answer, _stored) = oneshot::channel();
    let receipt = Receipt::Answer(answer);
    let urgent = Delivery { source: Arc::from("http"), record: None, receipt };
    assert!(sender.send(item()).is_ok() && sender.send(Item::Delivery(urgent)).is_ok());
    let start = Instant::now();
    let group = collect(&mut queue, RULES, false).await;
    assert_eq!(group.map(|group| group.receipts.len()), Some(2));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn no_doors_no_group() {
    let (sender, mut queue) = unbounded_channel();
    drop(sender);
    assert!(collect(&mut queue, RULES, false).await.is_none());
}
