//! What can happen: the closed list of each module, and all of them together.
//! Never made at run time: an event of a kind that is not in a list cannot be written.

use std::collections::BTreeMap;

use crate::authz::{Permission, PermissionSet};

/// One thing that can happen. Declared by [`event_kinds`](crate::event_kinds).
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name: what it happens to, a dot, what happens: `subscriber.suspended`.
    pub name: &'static str,
    /// What somebody needs to be told of it.
    pub permission: Permission,
    /// What it means, for people.
    pub description: &'static str,
}

impl Kind {
    /// What it happens to.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(subject, _)| subject)
    }
}

/// Declares the kinds of a module as `static`s and their list as `KINDS`:
///
/// ```
/// kernel::event_kinds! {
///     LAMP_BROKEN = "lamp.broken", PartnerRead, "A lamp went out";
/// }
/// assert_eq!(KINDS[0].subject(), "lamp");
/// ```
#[macro_export]
macro_rules! event_kinds {
    ($($name:ident = $text:literal, $permission:ident, $description:literal;)+) => {
        $(
            #[doc = $description]
            pub static $name: $crate::events::Kind = $crate::events::Kind {
                name: $text,
                permission: $crate::authz::Permission::$permission,
                description: $description,
            };
        )+

        /// All of them, in the order of the list.
        pub static KINDS: &[&$crate::events::Kind] = &[$(&$name,)+];
    };
}

/// The kinds of all modules.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<&'static str, &'static Kind>);

impl Catalogue {
    /// The kernel's own and those of `modules`.
    #[must_use]
    pub fn new(modules: &[&'static [&'static Kind]]) -> Self {
        let kinds = std::iter::once(super::kinds::KINDS).chain(modules.iter().copied());
        Self(kinds.flatten().map(|kind| (kind.name, *kind)).collect())
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static Kind> + '_ {
        self.0.values().copied()
    }

    /// The kind of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static Kind> {
        self.0.get(name).copied()
    }

    /// The names that somebody with these permissions is told of. One that a later version wrote is nobody's.
    #[must_use]
    pub fn visible(&self, permissions: PermissionSet) -> Vec<String> {
        self.iter()
            .filter(|kind| permissions.contains(kind.permission))
            .map(|kind| kind.name.to_owned())
            .collect()
    }
}
