//! The only way to reach an actor: a bounded number of open asks, each with a deadline.
//!
//! A mailbox's capacity does not bound `send().await` (every clone of an address owns a slot), so
//! admission is ours: a semaphore is the room, and an ask holds a seat until it is answered.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, MailboxError, Message};
use tokio::sync::Semaphore;

/// A bounded line to an actor; a cheap handle, clones share the room.
pub struct Line<A: Actor> {
    addr: Arc<Addr<A>>,
    room: Arc<Semaphore>,
    deadline: Duration,
}

impl<A: Actor> Clone for Line<A> {
    fn clone(&self) -> Self {
        Self { addr: self.addr.clone(), room: self.room.clone(), deadline: self.deadline }
    }
}

/// Why an ask has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError<E> {
    /// All seats are taken; nothing was asked. Try again.
    #[error("too many requests are waiting")]
    Full,
    /// The deadline passed. What was asked may or may not have been done.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The actor has ended.
    #[error("the service is stopping")]
    Stopped,
    /// The actor answered with an error of its own.
    #[error("refused")]
    Refused(#[source] E),
}

impl<A: Actor<Context = Context<A>>> Line<A> {
    /// Makes a line with `room` open asks at most, each answered within `deadline`.
    pub fn new(addr: Addr<A>, room: usize, deadline: Duration) -> Self {
        Self { addr: Arc::new(addr), room: Arc::new(Semaphore::new(room)), deadline }
    }

    /// Returns the actor's answer. If the asker goes away first, a queued ask is skipped and a
    /// running one completes.
    ///
    /// # Errors
    /// Every variant of [`AskError`].
    pub async fn ask<M, T, E>(&self, message: M) -> Result<T, AskError<E>>
    where
        M: Message<Result = Result<T, E>> + Send + 'static,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.peek(message).await?.map_err(AskError::Refused)
    }

    /// Returns the answer to a question that cannot be refused.
    ///
    /// # Errors
    /// Every variant of [`AskError`] but `Refused`.
    pub async fn peek<M, E>(&self, message: M) -> Result<M::Result, AskError<E>>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        let _seat = self.room.try_acquire().map_err(|_| AskError::Full)?;
        match self.addr.send(message).timeout(self.deadline).await {
            Ok(answer) => Ok(answer),
            Err(MailboxError::Closed) => Err(AskError::Stopped),
            Err(MailboxError::Timeout) => Err(AskError::TimedOut(self.deadline)),
        }
    }

    /// Hands over a message without waiting for it to be handled; `false` if the mailbox is full
    /// or the actor has ended: the caller counts it.
    #[must_use]
    pub fn tell<M>(&self, message: M) -> bool
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        self.addr.try_send(message).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Slow;
    impl Actor for Slow {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "Result<u8, &'static str>")]
    struct Wait(u64, Result<u8, &'static str>);
    impl Handler<Wait> for Slow {
        type Result = actix::ResponseFuture<Result<u8, &'static str>>;
        fn handle(&mut self, message: Wait, _: &mut Context<Self>) -> Self::Result {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(message.0)).await;
                message.1
            })
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct End;
    impl Handler<End> for Slow {
        type Result = ();
        fn handle(&mut self, _: End, ctx: &mut Context<Self>) {
            actix::ActorContext::stop(ctx);
        }
    }

    #[actix::test]
    async fn each_way_an_ask_can_end_is_told_apart() {
        let line = Line::new(Slow.start(), 2, Duration::from_millis(200));
        assert_eq!(line.ask(Wait(0, Ok(7))).await.ok(), Some(7));
        assert!(matches!(line.ask(Wait(0, Err("no"))).await, Err(AskError::Refused("no"))));
        assert!(matches!(line.ask(Wait(60_000, Ok(1))).await, Err(AskError::TimedOut(_))));
        assert!(line.tell(End));
        assert!(matches!(line.ask(Wait(0, Ok(1))).await, Err(AskError::Stopped)));
    }

    #[actix::test]
    async fn a_full_room_refuses_at_once_and_frees_its_seats() {
        let line = Line::new(Slow.start(), 2, Duration::from_secs(20));
        let (first, second) = (line.clone(), line.clone());
        let open = tokio::join!(
            biased;
            first.ask(Wait(50, Ok(1))),
            second.ask(Wait(50, Ok(2))),
            async { matches!(line.ask(Wait(0, Ok(3))).await, Err(AskError::Full)) }
        );
        assert!(open.2, "a third ask found a seat");
        assert_eq!((open.0.ok(), open.1.ok()), (Some(1), Some(2)));
        assert_eq!(line.ask(Wait(0, Ok(4))).await.ok(), Some(4));
    }
}
