//! What an ask through `Line` costs beside a bare `send` to the same actor on another thread:
//! `cargo bench --bench ask`.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use actix::{Actor, Arbiter, Context, Handler, Message};
use corescope::actors::line::Line;
use support::figures::{median, tell};

const ASKS: u32 = 20_000;
const RUNS: usize = 9;

struct Echo;
impl Actor for Echo {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "Result<u64, ()>")]
struct Say(u64);
impl Handler<Say> for Echo {
    type Result = Result<u64, ()>;
    fn handle(&mut self, message: Say, _: &mut Context<Self>) -> Self::Result {
        Ok(message.0)
    }
}

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let asks = if is_bench { ASKS } else { 10 };
    actix::System::new().block_on(async {
        let arbiter = Arbiter::new();
        let addr = Echo::start_in_arbiter(&arbiter.handle(), |_| Echo);
        let line = Line::new(addr.clone(), 64, Duration::from_secs(1));
        let (mut asked, mut sent) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let begun = Instant::now();
            for n in 0..asks {
                line.ask(Say(u64::from(n))).await.unwrap();
            }
            asked.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(asks));
            let begun = Instant::now();
            for n in 0..asks {
                addr.send(Say(u64::from(n))).await.unwrap().unwrap();
            }
            sent.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(asks));
        }
        tell("ask.line", median(asked), "µs");
        tell("ask.bare", median(sent), "µs");
        arbiter.stop();
    });
}
