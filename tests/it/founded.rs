//! Worlds like one that was founded before: its files are written out again, which costs a fraction of the
//! git children of founding one anew.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git_hotfix::sim::{Setup, World};

/// A world before its first request, and its folder.
struct Founded {
    world: World,
    dir: PathBuf,
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Permissions, Vec<u8>)>,
}

/// A world of this setup, in a folder that is not there yet.
pub(crate) fn world(dir: &Path, setup: &Setup) -> World {
    static KNOWN: Mutex<BTreeMap<String, Arc<Founded>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever a setup is made of is in here.
    let key = format!("{setup:?}");
    let Some(founded) = known().get(&key).cloned() else {
        let world = World::new(dir, setup.clone()).unwrap();
        let own = world.copied(dir, dir);
        let mut founded = Founded { world: own, dir: dir.to_owned(), folders: Vec::new(), files: Vec::new() };
        founded.read(Path::new(""));
        known().insert(key, Arc::new(founded));
        return world;
    };
    for folder in &founded.folders {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for (name, permissions, content) in &founded.files {
        std::fs::write(dir.join(name), content).unwrap();
        if permissions.mode() & 0o111 != 0 {
            std::fs::set_permissions(dir.join(name), permissions.clone()).unwrap();
        }
    }
    founded.world.copied(&founded.dir, dir)
}

impl Founded {
    fn read(&mut self, below: &Path) {
        self.folders.push(below.to_owned());
        for entry in std::fs::read_dir(self.dir.join(below)).unwrap() {
            let entry = entry.unwrap();
            let name = below.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => self.read(&name),
                false => {
                    let permissions = entry.metadata().unwrap().permissions();
                    self.files.push((name, permissions, std::fs::read(entry.path()).unwrap()));
                }
            }
        }
    }
}
