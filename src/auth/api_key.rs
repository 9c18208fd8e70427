//! Keys of backends: kept as hashes, compared in constant time.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::config::ApiKeyRule;
use crate::domain::grants::{Right, Rights};
use crate::domain::ids::Tenant;

/// What a backend's key stands for; the key itself is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// What entries of this key show as `from`.
    pub name: Arc<str>,
    /// The world that it works in.
    pub tenant: Tenant,
    /// What it may do, in every room.
    pub rights: Rights,
}

impl ApiKey {
    /// Whether it may do everything, which is asked of whoever ends other people's sessions.
    #[must_use]
    pub fn has_all_rights(&self) -> bool {
        Right::ALL.into_iter().all(|right| self.rights.has(right))
    }
}

/// All keys that a node knows.
pub struct ApiKeys(Vec<([u8; 32], Arc<ApiKey>)>);

impl ApiKeys {
    /// The keys of the settings; one that is given plain is hashed here and not kept.
    #[must_use]
    pub fn new(rules: &[ApiKeyRule]) -> Self {
        let known = rules.iter().filter_map(|rule| {
            let hash = rule.key_hash.or_else(|| rule.key.as_ref().map(|key| sha256(key.as_bytes())))?;
            let key = ApiKey { name: (&*rule.name).into(), tenant: rule.tenant.clone(), rights: rule.rights };
            Some((hash, Arc::new(key)))
        });
        Self(known.collect())
    }

    /// The key that `secret` is. All are compared whatever is found, so the time says neither which one nor how near.
    #[must_use]
    pub fn find(&self, secret: &str) -> Option<Arc<ApiKey>> {
        let hash = sha256(secret.as_bytes());
        let mut found = None;
        for (known, key) in &self.0 {
            if verify_slices_are_equal(known, &hash).is_ok() {
                found = Some(key);
            }
        }
        found.map(Arc::clone)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_key_is_found_by_itself_alone_plain_or_hashed() {
        // `printf %s billing-key | sha256sum`, and a plain one.
        let text = format!(
            "[[auth.api_keys]]\nname = \"a\"\nkey = \"plain-key-of-a-backend\"\ntenant = \"acme\"\nrights = [\"join\"]\n\
             [[auth.api_keys]]\nname = \"b\"\nkey_hash = \"{}\"\n",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let keys = ApiKeys::new(&Config::from_toml(&text).unwrap().auth.api_keys);
        let plain = keys.find("plain-key-of-a-backend").unwrap();
        assert_eq!((&*plain.name, plain.tenant.as_str(), plain.has_all_rights()), ("a", "acme", false));
        let hashed = keys.find("abc").unwrap();
        assert_eq!((&*hashed.name, hashed.has_all_rights()), ("b", true));
        for wrong in [
            "",
            "abcd",
            "ab",
            "plain-key-of-a-backen",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            assert!(keys.find(wrong).is_none(), "{wrong}");
        }
    }
}
