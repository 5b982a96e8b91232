//! Decisions: what the plan did with which value, and what it left alone for which reason.
//!
//! They are noted where they are made, for `cnnc explain`; nothing else reads them.

use std::cell::RefCell;

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Which convolutions run by transformed tiles.
    Winograd,
    /// Which layers run block by block of rows, see [`Group`](super::Group).
    Groups,
    /// Which concatenations cost nothing.
    Concats,
    /// Which values take the place of an operand.
    InPlace,
    /// Which maps are summed while they are computed.
    Sums,
    /// Which convolutions of one value share a step.
    Siblings,
    /// Which products leave out the terms that a zero makes nothing of.
    Zeros,
}

impl Topic {
    /// All of them, in the order in which they are told.
    pub const ALL: [Topic; 7] = [
        Topic::Winograd,
        Topic::Groups,
        Topic::Concats,
        Topic::InPlace,
        Topic::Sums,
        Topic::Siblings,
        Topic::Zeros,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Winograd => "winograd",
            Topic::Groups => "groups",
            Topic::Concats => "concats",
            Topic::InPlace => "in-place",
            Topic::Sums => "sums",
            Topic::Siblings => "siblings",
            Topic::Zeros => "zeros",
        }
    }

    /// What it is good for, in a line.
    pub fn why(self) -> &'static str {
        match self {
            Topic::Winograd => {
                "transformed tiles need a fifth to a half of the products of a window, and larger filters"
            }
            Topic::Groups => "what lies between layers that run by blocks of rows stays in cache",
            Topic::Concats => "what is computed where a concatenation wants it is not copied",
            Topic::InPlace => "a result that overwrites its operand takes no memory",
            Topic::Sums => "a map that is summed while it is computed is not read again",
            Topic::Siblings => "threads wait once for convolutions of the same value, not for each",
            Topic::Zeros => "the weights of what is zero need not be read",
        }
    }
}

/// A decision about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is about.
    pub topic: Topic,
    /// The name of the value.
    pub node: String,
    /// What was done, or why nothing was.
    pub outcome: Result<String, String>,
}

/// The decisions so far.
#[derive(Default)]
pub(super) struct Decisions(RefCell<Vec<Decision>>);

impl Decisions {
    /// Notes what was done with a value.
    pub(super) fn did(&self, topic: Topic, node: String, what: impl Into<String>) {
        self.0.borrow_mut().push(Decision { topic, node, outcome: Ok(what.into()) });
    }

    /// Notes why a value was left alone.
    pub(super) fn left(&self, topic: Topic, node: String, why: impl Into<String>) {
        self.0.borrow_mut().push(Decision { topic, node, outcome: Err(why.into()) });
    }

    pub(super) fn into_list(self) -> Vec<Decision> {
        self.0.into_inner()
    }
}
