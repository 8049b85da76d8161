//! The enums: modes, phases and tolerances.
//!
//! A wire message carries an enum as a number. Unknown numbers, and the zero of an unset field, are rejected.

use emberkeep_core::assignment::Phase;
use emberkeep_core::balancer::Imbalance;
use emberkeep_core::pod::PodPhase;
use emberkeep_core::target::{KeyMode, MisrouteMode, OwnershipMode};

use super::InvalidMessage;
use crate::pb;

/// Both directions of one enum, and the parsing of its number.
macro_rules! closed_list {
    ($core:ident, $wire:ident, $reading:ident, $field:literal, [$($value:ident),+], $what:literal) => {
        impl From<$core> for pb::$wire {
            fn from(value: $core) -> Self {
                match value {
                    $($core::$value => pb::$wire::$value,)+
                }
            }
        }

        #[doc = concat!("Parses ", $what, " from its number.\n\n# Errors\nWhen the number is unknown or zero.")]
        pub fn $reading(number: i32) -> Result<$core, InvalidMessage> {
            match pb::$wire::try_from(number) {
                $(Ok(pb::$wire::$value) => Ok($core::$value),)+
                Ok(pb::$wire::Unspecified) | Err(_) => Err(unlisted($field, number, &[$(stringify!($value)),+])),
            }
        }
    };
}

closed_list!(
    KeyMode,
    KeyMode,
    key_mode_of,
    "key_mode",
    [Hashed, Ordered],
    "a key mode"
);
closed_list!(
    OwnershipMode,
    OwnershipMode,
    ownership_mode_of,
    "ownership",
    [Affinity],
    "an ownership mode"
);
closed_list!(
    MisrouteMode,
    MisrouteMode,
    misroute_mode_of,
    "misroute",
    [Redirect, Forward],
    "a misroute mode"
);
closed_list!(
    Phase,
    Phase,
    phase_of,
    "phase",
    [Warming, Serving, Yielding, Leaving],
    "the phase of a replica"
);
closed_list!(
    PodPhase,
    PodPhase,
    pod_phase_of,
    "phase",
    [Starting, Ready, Draining],
    "the phase of a pod"
);
closed_list!(
    Imbalance,
    Imbalance,
    imbalance_of,
    "imbalance",
    [Tight, Default, Loose],
    "an imbalance"
);

fn unlisted(field: &str, number: i32, listed: &[&str]) -> InvalidMessage {
    let allowed = listed.join(", ").to_lowercase();
    InvalidMessage::new(field, format!("{number} is unknown, allowed is one of: {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_number_is_rejected_with_the_allowed_names() {
        for number in [0, 5, -1] {
            let error = phase_of(number).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("phase: {number} is unknown, allowed is one of: warming, serving, yielding, leaving")
            );
        }
    }

    #[test]
    fn each_phase_is_parsed_from_its_number() {
        for phase in [Phase::Warming, Phase::Serving, Phase::Yielding, Phase::Leaving] {
            assert_eq!(phase_of(pb::Phase::from(phase).into()), Ok(phase));
        }
    }
}
