//! What is remembered of users, and whose older tokens are refused.
//!
//! A row is written anew as a whole when there are news of its user, and never because of an older token. What can't be
//! read is passed over and mended by the user's next connect. Users that were not seen for [`USERS_KEPT_MS`] go, guests
//! earlier; what refuses tokens stays for good, as nobody knows how long those hold.

use log::warn;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};
use xxhash_rust::xxh3::Xxh3;

use crate::domain::entry::Timestamp;
use crate::domain::ids::{Tenant, UserId, UserKey};
use crate::domain::known_user::{Known, KnownUser, Learned, News, Profile, claim_of, grants_of};

use super::Store;
use super::error::{ReadError, StoreError};
use super::reader::Reader;
use super::row::as_stored;
use super::writer::Writer;

/// Users that were not seen for so long are forgotten.
pub const USERS_KEPT_MS: i64 = 90 * DAY_MS;

/// Guests that were not seen for so long are forgotten: as long as their tokens hold.
pub const GUESTS_KEPT_MS: i64 = 30 * DAY_MS;

/// Of guests so many are remembered, those seen last: anybody can make a new one.
pub const GUESTS_MAX: usize = 10_000;

const DAY_MS: i64 = 86_400_000;

/// The columns that [`read`] reads, in its order.
macro_rules! columns {
    () => {
        "users.user, users.name, users.avatar, users.roles, users.grants, users.is_guest, users.token_at,
         users.last_seen, users.checksum, users.tenant"
    };
}

/// Which users to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selected {
    /// Of this world.
    pub tenant: Tenant,
    /// Only those with this role.
    pub role: Option<String>,
    /// Guests, too. They have no roles.
    pub with_guests: bool,
    /// Only those behind this one.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// Whose tokens are refused when they are older than which time.
    ///
    /// # Errors
    /// [`StoreError`], also when one of them can't be read: a token that was taken back must not hold again.
    pub fn tokens_before(&self) -> Result<Vec<(UserKey, Timestamp)>, StoreError> {
        let reader = self.reader()?;
        let read = || {
            let mut statement = reader.connection.prepare("select tenant, user, at from tokens_before")?;
            let rows = statement.query_map([], |row| {
                let (tenant, user): (String, String) = (row.get(0)?, row.get(1)?);
                let named = Tenant::parse(&tenant).ok().zip(UserId::parse(&user).ok());
                let (tenant, user) = named.ok_or(rusqlite::Error::InvalidQuery)?;
                Ok((UserKey::new(tenant, user), Timestamp(row.get(2)?)))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| match source {
            source @ rusqlite::Error::SqliteFailure(..) => StoreError::sqlite(self.path(), source),
            other => StoreError::Damaged { path: self.path().to_owned(), what: other.to_string() },
        })
    }
}

impl Writer {
    /// Takes in news of users, in one transaction that isn't synced by itself: if the power goes with it, the user's next
    /// connect tells the same again.
    ///
    /// # Errors
    /// What `SQLite` says, and then nothing changed.
    pub fn remember(&mut self, news: &[(UserKey, News)]) -> rusqlite::Result<()> {
        // Back to full before the next batch, whatever happens in between.
        self.connection.pragma_update(None, "synchronous", "normal")?;
        let written = remember(&mut self.connection, news);
        self.connection.pragma_update(None, "synchronous", "full")?;
        written
    }

    /// Has the user's tokens refused from now on that are older than `before`; an earlier time than the one that is there
    /// changes nothing. It is on the disk when this returns.
    ///
    /// # Errors
    /// What `SQLite` says, and then nothing changed.
    pub fn refuse_tokens(&mut self, user: &UserKey, before: Timestamp) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "insert into tokens_before (tenant, user, at) values (?1, ?2, ?3)
             on conflict (tenant, user) do update set at = max(at, excluded.at)",
        )?;
        statement.execute((user.tenant.as_str(), user.user.as_str(), before.0)).map(|_| ())
    }

    /// Forgets up to `rows_max` of the users that were not seen for long, and of the guests that are too many; says how
    /// many it forgot.
    ///
    /// # Errors
    /// What `SQLite` says; nothing is lost by it but room on the disk.
    pub fn forget_users(&mut self, now: Timestamp, guests_max: usize, rows_max: usize) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let users = transaction
            .prepare_cached(
                "delete from users where rowid in
                 (select rowid from users where is_guest = 0 and last_seen < ?1 order by last_seen limit ?2)
                 returning tenant, user",
            )?
            .query_map((now.0 - USERS_KEPT_MS, as_stored(rows_max as u64)), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for (tenant, user) in &users {
            forget_roles(&transaction, tenant, user)?;
        }
        // They have no roles. Among those of the same millisecond it doesn't matter who goes.
        let guests = transaction
            .prepare_cached(
                "delete from users where rowid in
                 (select rowid from users where is_guest = 1 and last_seen < max(?1, coalesce(
                     (select last_seen from users where is_guest = 1 order by last_seen desc limit 1 offset ?2), ?1))
                  order by last_seen limit ?3)",
            )?
            .execute((
                now.0 - GUESTS_KEPT_MS,
                as_stored((guests_max as u64).saturating_sub(1)),
                as_stored((rows_max - users.len()) as u64),
            ))?;
        transaction.commit()?;
        Ok(users.len() + guests)
    }
}

impl Reader {
    /// What is remembered of a user.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away.
    pub fn user(&mut self, user: &UserKey) -> Result<Option<Known>, ReadError> {
        Ok(row(&self.connection, user)?)
    }

    /// Users by name, ascending, and behind whom the next page begins, if there is one.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away.
    pub fn users(&mut self, selected: &Selected) -> Result<(Vec<KnownUser>, Option<UserId>), ReadError> {
        let of_role = "from user_roles of join users on users.tenant = of.tenant and users.user = of.user
                       where of.tenant = ?1 and of.user > ?2 and of.role = ?4 and (?5 or is_guest = 0)
                       order by of.user limit ?3";
        let of_all = "from users where tenant = ?1 and user > ?2 and ?4 is null and (?5 or is_guest = 0)
                      order by user limit ?3";
        let from = if selected.role.is_some() { of_role } else { of_all };
        let mut statement = self.connection.prepare_cached(&format!("select {} {from}", columns!()))?;
        let after = selected.after.as_ref().map_or("", UserId::as_str);
        // One more than wanted tells whether there are more.
        let limit = as_stored(selected.limit as u64 + 1);
        let mut rows =
            statement.query((selected.tenant.as_str(), after, limit, &selected.role, selected.with_guests))?;
        let (mut users, mut last, mut count) = (Vec::new(), None, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            if count > selected.limit {
                return Ok((users, last));
            }
            // Of a damaged row, too, so that the next page gets past it.
            let name = row.get_ref(0).ok().and_then(|name| name.as_str().ok());
            last = name.and_then(|name| UserId::parse(name).ok()).or(last);
            users.extend(read(row));
        }
        Ok((users, None))
    }
}

fn remember(connection: &mut Connection, news: &[(UserKey, News)]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (user, news) in news {
        // Most guests are new: they have no row to be compared and no roles, and in a storm of them that is half of the work.
        let whole: Option<Known> = news.known();
        let guest = whole.filter(|known| known.profile.is_guest);
        if let Some(guest) = guest
            && write(&transaction, user, &guest, PASS_OVER)?
        {
            continue;
        }
        let learned = match row(&transaction, user)? {
            Some(mut known) => (known.learn(news), Some(known)),
            None => (Learned::Profile, news.known()),
        };
        if let (learned @ (Learned::Seen | Learned::Profile), Some(known)) = learned {
            write(&transaction, user, &known, REPLACE)?;
            if learned == Learned::Profile {
                write_roles(&transaction, user, &known.profile.roles)?;
            }
        }
    }
    transaction.commit()
}

/// What [`write`] does with a row that is there already.
const PASS_OVER: &str = "nothing";
const REPLACE: &str = "update set
    name = excluded.name, avatar = excluded.avatar, roles = excluded.roles, grants = excluded.grants,
    is_guest = excluded.is_guest, token_at = excluded.token_at, last_seen = excluded.last_seen, checksum = excluded.checksum";

/// Writes a user's row; where there is one already, `otherwise` is done. Answers whether the file has what was to be written.
fn write(connection: &Connection, user: &UserKey, known: &Known, otherwise: &str) -> rusqlite::Result<bool> {
    let Profile { name, avatar, roles, grants, is_guest } = &*known.profile;
    let roles_json = serde_json::to_string(roles).expect("texts are JSON");
    let claim = claim_of(grants);
    let (tenant, id) = (user.tenant.as_str(), user.user.as_str());
    let texts = [Some(tenant), Some(id), Some(&**name), avatar.as_deref(), Some(&*roles_json), claim.as_deref()];
    let checksum = checksum(texts, [i64::from(*is_guest), known.token_at.0, known.last_seen.0]);
    let sql = format!(
        "insert into users (tenant, user, name, avatar, roles, grants, is_guest, token_at, last_seen, checksum)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict (tenant, user) do {otherwise}"
    );
    let written = connection.prepare_cached(&sql)?.execute((
        tenant,
        id,
        &**name,
        avatar.as_deref(),
        &roles_json,
        &claim,
        is_guest,
        known.token_at.0,
        known.last_seen.0,
        checksum,
    ))?;
    Ok(written > 0)
}

fn write_roles(connection: &Connection, user: &UserKey, roles: &[String]) -> rusqlite::Result<()> {
    let (tenant, user) = (user.tenant.as_str(), user.user.as_str());
    forget_roles(connection, tenant, user)?;
    let mut insert =
        connection.prepare_cached("insert or ignore into user_roles (tenant, role, user) values (?1, ?2, ?3)")?;
    for role in roles {
        insert.execute((tenant, role, user))?;
    }
    Ok(())
}

fn forget_roles(connection: &Connection, tenant: &str, user: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("delete from user_roles where tenant = ?1 and user = ?2")?;
    statement.execute((tenant, user)).map(|_| ())
}

fn row(connection: &Connection, user: &UserKey) -> rusqlite::Result<Option<Known>> {
    let sql = concat!("select ", columns!(), " from users where tenant = ?1 and user = ?2");
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement.query_row((user.tenant.as_str(), user.user.as_str()), |row| Ok(read(row)));
    Ok(row.optional()?.flatten().map(|user| user.known))
}

/// The user in `row`, if its checksum proves that it is what was written.
fn read(row: &Row<'_>) -> Option<KnownUser> {
    let read = stored(row);
    if read.is_none() {
        warn!("a row of the table users is damaged; it is passed over until the user connects again");
    }
    read
}

fn stored(row: &Row<'_>) -> Option<KnownUser> {
    let text = |column| row.get_ref(column).ok()?.as_str_or_null().ok();
    let number = |column| row.get_ref(column).ok()?.as_i64().ok();
    let [id, name, avatar, roles, grants, tenant] = [text(0)?, text(1)?, text(2)?, text(3)?, text(4)?, text(9)?];
    let [is_guest, token_at, last_seen] = [number(5)?, number(6)?, number(7)?];
    if checksum([tenant, id, name, avatar, roles, grants], [is_guest, token_at, last_seen]) != number(8)? {
        return None;
    }
    let profile = Profile {
        name: name?.into(),
        avatar: avatar.map(Into::into),
        roles: serde_json::from_str(roles?).ok()?,
        grants: grants_of(grants)?,
        is_guest: is_guest != 0,
    };
    let known = Known { profile: profile.into(), token_at: Timestamp(token_at), last_seen: Timestamp(last_seen) };
    Some(KnownUser { user: UserId::parse(id?).ok()?, known })
}

/// Texts go in with their lengths, so that no two rows are the same sequence of bytes.
fn checksum(texts: [Option<&str>; 6], numbers: [i64; 3]) -> i64 {
    let mut hash = Xxh3::new();
    for number in numbers {
        hash.update(&number.to_le_bytes());
    }
    for text in texts {
        hash.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.digest().cast_signed()
}
