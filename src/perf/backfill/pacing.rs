//! How long to rest between batches: a duty cycle, and one gear that follows how busy the machine
//! is by four zones with cooldowns, so that it cannot oscillate (`design/backfill.md` §10.12, §10.16).

use std::time::Duration;

/// Gears; the highest rests as the duty cycle says, gear 1 eight times as long.
const GEARS: u32 = 8;
const COOLDOWN: Duration = Duration::from_secs(15);
const REST_MAX: Duration = Duration::from_secs(10);

/// The rest after a batch that held the writer for `hold`: with a duty cycle of 0.5 as long again.
/// `pause_min` is kept in any case.
pub fn rest(hold: Duration, duty_cycle: f64, pause_min: Duration) -> Duration {
    let share = if duty_cycle.is_finite() { duty_cycle.clamp(0.01, 1.0) } else { 1.0 };
    hold.mul_f64(1.0 / share - 1.0).min(REST_MAX).max(pause_min)
}

/// The gear, by utilisation: below 0.4 up, 0.4 to 0.7 as it is, 0.7 to 1.0 down, from 1.0 half.
#[derive(Clone, Debug)]
pub struct ZoneLaw {
    gear: u32,
    may_grow_at: Duration,
    may_shed_at: Duration,
}

impl Default for ZoneLaw {
    fn default() -> Self {
        Self { gear: GEARS, may_grow_at: Duration::ZERO, may_shed_at: Duration::ZERO }
    }
}

impl ZoneLaw {
    /// Notes how busy it is at `now` (monotonic). Shedding also holds up growing, never the other
    /// way round.
    pub fn note(&mut self, utilisation: f64, now: Duration) {
        if utilisation < 0.4 {
            if now >= self.may_grow_at && self.gear < GEARS {
                self.gear += 1;
                self.may_grow_at = now + COOLDOWN;
            }
        } else if utilisation >= 0.7 && now >= self.may_shed_at {
            let less = if utilisation >= 1.0 { self.gear / 2 } else { self.gear - 1 };
            self.gear = less.max(1);
            self.may_shed_at = now + COOLDOWN;
            self.may_grow_at = now + COOLDOWN;
        }
    }

    /// Stretches a rest by the gear.
    pub fn stretch(&self, rest: Duration) -> Duration {
        (rest * GEARS / self.gear).min(REST_MAX)
    }

    /// The present gear and the highest.
    pub fn gear(&self) -> (u32, u32) {
        (self.gear, GEARS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn half_a_duty_cycle_rests_as_long_as_it_worked() {
        let hold = Duration::from_millis(10);
        assert_eq!(rest(hold, 0.5, Duration::ZERO), hold);
        assert_eq!(rest(hold, 1.0, Duration::ZERO), Duration::ZERO);
        assert_eq!(rest(hold, 0.2, Duration::ZERO), hold * 4);
        assert_eq!(rest(hold, 1.0, s(1)), s(1));
        assert_eq!(rest(hold, f64::NAN, Duration::ZERO), Duration::ZERO);
        assert_eq!(rest(s(100), 0.5, Duration::ZERO), REST_MAX);
    }

    #[test]
    fn zones_shed_and_grow_with_cooldowns() {
        let mut law = ZoneLaw::default();
        law.note(1.2, s(100));
        assert_eq!(law.gear().0, 4);
        law.note(1.2, s(101));
        assert_eq!(law.gear().0, 4, "not again so soon");
        law.note(0.1, s(102));
        assert_eq!(law.gear().0, 4, "shedding holds up growing");
        law.note(0.1, s(116));
        assert_eq!(law.gear().0, 5);
        law.note(0.8, s(117));
        assert_eq!(law.gear().0, 4, "growing does not hold up shedding");
        law.note(0.5, s(200));
        assert_eq!(law.gear().0, 4, "the middle zone leaves it");
        assert_eq!(law.stretch(s(1)), s(2));
    }

    #[test]
    fn the_gear_never_leaves_its_range() {
        let mut law = ZoneLaw::default();
        for step in 1..50 {
            law.note(3.0, s(step * 20));
        }
        assert_eq!(law.gear().0, 1);
        for step in 50..100 {
            law.note(0.0, s(step * 20));
        }
        assert_eq!(law.gear().0, GEARS);
    }
}
