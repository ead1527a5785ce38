//! What one process sees, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use nix::unistd::Pid;
use process::Result;
use serde::{Deserialize, Serialize};

use crate::resources::RESOURCES;
use crate::subject::Subject;

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The process's number, as it sees it itself.
    pub pid: i32,
    /// Who looked.
    pub seen_from: Side,
    /// What was found, by the name of the resource.
    pub resources: BTreeMap<String, Fact>,
}

/// Who looks at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The process itself.
    Inside,
    /// Another process, through /proc.
    Outside,
}

/// What was found out about one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// It could be read.
    Known(Known),
    /// It could not.
    Unknown {
        /// Why: the failed call and the kernel's answer.
        unknown: String,
    },
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What two reports are compared by.
    pub value: Value,
    /// The kernel object in which the value holds: process 7 of one pid
    /// namespace is not process 7 of another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// For people, and not compared: how it was found, what was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The three shapes of what there is to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// An identity or a label.
    Text(String),
    /// Things that are there.
    Set(BTreeSet<String>),
    /// Limits by name; `None` (`null`) means that there is none.
    Numbers(BTreeMap<String, Option<u64>>),
}

impl Report {
    /// What the calling process sees.
    pub fn of_self() -> Result<Self> {
        Self::of(&Subject::myself())
    }

    /// What the process that the caller knows as `pid` sees, as far as that
    /// can be told from outside. Fails if there is no such process.
    pub fn of_pid(pid: i32) -> Result<Self> {
        Self::of(&Subject::other(Pid::from_raw(pid))?)
    }

    fn of(subject: &Subject) -> Result<Self> {
        let mut resources = BTreeMap::new();
        for resource in RESOURCES {
            let fact = match (resource.read)(subject) {
                Ok(known) => Fact::Known(known),
                Err(error) => Fact::Unknown {
                    unknown: error.to_string().replace('\n', "; "),
                },
            };
            let fact = fact.scoped_by(resource.within, &resources);
            resources.insert(resource.name.to_owned(), fact);
        }
        Ok(Self {
            pid: subject.own_pid()?,
            seen_from: subject.side(),
            resources,
        })
    }

    /// The same, with the namespaces that only somebody outside could read:
    /// without /proc, a process does not know its own before Linux 6.11.
    pub fn completed_by(mut self, outside: &Self) -> Self {
        for resource in RESOURCES {
            let Some(mut fact) = self.resources.remove(resource.name) else {
                continue;
            };
            if resource.name.starts_with("ns-")
                && fact.known().is_none()
                && let Some(seen) = outside.get(resource.name)
            {
                fact = seen.clone();
            }
            let fact = fact.scoped_by(resource.within, &self.resources);
            self.resources.insert(resource.name.to_owned(), fact);
        }
        self
    }

    /// What was found out about the resource called `name`.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.resources.get(name)
    }
}

impl Fact {
    /// What was read, if it could be.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown { .. } => None,
        }
    }

    /// Makes the namespace the scope, unless the reader named another.
    fn scoped_by(
        mut self,
        namespace: Option<&str>,
        found: &BTreeMap<String, Fact>,
    ) -> Self {
        if let Self::Known(known) = &mut self
            && known.scope.is_none()
            && let Some(identity) = namespace.and_then(|name| found.get(name))
        {
            known.scope = identity.known().map(|known| known.value.to_string());
        }
        self
    }
}

impl Known {
    pub(crate) fn text(text: impl Display) -> Self {
        Value::Text(text.to_string()).into()
    }

    pub(crate) fn set(things: impl IntoIterator<Item = String>) -> Self {
        Value::Set(things.into_iter().collect()).into()
    }

    pub(crate) fn numbers<N: Display>(
        numbers: impl IntoIterator<Item = (N, Option<u64>)>,
    ) -> Self {
        let named = numbers.into_iter().map(|(n, v)| (n.to_string(), v));
        Value::Numbers(named.collect()).into()
    }

    /// Whether it is a collection that has nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Set(things) if things.is_empty())
    }

    pub(crate) fn scoped(self, scope: impl Display) -> Self {
        Self { scope: Some(scope.to_string()), ..self }
    }

    pub(crate) fn noted(self, note: impl Display) -> Self {
        Self { note: Some(note.to_string()), ..self }
    }
}

impl From<Value> for Known {
    fn from(value: Value) -> Self {
        Self { value, scope: None, note: None }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Set(things) if things.is_empty() => f.write_str("none"),
            Self::Set(things) => {
                write!(f, "{}: ", things.len())?;
                let mut things: Vec<&str> =
                    things.iter().map(String::as_str).collect();
                things.sort_by_key(|thing| leading_number(thing));
                f.write_str(&things.join(", "))
            }
            Self::Numbers(numbers) => {
                for (i, (name, number)) in numbers.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    match number {
                        Some(number) => write!(f, "{name} {number}")?,
                        None => write!(f, "{name} unlimited")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// What people expect numbered things to be sorted by.
fn leading_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
