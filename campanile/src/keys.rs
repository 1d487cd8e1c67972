//! The master key: configured, or made once and kept in the data folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use campanile_store::MasterKey;
use campanile_store::secrets::random_bytes;

use crate::Failure;
use crate::config::Config;

const FILE: &str = "master-key";

/// Makes the data folder, readable by its owner only.
pub(crate) fn make_data_dir(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| {
            Failure::new(format!(
                "The data folder {} cannot be made: {error}. Choose another one with CAMPANILE_DATA_DIR.",
                dir.display()
            ))
        })
}

/// The master keys: the first seals, all open.
pub(crate) fn master_keys(config: &Config) -> Result<Vec<MasterKey>, Failure> {
    if !config.encryption_keys.is_empty() {
        return Ok(config
            .encryption_keys
            .iter()
            .map(|key| MasterKey::new(*key.bytes()))
            .collect());
    }
    let path = config.data_dir.join(FILE);
    let unreadable = |problem: String| {
        Failure::new(format!(
            "The master key in {} {problem}. Restore the file, or give the key in CAMPANILE_ENCRYPTION_KEY.",
            path.display()
        ))
    };
    match fs::read_to_string(&path) {
        Ok(text) => {
            let bytes = hex::decode(text.trim())
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes
                .map(|bytes| vec![MasterKey::new(bytes)])
                .ok_or_else(|| unreadable("is not 64 hex digits".to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes = random_bytes(32)?;
            write_private(&path, &format!("{}\n", hex::encode(&bytes)))?;
            let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| unreadable("could not be made".to_owned()))?;
            Ok(vec![MasterKey::new(bytes)])
        }
        Err(error) => Err(unreadable(format!("cannot be read: {error}"))),
    }
}

/// Writes a file that only its owner can read; one that is there is replaced.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
