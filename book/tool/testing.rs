//! A repository made for one test.

use std::fs;
use std::ops::Deref;

use tempfile::TempDir;

use crate::kit::Kit;

pub(crate) struct TestKit {
    kit: Kit,
    _dir: TempDir,
}

impl Deref for TestKit {
    type Target = Kit;

    fn deref(&self) -> &Kit {
        &self.kit
    }
}

pub(crate) fn kit(files: &[(&str, &str)]) -> TestKit {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kit = Kit::at(dir.path());
    for (path, text) in files {
        let path = kit.path(path);
        let parent = path.parent().expect("a file is in a directory");
        fs::create_dir_all(parent).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    TestKit { kit, _dir: dir }
}
