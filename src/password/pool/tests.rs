//! The pool's guarantees.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use futures_util::FutureExt;

use super::*;
use crate::password::HashErrorKind;

const LONG: Duration = Duration::from_secs(3600);

/// Keeps one thread busy until it is dropped, and has it busy when it returns.
async fn occupy(pool: &Pool) -> mpsc::Sender<()> {
    let (release, until) = mpsc::channel::<()>();
    let (busy, is_busy) = oneshot::channel();
    let pool = pool.clone();
    tokio::spawn(async move {
        pool.run(Flow::new(), move |_| {
            busy.send(()).unwrap();
            until.recv().ok();
        })
        .await
    });
    is_busy.await.unwrap();
    release
}

fn kind<T>(outcome: Result<T, HashError>) -> Option<HashErrorKind> {
    outcome.err().map(|error| error.kind())
}

#[tokio::test]
async fn starts_no_thread_before_there_is_work_and_no_more_than_it_may() {
    let pool = Pool::new(2, 16, LONG);
    assert_eq!(pool.threads(), 0);
    for number in 0..4 {
        assert_eq!(pool.run(Flow::new(), move |_| number).await.ok(), Some(number));
        assert_eq!(pool.threads(), 1);
    }
    let _one = occupy(&pool).await;
    let _two = occupy(&pool).await;
    assert_eq!(pool.run(Flow::new(), |_| 5).now_or_never().map(|_| ()), None);
    assert_eq!(pool.threads(), 2);
}

#[tokio::test]
async fn never_runs_more_jobs_at_once_than_threads() {
    let pool = Pool::new(2, 64, LONG);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs = (0..64).map(|_| {
        let (now, most) = (now.clone(), most.clone());
        pool.run(Flow::new(), move |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for outcome in futures_util::future::join_all(jobs).await {
        assert_eq!(kind(outcome), None);
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn refuses_at_once_what_finds_the_queue_full() {
    let pool = Pool::new(1, 2, LONG);
    let release = occupy(&pool).await;
    let (mut one, mut two) =
        (Box::pin(pool.run(Flow::new(), |_| 1)), Box::pin(pool.run(Flow::new(), |_| 2)));
    assert_eq!((&mut one).now_or_never().map(|_| ()), None);
    assert_eq!((&mut two).now_or_never().map(|_| ()), None);
    assert_eq!(
        pool.run(Flow::new(), |_| 3).now_or_never().map(kind),
        Some(Some(HashErrorKind::Overloaded))
    );
    drop(release);
    assert_eq!((one.await.ok(), two.await.ok()), (Some(1), Some(2)));
}

#[tokio::test]
async fn a_job_that_waits_gets_its_turn_though_its_future_is_not_polled() {
    let pool = Pool::new(1, 2, Duration::from_secs(2));
    let release = occupy(&pool).await;
    let (begun, has_begun) = oneshot::channel();
    let mut unpolled = Box::pin(pool.run(Flow::new(), move |_| begun.send(()).unwrap()));
    assert_eq!((&mut unpolled).now_or_never().map(|_| ()), None);
    let mut behind_it = Box::pin(pool.run(Flow::new(), |_| 2));
    assert_eq!((&mut behind_it).now_or_never().map(|_| ()), None);
    drop(release);
    assert_eq!(behind_it.await.ok(), Some(2));
    assert_eq!(has_begun.await, Ok(()));
    assert_eq!(unpolled.await.ok(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_limit_while_all_threads_are_busy() {
    let pool = Pool::new(1, 16, Duration::from_secs(1));
    let release = occupy(&pool).await;
    let begun = Instant::now();
    assert_eq!(kind(pool.run(Flow::new(), |_| ()).await), Some(HashErrorKind::Overloaded));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(pool.waiting(), 0);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_finds_a_thread_free_has_no_limit() {
    let pool = Pool::new(1, 0, Duration::ZERO);
    assert_eq!(pool.run(Flow::new(), |_| 1).await.ok(), Some(1));
}

#[tokio::test]
async fn a_job_whose_caller_has_gone_is_skipped_and_gives_back_its_place() {
    let pool = Pool::new(1, 1, LONG);
    let release = occupy(&pool).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let mut abandoned = Box::pin({
        let ran = ran.clone();
        pool.run(Flow::new(), move |_| ran.fetch_add(1, Ordering::SeqCst))
    });
    assert_eq!((&mut abandoned).now_or_never().map(|_| ()), None);
    assert_eq!(pool.waiting(), 1);
    drop(abandoned);
    assert_eq!(pool.waiting(), 0);
    let mut next = Box::pin(pool.run(Flow::new(), |_| 2));
    assert_eq!((&mut next).now_or_never().map(|_| ()), None);
    drop(release);
    assert_eq!(next.await.ok(), Some(2));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_caller_alone() {
    let pool = Pool::new(1, 4, LONG);
    for _ in 0..3 {
        let outcome = pool.run(Flow::new(), |_| panic!("a panic on purpose")).await;
        assert_eq!(kind::<()>(outcome), Some(HashErrorKind::Failed));
    }
    assert_eq!(pool.run(Flow::new(), |_| 7).await.ok(), Some(7));
    assert_eq!(pool.threads(), 1);
}

#[tokio::test]
async fn a_result_that_panics_when_its_caller_has_gone_ends_no_thread() {
    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("a panic on purpose");
        }
    }

    let pool = Pool::new(1, 4, LONG);
    let (release, until) = mpsc::channel::<()>();
    let mut gone = Box::pin(pool.run(Flow::new(), move |_| {
        until.recv().ok();
        Panics
    }));
    assert_eq!((&mut gone).now_or_never().map(|_| ()), None);
    while pool.running() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    drop(release);
    let next = timeout(Duration::from_secs(10), pool.run(Flow::new(), |_| 7)).await;
    assert_eq!(next.ok().and_then(Result::ok), Some(7));
    assert_eq!(pool.threads(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_alone_let_others_go_first() {
    /// The niceness and the policy of the calling thread: proc_pid_stat(5), fields 19 and 41.
    fn standing() -> (i32, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The name, the second field, is in braces and may hold spaces.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = rest.split(' ').collect();
        (fields[19 - 3].parse().unwrap(), fields[41 - 3].parse().unwrap())
    }
    let before = standing();
    let pool = Pool::new(1, 0, LONG);
    let inside = pool.run(Flow::new(), |_| standing()).await.ok();
    // 19 is the maximum. The scheduling policy is inherited from the process.
    assert_eq!(inside, Some(((before.0 + NICENESS).min(19), before.1)));
    assert_eq!(standing(), before);
}

#[tokio::test]
async fn the_threads_end_with_the_last_handle() {
    let pool = Pool::new(2, 4, LONG);
    let clone = pool.clone();
    let (one, two) = (occupy(&pool).await, occupy(&clone).await);
    let shared = Arc::downgrade(&pool.0.0);
    drop(pool);
    drop((one, two));
    assert_eq!(clone.run(Flow::new(), |_| 1).await.ok(), Some(1));
    drop(clone);
    // The threads hold the last references; there is nothing to wait on but themselves.
    while shared.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

/// The flow of a source.
fn source(number: u8) -> Flow {
    Flow::new().source([192, 0, 2, number].into())
}

/// A job that holds a clone until it has run or is dropped.
async fn hold(pool: &Pool, flow: Flow, held: &Arc<()>) -> Result<(), HashError> {
    let held = held.clone();
    pool.run(flow, move |_| drop(held)).await
}

#[tokio::test]
async fn a_job_that_is_displaced_fails_and_what_it_captured_is_dropped_at_once() {
    let pool = Pool::new(1, 2, LONG);
    let release = occupy(&pool).await;
    let (first, newest, newcomer) = (Arc::new(()), Arc::new(()), Arc::new(()));
    let mut jobs = [
        Box::pin(hold(&pool, source(1), &first)),
        Box::pin(hold(&pool, source(1), &newest)),
        Box::pin(hold(&pool, source(2), &newcomer)),
    ];
    for (number, job) in jobs.iter_mut().enumerate() {
        assert_eq!(job.now_or_never().map(kind), None, "{number}");
    }
    assert_eq!(pool.waiting(), 2);
    // Its future has not been polled since.
    let counts = [&first, &newest, &newcomer].map(Arc::strong_count);
    assert_eq!(counts, [2, 1, 2]);
    let [first, newest, newcomer] = jobs;
    assert_eq!(newest.now_or_never().map(kind), Some(Some(HashErrorKind::Overloaded)));
    drop(release);
    assert_eq!((kind(first.await), kind(newcomer.await)), (None, None));
}

#[tokio::test]
async fn what_a_refused_job_captured_is_dropped_at_once() {
    let pool = Pool::new(1, 1, LONG);
    let _release = occupy(&pool).await;
    let mut waiting = Box::pin(pool.run(source(1), |_| ()));
    assert_eq!((&mut waiting).now_or_never().map(kind), None);
    let held = Arc::new(());
    let refused = hold(&pool, source(1), &held).now_or_never();
    assert_eq!(refused.map(kind), Some(Some(HashErrorKind::Overloaded)));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_job_captured_is_dropped_with_its_future_and_at_its_limit() {
    let pool = Pool::new(1, 2, Duration::from_secs(1));
    let _release = occupy(&pool).await;
    let held = Arc::new(());
    let mut gone = Box::pin(hold(&pool, source(1), &held));
    assert_eq!((&mut gone).now_or_never().map(kind), None);
    assert_eq!(Arc::strong_count(&held), 2);
    drop(gone);
    assert_eq!((Arc::strong_count(&held), pool.waiting()), (1, 0));
    assert_eq!(kind(hold(&pool, source(1), &held).await), Some(HashErrorKind::Overloaded));
    assert_eq!((Arc::strong_count(&held), pool.waiting()), (1, 0));
}

#[tokio::test]
async fn what_a_job_captured_is_dropped_outside_the_lock() {
    struct Looks(Pool);

    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.waiting();
        }
    }

    let pool = Pool::new(1, 1, LONG);
    let _release = occupy(&pool).await;
    let job = |number| {
        let looks = Looks(pool.clone());
        Box::pin(pool.run(source(number), move |_| drop(looks)))
    };
    let (mut first, mut refused, mut newcomer) = (job(1), job(1), job(2));
    assert_eq!((&mut first).now_or_never().map(kind), None);
    assert_eq!((&mut refused).now_or_never().map(kind), Some(Some(HashErrorKind::Overloaded)));
    assert_eq!((&mut newcomer).now_or_never().map(kind), None);
    assert_eq!((&mut first).now_or_never().map(kind), Some(Some(HashErrorKind::Overloaded)));
    drop(newcomer);
    assert_eq!(pool.waiting(), 0);
}

#[tokio::test]
async fn a_job_that_a_thread_is_about_to_take_is_neither_displaced_nor_overtaken() {
    let pool = Pool::new(1, 1, LONG);
    // A thread that is always about to come.
    pool.0.0.lock().threads = 1;
    let held = Arc::new(());
    let mut jobs: Vec<_> =
        [1, 1, 2].map(|number| Box::pin(hold(&pool, source(number), &held))).into();
    for job in &mut jobs[..2] {
        assert_eq!(job.now_or_never().map(kind), None);
    }
    assert_eq!((&mut jobs[2]).now_or_never().map(kind), None);
    assert_eq!((&mut jobs[1]).now_or_never().map(kind), Some(Some(HashErrorKind::Overloaded)));
    let next = || pool.0.0.lock().next().map(|job| job(Some(&mut Workspace::default()))());
    assert_eq!(next(), Some(()));
    assert_eq!((&mut jobs[0]).now_or_never().map(kind), Some(None));
    assert_eq!(next(), Some(()));
    assert_eq!((&mut jobs[2]).now_or_never().map(kind), Some(None));
    assert_eq!(next(), None);
    assert_eq!((pool.waiting(), Arc::strong_count(&held)), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_jobs_dropped_at_random_leave_nothing_taken() {
    let pool = Pool::new(2, 5, Duration::from_millis(1));
    let held = Arc::new(());
    let tasks = (0..2).map(|seed| {
        let (pool, held) = (pool.clone(), held.clone());
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut jobs = Vec::new();
            let (mut dropped, mut ran, mut shed) = (0, 0, 0);
            while dropped < 50_000 {
                let (pool, held, flow) = (pool.clone(), held.clone(), source(random.u8(..4)));
                jobs.push(Box::pin(async move { hold(&pool, flow, &held).await }));
                for _ in 0..random.usize(..4) {
                    let job = random.usize(..jobs.len());
                    if let Some(outcome) = (&mut jobs[job]).now_or_never() {
                        ran += usize::from(outcome.is_ok());
                        shed += usize::from(kind(outcome) == Some(HashErrorKind::Overloaded));
                        drop(jobs.swap_remove(job));
                        break;
                    }
                }
                while jobs.len() > random.usize(..16) {
                    drop(jobs.swap_remove(random.usize(..jobs.len())));
                    dropped += 1;
                }
                if random.u8(..8) == 0 {
                    tokio::task::yield_now().await;
                }
            }
            (ran, shed)
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        let (ran, shed) = task.unwrap();
        assert!(ran > 100 && shed > 100, "{ran} ran, {shed} were shed");
    }
    assert_eq!(pool.waiting(), 0);
    // Jobs that have begun end by themselves.
    while pool.running() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::strong_count(&held), 1);
}
