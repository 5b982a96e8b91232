//! Names of values: what is one, and which nodes have them.

use crate::error::require;
use crate::{Mismatch, NodeId};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The name of a value: a letter or `_`, then letters, digits, `_` and `.`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// A name, if the text is one.
    pub fn new(text: &str) -> Result<Name, Mismatch> {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = |c: char| letter(c) || c.is_ascii_digit() || c == '.';
        let legal = text.starts_with(letter) && text.chars().all(rest) && text.len() <= 4096;
        require!(legal, "{text:?} is no name: a letter, then letters, digits, `_` or `.`");
        Ok(Name(text.into()))
    }

    /// The nearest legal name: other characters become `_`, leading and trailing ones are dropped.
    pub fn sanitized(text: &str) -> Name {
        let mut name: String = text
            .trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' })
            .take(256)
            .collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            name.insert(0, 'v');
        }
        Name(name.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Which nodes have which names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    nodes: HashMap<Name, NodeId>,
    /// Where [`Names::fresh`] goes on: of a name that was wished for again, no smaller number is free.
    numbers: HashMap<Name, usize>,
}

impl Names {
    /// The node of that name.
    pub(crate) fn get(&self, name: &str) -> Option<NodeId> {
        self.nodes.get(name).copied()
    }

    /// Gives a node a name that is free.
    pub(crate) fn insert(&mut self, name: Name, id: NodeId) {
        self.nodes.insert(name, id);
    }

    /// A name that is free, as near to the wish as can be.
    pub(crate) fn fresh(&mut self, wish: &str) -> Name {
        let wish = Name::sanitized(wish);
        if !self.nodes.contains_key(&wish) {
            return wish;
        }
        let number = self.numbers.entry(wish.clone()).or_insert(2);
        loop {
            let name = Name(format!("{wish}.{number}").into());
            if !self.nodes.contains_key(&name) {
                return name;
            }
            *number += 1;
        }
    }

    /// Lets another node have that name.
    pub(crate) fn free(&mut self, name: &Name) {
        self.nodes.remove(name);
        if let Some((wish, number)) = name.0.rsplit_once('.')
            && let Ok(number) = number.parse::<usize>()
            && let Some(first) = self.numbers.get_mut(wish)
        {
            *first = (*first).min(number.max(2));
        }
    }
}
