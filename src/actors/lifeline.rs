//! Tells `main` which vital actor died (decision 12): its end is the process's orderly end, never
//! a zombie that looks healthy.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Held by a vital actor; dropping it, also while a panic unwinds, is the news of its death.
#[derive(Debug)]
pub struct Lifeline {
    name: &'static str,
    deaths: UnboundedSender<&'static str>,
}

impl Lifeline {
    /// Asks for the process's orderly end while the actor lives on, so that it can still be closed.
    pub fn give_up(&self, reason: &'static str) {
        let _ = self.deaths.send(reason);
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // Nobody listens any more when the process is already stopping.
        let _ = self.deaths.send(self.name);
    }
}

/// Makes lifelines; `main` keeps the other end. Unbounded: at most one message an actor.
#[derive(Clone, Debug)]
pub struct Lifelines(UnboundedSender<&'static str>);

impl Lifelines {
    /// Returns the maker and the end on which names of dead actors arrive.
    pub fn new() -> (Self, UnboundedReceiver<&'static str>) {
        let (deaths, arrivals) = unbounded_channel();
        (Self(deaths), arrivals)
    }

    /// Returns a lifeline for the actor called `name`.
    pub fn attach(&self, name: &'static str) -> Lifeline {
        Lifeline { name, deaths: self.0.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Actor, Context, Handler, Message};

    struct Vital(#[expect(dead_code, reason = "held for its drop")] Lifeline);
    impl Actor for Vital {
        type Context = Context<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Break;
    impl Handler<Break> for Vital {
        type Result = ();
        fn handle(&mut self, _: Break, _: &mut Context<Self>) {
            panic!("broken on purpose");
        }
    }

    #[test]
    fn a_panicking_actor_is_named() {
        let (lifelines, mut deaths) = Lifelines::new();
        let name = actix::System::new().block_on(async move {
            let arbiter = actix::Arbiter::new();
            let lifeline = lifelines.attach("vital");
            let addr = Vital::start_in_arbiter(&arbiter.handle(), |_| Vital(lifeline));
            let _ = addr.send(Break).await;
            deaths.recv().await
        });
        assert_eq!(name, Some("vital"));
    }
}
