//! What a client makes of the entries: everything it needs to know stands in them.

use std::collections::BTreeMap;

use super::*;

/// An inbox that was told by entries alone.
#[derive(Default)]
pub(super) struct Replica {
    /// What was known at each offset; a client that offers undo remembers so much of it.
    history: Vec<Known>,
    now: Known,
}

#[derive(Clone, Default)]
struct Known {
    items: BTreeMap<String, Told>,
    seen: u64,
}

#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a client shows each of them on its own")]
struct Told {
    surfaced: u64,
    is_critical: bool,
    is_acked: bool,
    is_read: bool,
    is_archived: bool,
    is_snoozed: bool,
}

impl Replica {
    pub(super) fn hear(&mut self, entry: &Value) {
        let offset = self.history.len() as u64 + 1;
        self.history.push(self.now.clone());
        if let Some(notification) = entry.get("notification") {
            let told = Told {
                surfaced: offset,
                is_critical: notification["critical"] == true,
                is_read: !notification["read"].is_null(),
                ..Told::default()
            };
            self.now.items.remove(entry["replaces"].as_str().unwrap_or_default());
            self.now.items.insert(text(&notification["id"]), told);
            return;
        }
        for id in self.meant(entry) {
            self.become_as(&id, entry, offset);
        }
        if entry["as"] == "seen" {
            self.now.seen = entry["upto"].as_u64().unwrap();
        }
    }

    pub(super) fn recount(&self) -> Counts {
        let counts_as_unread = |told: &&Told| !told.is_read && !told.is_archived && !told.is_snoozed;
        let unread = self.now.items.values().filter(counts_as_unread);
        let unseen = unread.clone().filter(|told| told.surfaced > self.now.seen);
        counts(unread.count().try_into().unwrap(), unseen.count().try_into().unwrap())
    }

    fn meant(&self, entry: &Value) -> Vec<String> {
        if let Some(ids) = entry["notifications"].as_array() {
            return ids.iter().map(text).collect();
        }
        if entry["notifications"] != "all" {
            return Vec::new();
        }
        let upto = entry["upto"].as_u64().unwrap();
        let is_spared = |told: &Told| entry["as"] == "archived" && told.is_critical && !told.is_acked;
        let is_meant = |told: &Told| told.surfaced <= upto && !told.is_archived && !told.is_snoozed && !is_spared(told);
        self.now.items.iter().filter(|(_, told)| is_meant(told)).map(|(id, _)| id.clone()).collect()
    }

    fn become_as(&mut self, id: &str, entry: &Value, offset: u64) {
        let told = self.now.items.get_mut(id).expect("entries name what is there");
        match entry["as"].as_str().unwrap() {
            "read" => told.is_read = true,
            "unread" => told.is_read = false,
            "archived" => (told.is_archived, told.is_snoozed) = (true, false),
            "unarchived" => (told.is_archived, told.is_snoozed) = (false, false),
            "snoozed" => {
                assert!(entry["until"].is_string());
                (told.is_archived, told.is_snoozed) = (false, true);
            }
            "acked" => told.is_acked = true,
            "surfaced" => (told.surfaced, told.is_read, told.is_snoozed) = (offset, false, false),
            "expired" | "trimmed" => drop(self.now.items.remove(id)),
            "undone" => {
                let before = &self.history[usize::try_from(entry["undo"].as_u64().unwrap()).unwrap() - 1].items[id];
                (told.is_read, told.is_archived, told.is_snoozed) =
                    (before.is_read, before.is_archived, before.is_snoozed);
            }
            other => panic!("{other} is nothing that becomes of a notification"),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
