//! What settings mean, for whoever wrote them: `copresence check`.

use std::fmt::Write as _;

use crate::auth::{BadKey, Gate};
use crate::config::{AuditSettings, Config, Guests, InboxSettings, TokenKeyRule};
use crate::domain::log_place::LogPlace;

/// What `config` means, several lines for a person, without a secret in them.
///
/// # Errors
/// [`BadKey`] when a public key can't be read; the values themselves were checked when they were loaded.
pub fn meaning(config: &Config) -> Result<String, BadKey> {
    Gate::check(&config.auth)?;
    let mut text = "The settings are good.\n".to_owned();
    for (what, means) in rows(config) {
        for (index, line) in means.iter().enumerate() {
            let what = if index == 0 { what } else { "" };
            let _ = write!(text, "\n  {what:<16} {line}");
        }
    }
    for warning in config.warnings() {
        let _ = write!(text, "\n\nWarning: {warning}");
    }
    Ok(text)
}

fn rows(config: &Config) -> Vec<(&'static str, Vec<String>)> {
    let server = &config.server;
    let workers = if server.workers == 0 { "one a core".to_owned() } else { server.workers.to_string() };
    let rates = if config.limits.enabled { "kept" } else { "off, for load tests alone" };
    let session = &config.session;
    vec![
        ("listens on", vec![format!("{}, as node {}", server.bind, server.node)]),
        ("workers", vec![format!("{workers}, for up to {} connections", server.connections_max)]),
        ("log of rooms", vec![config.store.path.display().to_string()]),
        ("guests", vec![guests(config)]),
        ("users' tokens", or("none is taken", tokens(config))),
        (
            "backends' keys",
            or(
                "none",
                config
                    .auth
                    .api_keys
                    .iter()
                    .map(|key| format!("{}, of tenant {}", shown(&key.name), key.tenant))
                    .collect(),
            ),
        ),
        ("pages from", or("this server alone", server.origins.iter().map(ToString::to_string).collect())),
        ("behind proxies", or("no", server.trusted_proxies.iter().map(ToString::to_string).collect())),
        ("rate limits", vec![rates.to_owned()]),
        ("audit log", vec![audit(&config.audit)]),
        ("inboxes", vec![inboxes(&config.inbox)]),
        ("demo", vec![demo(config).to_owned()]),
        (
            "lost connections",
            vec![format!(
                "noticed after {:?} of silence, kept for {:?}, after a reload for {:?}",
                session.heartbeat, session.grace, session.grace_reload
            )],
        ),
        (
            "rooms",
            or(
                "all on disk",
                config
                    .rooms
                    .iter()
                    .map(|rule| {
                        let place = match rule.log {
                            LogPlace::Disk => "on disk",
                            LogPlace::Memory => "in memory",
                            LogPlace::None => "not kept",
                        };
                        let mut line = format!("{}  {place}", rule.pattern);
                        let rates = [("publishes", rule.publishes_per_s), ("signals", rule.signals_per_s)];
                        for (what, per_s) in rates.into_iter().filter_map(|(what, rate)| Some((what, rate?))) {
                            let _ = write!(line, ", {per_s} {what} a second of everybody");
                        }
                        if !config.limits.enabled && (rule.publishes_per_s.or(rule.signals_per_s)).is_some() {
                            line.push_str(" (off)");
                        }
                        match rule.redact.rules().len() {
                            0 => {}
                            1 => line.push_str(", a field for one role alone"),
                            fields => drop(write!(line, ", {fields} fields for one role alone")),
                        }
                        line
                    })
                    .collect(),
            ),
        ),
    ]
}

fn or(nothing: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { vec![nothing.to_owned()] } else { lines }
}

fn audit(settings: &AuditSettings) -> String {
    match settings.keep {
        _ if !settings.enabled => "off".to_owned(),
        None => "on, its records are kept for ever".to_owned(),
        Some(keep) => format!("on, its records are kept for {} days", keep.as_secs() / 86_400),
    }
}

fn demo(config: &Config) -> &'static str {
    if config.has_demo() { "yes: a robot writes into dashboard:sales while somebody is there" } else { "no" }
}

fn inboxes(settings: &InboxSettings) -> String {
    let InboxSettings { keep, keep_days, again } = settings;
    format!("keep the newest {keep} for {keep_days} days, show critical ones again every {again:?}")
}

fn guests(config: &Config) -> String {
    let means = match (config.auth.guests, config.allows_guests()) {
        (Guests::Anyone, _) => "anyone who reaches this server comes in without a token",
        (_, true) => "whoever sits at this machine comes in without a token",
        (Guests::Off, _) => "nobody comes in without a token (auth.guests is off)",
        (Guests::Loopback, false) => "nobody comes in without a token (server.bind is no loopback address)",
    };
    means.to_owned()
}

fn tokens(config: &Config) -> Vec<String> {
    let secret = config.auth.secret.as_ref().map(|_| "HS256 by auth.secret".to_owned());
    secret.into_iter().chain(config.auth.keys.iter().map(key)).collect()
}

/// One `[[auth.keys]]`; of an URL the host alone.
fn key(rule: &TokenKeyRule) -> String {
    let mut line = format!("{} by ", rule.algorithm.as_str());
    match &rule.jwks_url {
        Some(url) => line.extend(["the key set of ", url.host()]),
        None if rule.pem.is_some() => line.push_str("a public key"),
        None => line.push_str("a secret (hidden)"),
    }
    let terms = [("issuer", &rule.issuer), ("audience", &rule.audience), ("kid", &rule.kid)];
    for (name, value) in terms.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let _ = write!(line, ", {name} {}", shown(value));
    }
    if let Some(tenant) = &rule.tenant {
        let _ = write!(line, ", tenant {tenant}");
    }
    line
}

/// A text of the operator's in one visible line.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_in_without_a_token_is_said_as_it_will_be() {
        const LOOPBACK: &str = "127.0.0.1:0";
        for (bind, allowed, means) in [
            (LOOPBACK, "loopback", "whoever sits at this machine comes in"),
            (LOOPBACK, "off", "nobody comes in without a token (auth.guests is off)"),
            ("0.0.0.0:0", "off", "nobody comes in without a token (auth.guests is off)"),
            ("0.0.0.0:0", "loopback", "nobody comes in without a token (server.bind is no loopback address)"),
            ("0.0.0.0:0", "anyone-who-reaches-this-server", "anyone who reaches this server comes in"),
        ] {
            let settings = format!("[server]\nbind = {bind:?}\n[auth]\nguests = {allowed:?}");
            let text = meaning(&Config::from_toml(&settings).unwrap()).unwrap();
            assert!(text.contains(means), "{bind}, {allowed}: {text}");
        }
    }

    #[test]
    fn what_inboxes_keep_is_said_in_figures() {
        let means = |settings: &str| meaning(&Config::from_toml(settings).unwrap()).unwrap();
        assert!(means("").contains("keep the newest 1000 for 90 days, show critical ones again every 30s"));
        let set = means("[inbox]\nkeep = 50\nkeep_days = 7\nagain_s = 1.5");
        assert!(set.contains("the newest 50 for 7 days") && set.contains("every 1.5s"), "{set}");
    }

    #[test]
    fn whether_there_is_a_robot_is_said() {
        let means = |settings: &str| meaning(&Config::from_toml(settings).unwrap()).unwrap();
        assert!(means("").contains("yes: a robot writes into dashboard:sales"));
        assert!(!means("[demo]\nenabled = false").contains("robot"));
    }

    #[test]
    fn each_kind_of_room_says_where_its_log_is() {
        for (place, means) in [("disk", "on disk"), ("memory", "in memory"), ("none", "not kept")] {
            let settings = format!("[[rooms]]\nmatch = 'board:*'\nlog = {place:?}");
            let text = meaning(&Config::from_toml(&settings).unwrap()).unwrap();
            assert!(text.contains(&format!("board:*  {means}")), "{text}");
        }
        assert!(meaning(&Config::from_toml("").unwrap()).unwrap().contains("all on disk"));
    }
}
