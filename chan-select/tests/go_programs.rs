//! Go's own programs that select, told anew from what they check: each is
//! written once and runs on threads, on tokio with many threads and with one,
//! and on a minimal executor. With `Chan` in [`threads`] and its neighbours;
//! with `Sender` and `Receiver`, as far as it does not panic and has no nil,
//! in [`rust_manners`].
//!
//! The worlds are those of chan-core's programs. Go's name is the test's; what
//! has no counterpart stands in docs/go-parity.md.
#![cfg(not(loom))]

#[path = "go_programs/blocking.rs"]
mod blocking;
#[path = "go_programs/choose.rs"]
mod choose;
#[path = "../../chan-core/tests/common/mod.rs"]
mod common;
#[path = "go_programs/exactly_once.rs"]
mod exactly_once;
#[path = "../../chan-core/tests/go_programs/executor.rs"]
mod executor;
#[path = "go_programs/fairness.rs"]
mod fairness;
#[path = "go_programs/forms.rs"]
mod forms;
#[path = "go_programs/moment.rs"]
mod moment;
#[path = "go_programs/reflected.rs"]
mod reflected;
#[path = "go_programs/rules.rs"]
mod rules;
#[path = "go_programs/series.rs"]
mod series;
#[path = "go_programs/small.rs"]
mod small;
#[path = "support/mod.rs"]
mod support;
#[allow(dead_code, reason = "chan-core's programs use all of it")]
#[path = "../../chan-core/tests/go_programs/worlds.rs"]
mod worlds;

/// A test for each of the programs, in one world.
macro_rules! tests {
    ($world:ty, $manners:ident, $($file:ident::$program:ident)+) => {
        use crate::worlds::World;
        $(
            #[test]
            fn $program() {
                <$world>::run(crate::worlds::Manners::$manners, crate::$file::$program);
            }
        )+
    };
}

/// The programs of all manners.
macro_rules! programs {
    ($world:ty, $manners:ident $(, $more:ident::$program:ident)*) => {
        tests! { $world, $manners,
            exactly_once::go_doubleselect
            exactly_once::go_select_stress
            exactly_once::go_self_select
            exactly_once::go_nonblock_select_race
            exactly_once::go_nonblock_select_race_2
            fairness::go_select_fairness
            fairness::go_pseudo_random_send
            fairness::go_select_duplicate_channel
            fairness::rule_49_dead_cases_do_not_skew_select
            fairness::rule_48_selects_that_wait_are_fair
            fairness::rule_56_cases_count_not_channels
            fairness::rule_48_sends_have_their_share
            small::go_select
            small::go_select4
            small::go_select6
            small::go_select7
            small::go_select8
            small::go_nonblock
            small::go_chanlinear
            moment::rule_57_one_moment_for_any_number_of_cases
            moment::rule_57_any_order_of_cases_is_one_order_of_locks
            moment::rule_61_losers_leave_from_anywhere
            moment::rule_63_a_select_of_65536_cases_waits
            moment::rule_65_bodies_lead_out
            series::go_powser1
            reflected::go_reflect_select
            rules::rule_46_nothing_is_evaluated_again_after_the_wait
            rules::rule_47_a_loser_is_not_run_after_the_wait
            rules::rule_50_default_exactly_if_nothing_can_go_on
            rules::rule_51_it_waits_until_one_can_go_on
            rules::rule_52_a_case_is_switched_off_by_nil
            rules::rule_54_a_closed_receive_competes
            rules::rule_58_a_case_tries_in_the_order_of_its_operation
            rules::rule_59_of_two_that_come_one_meets_the_select
            rules::rule_60_the_winner_is_told_what_happened
            rules::rule_62_nobody_is_left_in_a_queue
            rules::rule_64_one_case_is_the_plain_operation
            $($more::$program)*
        }
    };
}

/// The same, and those that look at panics and at nil.
macro_rules! go_programs {
    ($world:ty) => {
        programs! { $world, Go,
            blocking::go_select3,
            blocking::go_closedchan,
            forms::go_select5,
            rules::rule_53_a_select_of_nothing_is_seen,
            rules::rule_55_a_closed_send_panics_if_it_is_chosen,
            rules::rule_55_a_close_ends_a_select_that_waits
        }
    };
}

mod threads {
    go_programs!(crate::worlds::Threads);
}

mod tokio_many {
    go_programs!(crate::worlds::Tokio<2>);
}

mod tokio_one {
    go_programs!(crate::worlds::Tokio<0>);
}

mod minimal {
    go_programs!(crate::worlds::Minimal);
}

mod rust_manners {
    mod threads {
        programs!(crate::worlds::Threads, Rust);
    }

    mod tokio_many {
        programs!(crate::worlds::Tokio<2>, Rust);
    }

    mod tokio_one {
        programs!(crate::worlds::Tokio<0>, Rust);
    }

    mod minimal {
        programs!(crate::worlds::Minimal, Rust);
    }
}
