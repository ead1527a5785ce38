//! Every step says what a learner writes anew in it: `exercise.toml`.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use workshop::ladder::LADDER;
use workshop::repository;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exercises {
    exercise: Vec<Exercise>,
}

/// A function whose body the learner writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exercise {
    function: String,
    file: PathBuf,
    points: u32,
    task: String,
    hints: Vec<String>,
}

/// The folder of each step, with its exercises.
fn all() -> Vec<(PathBuf, Exercises)> {
    let read = |name| {
        let folder = repository::top().join("steps").join(name);
        let path = folder.join("exercise.toml");
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let exercises = toml::from_str(&text);
        (folder, exercises.unwrap_or_else(|e| panic!("{path:?}: {e}")))
    };
    LADDER.iter().map(|step| read(step.name)).collect()
}

#[test]
fn every_step_has_something_to_do() {
    for (folder, exercises) in all() {
        assert!(!exercises.exercise.is_empty(), "{folder:?}");
    }
}

#[test]
fn every_function_is_there_exactly_once() {
    for (folder, exercises) in all() {
        for Exercise { function, file, .. } in exercises.exercise {
            let path = folder.join(file);
            let source = fs::read_to_string(&path);
            let source = source.unwrap_or_else(|e| panic!("{path:?}: {e}"));
            let count = source.matches(&format!("fn {function}(")).count();
            assert_eq!(count, 1, "fn {function} in {path:?}");
        }
    }
}

#[test]
fn every_function_has_a_task_three_hints_and_points() {
    for (folder, exercises) in all() {
        for Exercise { function, points, task, hints, .. } in exercises.exercise
        {
            let place = format!("{function} in {folder:?}");
            assert!(points > 0, "{place} earns nothing");
            assert_eq!(hints.len(), 3, "hints for {place}");
            for text in hints.iter().chain([&task]) {
                assert!(!text.trim().is_empty(), "{place} has an empty text");
                let widest = text.lines().map(str::len).max();
                assert!(widest <= Some(84), "{place} has a long line");
            }
        }
    }
}

#[test]
fn no_hint_repeats_another() {
    for (folder, exercises) in all() {
        for Exercise { function, hints, .. } in exercises.exercise {
            let mut distinct = hints.clone();
            distinct.sort();
            distinct.dedup();
            let place = format!("{function} in {folder:?}");
            assert_eq!(distinct.len(), hints.len(), "{place}");
        }
    }
}
