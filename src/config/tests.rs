use super::keys::{KEYS, Kind};
use super::*;
use crate::domain::grants::Right;
use crate::domain::ids::RoomName;
use crate::domain::log::Keep;
use crate::domain::log_place::LogPlace;

/// Settings from a text for the file and variables.
fn load(file: &str, variables: &[(&str, &str)], bind: Option<&str>) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::load(Some(&path), variables, bind)
        .map_err(|e| e.to_string().replace(&path.display().to_string(), "it.toml"))
}

fn of_variable(name: &str, value: &str) -> Result<Config, String> {
    load("", &[(name, value)], None)
}

fn refusal(file: &str) -> String {
    load(file, &[], None).expect_err(file)
}

#[test]
fn the_shipped_file_is_exactly_the_defaults() {
    let shipped = include_str!("../../config.toml");
    assert_eq!(Config::from_toml(shipped).unwrap(), Config::default(), "as shipped");
    // A key switched off is `#key = value`; examples are indented.
    let is_key = |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_lowercase());
    let lines = shipped.lines().map(|line| if is_key(line) { &line[1..] } else { line });
    let switched_on = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(Config::from_toml(&switched_on).unwrap(), Config::default(), "with every default switched on");
    let set: toml::Table = switched_on.parse().unwrap();
    let without_default = ["auth.secret", "bridge.url"];
    for key in KEYS.iter().filter(|key| key.kind != Kind::Tables) {
        let (section, name) = key.path.rsplit_once('.').unwrap();
        let is_set = set.get(section).and_then(|section| section.get(name)).is_some();
        let is_example = shipped.contains(&format!("#   {name} = "));
        let has_example =
            without_default.contains(&key.path) || section.starts_with("rooms") || section.starts_with("auth.");
        assert!(is_set != has_example, "{} is set: {is_set}", key.path);
        assert!(is_set || is_example || ["key", "pem"].contains(&name), "{} is not in the file", key.path);
    }
}

#[test]
fn the_examples_of_the_shipped_file_can_be_used() {
    let shipped = include_str!("../../config.toml");
    let examples: Vec<_> = {
        // What is indented further is the rest of a sentence.
        let examples = shipped.lines().filter_map(|line| line.strip_prefix("#   "));
        examples.filter(|line| !line.starts_with(' ')).collect()
    };
    let tables = examples.join("\n").split_once("[[auth").map(|(_, rest)| format!("[[auth{rest}")).unwrap();
    let config = Config::from_toml(&tables.replace("url = \"...\"", "")).unwrap();
    assert_eq!((config.auth.keys.len(), config.auth.api_keys.len(), config.rooms.len()), (2, 1, 2));
}

#[test]
fn a_later_layer_wins_key_by_key() {
    let file = "[server]\nbind = '127.0.0.1:1'\nnode = 'a'\nworkers = 3";
    let variables = [("COPRESENCE_SERVER__BIND", "127.0.0.1:2"), ("COPRESENCE_SERVER__NODE", "b"), ("HOME", "/")];
    let config = load(file, &variables, Some("127.0.0.1:3")).unwrap();
    assert_eq!(config.server.bind, SocketAddr::from(([127, 0, 0, 1], 3)));
    assert_eq!((config.server.node.as_str(), config.server.workers), ("b", 3));
}

#[test]
fn a_variable_is_read_as_its_key_wants_it() {
    let secret = of_variable("COPRESENCE_AUTH__SECRET", "12345").unwrap().auth.secret.unwrap();
    assert_eq!(secret.as_bytes(), b"12345");
    assert_eq!(of_variable("COPRESENCE_SERVER__NODE", "true").unwrap().server.node, "true");
    assert!(!of_variable("COPRESENCE_LIMITS__ENABLED", " false ").unwrap().limits.enabled);
    let grace = |text| of_variable("COPRESENCE_SESSION__GRACE_S", text).unwrap().session.grace;
    assert_eq!((grace("0.25"), grace("20")), (Duration::from_millis(250), Duration::from_secs(20)));
    let origins = |text| of_variable("COPRESENCE_SERVER__ORIGINS", text).unwrap().server.origins;
    assert_eq!(
        origins("https://a.example, http://b.example:81,"),
        origins("['https://a.example','http://b.example:81']")
    );
    assert_eq!(origins(""), []);
    let rooms = of_variable("COPRESENCE_ROOMS", "[{match = 'a:*', log = 'memory'}]").unwrap().rooms;
    assert_eq!(rooms[0].log, LogPlace::Memory);
    let proxies = [("COPRESENCE_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1"), ("COPRESENCE_AUTH__GUESTS", "off")];
    let proxies = load("", &proxies, None).unwrap().server.trusted_proxies;
    assert_eq!(proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    for (file, error) in [
        ("[server]\nbnd = 1", "unknown key server.bnd (in it.toml): did you mean server.bind?"),
        ("bind = 'x'", "unknown key bind (in it.toml): did you mean server.bind?"),
        (
            "[sever]\nnode = 'x'",
            "unknown key sever (in it.toml): there are server, store, auth, bridge, limits, session, \
         presence, signals, inbox, log, audit, demo, rooms",
        ),
        ("[store]\nfolder = 'x'", "unknown key store.folder (in it.toml): there are store.path"),
        ("[[rooms]]\nmatsch = '*'", "unknown key rooms[0].matsch (in it.toml): did you mean rooms.match?"),
        (
            "\"a\\nb\" = 1",
            "unknown key a\\nb (in it.toml): there are server, store, auth, bridge, limits, session, \
         presence, signals, inbox, log, audit, demo, rooms",
        ),
    ] {
        assert_eq!(refusal(file), error);
    }
    for (variable, meant) in [
        ("COPRESENCE_SERVER_BIND", "did you mean COPRESENCE_SERVER__BIND?"),
        ("COPRESENCE_server__bind", "did you mean COPRESENCE_SERVER__BIND?"),
        ("COPRESENCE_ROOMS__MATCH", "a list of tables is set whole, by COPRESENCE_ROOMS"),
        ("COPRESENCE_SERVER", "there are COPRESENCE_SERVER"),
        ("COPRESENCE_", "there are COPRESENCE_SERVER"),
    ] {
        let error = of_variable(variable, "s3cret").unwrap_err();
        assert!(error.contains(&format!("(by {variable}): {meant}")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_bad_value_is_refused_with_key_place_value_and_remedy() {
    for (file, error) in [
        ("[server]\nbind = 'localhost:8080'", "server.bind = \"localhost:8080\" (in it.toml): must be an IP address"),
        ("[server]\nworkers = 'many'", "server.workers = \"many\" (in it.toml): must be a whole number from 0 to 256"),
        ("[server]\nworkers = -1", "server.workers = -1 (in it.toml): must be a whole"),
        ("[server]\nworkers = 2.0", "server.workers = 2.0 (in it.toml): must be a whole"),
        ("[server]\nnode = ''", "server.node = \"\" (in it.toml): must be 1 to 64"),
        (
            "[server]\norigins = ['http://a', 'a/b']",
            "server.origins[1] = \"a/b\" (in it.toml): must be a list of origins",
        ),
        ("[server]\norigins = 'http://a'", "server.origins = \"http://a\" (in it.toml): must be a list"),
        (
            "[server]\ntrusted_proxies = ['10.0.0.0/33']",
            "server.trusted_proxies = [\"10.0.0.0/33\"] (in it.toml): must",
        ),
        ("server = 5", "server = 5 (in it.toml): must be a section [server]"),
        ("[session]\ngrace_s = nan", "session.grace_s = nan (in it.toml): must be a number of seconds from 0 to 3600"),
        ("[session]\nheartbeat_s = inf", "session.heartbeat_s = inf (in it.toml): must be"),
        ("[session]\ngrace_s = '10'", "session.grace_s = \"10\" (in it.toml): must be a number"),
        ("[bridge]\nkind = 'redis'", "bridge.kind = \"redis\" (in it.toml): must be \"solo\", the only bridge"),
        ("[[rooms]]\nmatch = 'a*b'", "rooms[0].match = \"a*b\" (in it.toml): must be a room's name"),
        ("[[rooms]]\nmatch = 'a'\nlog = 'tape'", "rooms[0].log = \"tape\" (in it.toml): must be \"disk\", \"memory\""),
        ("[[rooms]]\nlog = 'disk'", "rooms[0] = { log = \"disk\" } (in it.toml): missing field `match`"),
        ("[rooms]\nmatch = 'a'", "rooms = { match = \"a\" } (in it.toml): must be tables [[rooms]]"),
        ("[store]\npath = ''", "store.path = \"\" (in it.toml): must be the path of a file"),
        ("[auth]\nguests = 'on'", "auth.guests = \"on\" (in it.toml): must be \"loopback\" for guests from"),
        (
            "[[auth.keys]]\nalgorithm = 'none'\nsecret = 's3cret'",
            "auth.keys[0].algorithm = \"none\" (in it.toml): must be \"HS256\", \"HS384\"",
        ),
        (
            "[[auth.keys]]\nalgorithm = 'RS256'\njwks_url = 'http://id.example/'",
            "auth.keys[0].jwks_url = (hidden) (in it.toml): must be an URL that begins with https://",
        ),
        (
            "[[auth.keys]]\nalgorithm = 'HS256'\nsecret = 's'\nkid = 'guest'",
            "auth.keys[0].kid = \"guest\" (in it.toml): must be 1 to 64",
        ),
        ("[[auth.keys]]\nsecret = 's3cret'", "auth.keys[0] = (hidden) (in it.toml): missing field `algorithm`"),
        ("[log]\nformat = 'xml'", "log.format = \"xml\" (in it.toml): must be \"plain\" or \"json\""),
        (
            "[[rooms]]\nmatch = 'a'\nkeep_entries = 0",
            "rooms[0].keep_entries = 0 (in it.toml): must be a whole number of",
        ),
        (
            "[[rooms]]\nmatch = 'a'\nkeep_s = 0.5",
            "rooms[0].keep_s = 0.5 (in it.toml): must be a number of seconds from",
        ),
        (
            "[[rooms]]\nmatch = 'a'\npublishes_per_s = 0",
            "rooms[0].publishes_per_s = 0 (in it.toml): must be a whole number from 1 to",
        ),
        ("[limits]\nsets_per_s = 0.5", "limits.sets_per_s = 0.5 (in it.toml): must be a whole number from 1 to"),
        ("[[rooms]]\nmatch = 'a'\nopen_to = ['fly']", "rooms[0].open_to = [\"fly\"] (in it.toml): must be a list of"),
        ("[limits]\nenabled = 1", "limits.enabled = 1 (in it.toml): must be true or false"),
    ] {
        let refusal = refusal(file);
        assert!(refusal.starts_with(error), "{refusal}");
    }
    let by_flag = load("", &[], Some("here")).unwrap_err();
    assert!(by_flag.starts_with("server.bind = \"here\" (by --bind): must"), "{by_flag}");
    let by_variable = of_variable("COPRESENCE_SERVER__WORKERS", "a\nb").unwrap_err();
    assert!(
        by_variable.starts_with("server.workers = \"a\\nb\" (by COPRESENCE_SERVER__WORKERS): must"),
        "{by_variable}"
    );
    let long = of_variable("COPRESENCE_SERVER__NODE", &"x".repeat(9_000)).unwrap_err();
    assert!(long.len() < 400, "{long}");
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    for (file, error) in [
        (
            "[session]\ngrace_s = 2\ngrace_reload_s = 3",
            "session.grace_reload_s = 3 (in it.toml): must be at most session",
        ),
        (
            "[limits]\npublishes_per_s = 5\npublish_burst = 4",
            "limits.publish_burst = 4 (in it.toml): must be at least limits.publishes_per_s",
        ),
        ("[[auth.keys]]\nalgorithm = 'RS256'", "auth.keys[0] = (hidden) (in it.toml): must have one of secret, pem"),
        (
            "[[auth.keys]]\nalgorithm = 'HS256'\nsecret = 'a'\npem = 'b'",
            "auth.keys[0] = (hidden) (in it.toml): must have one of",
        ),
        (
            "[[auth.keys]]\nalgorithm = 'RS256'\nsecret = 'a'",
            "auth.keys[0].algorithm = \"RS256\" (in it.toml): must be \"HS256\"",
        ),
        (
            "[[auth.keys]]\nalgorithm = 'HS256'\npem = 'a'",
            "auth.keys[0].algorithm = \"HS256\" (in it.toml): must be \"RS256\"",
        ),
        (
            "[[auth.keys]]\nalgorithm = 'RS256'\njwks_url = 'https://h/k'\nkid = 'a'",
            "auth.keys[0].kid = \"a\" (in it.toml): must be left out beside jwks_url",
        ),
        ("[bridge]\nurl = 'redis://:pw@h'", "bridge.url = (hidden) (in it.toml): must be left out"),
        ("[[rooms]]\nmatch = 'a'\n[[rooms]]\nmatch = 'a'", "rooms[1].match = \"a\" (in it.toml): must be another"),
        (
            "[[rooms]]\nmatch = 'a'\nlog = 'none'\nkeep_s = 5",
            "rooms[0].keep_s = 5 (in it.toml): must be left out while log is \"none\"",
        ),
        (
            "[[rooms]]\nmatch = 'a'\nlog = 'memory'\nkeep_entries = 10001",
            "rooms[0].keep_entries = 10001 (in it.toml): must be at most 10000 while",
        ),
        (
            "[[rooms]]\nmatch = 'a'\nlog = 'memory'\nkeep_bytes = 4194305",
            "rooms[0].keep_bytes = 4194305 (in it.toml): must be at most 4194304 while",
        ),
        (
            "[[rooms]]\nmatch = 'a'\nkeep_bytes = 131071",
            "rooms[0].keep_bytes = 131071 (in it.toml): must be at least twice limits.message_bytes",
        ),
        (
            "[[rooms]]\nmatch = 'a'\npresence = false\nlarge = 5",
            "rooms[0].large = 5 (in it.toml): must be left out while presence is false",
        ),
        (
            "[[rooms]]\nmatch = 'a'\nopen_to = ['publish']",
            "rooms[0].open_to = [\"publish\"] (in it.toml): must have \"join\" when",
        ),
        (
            "[[auth.api_keys]]\nname = 'a'\nkey = 'k'\n[[auth.api_keys]]\nname = 'a'\nkey = 'l'",
            "auth.api_keys[1].name = \"a\" (in it.toml): must be another name",
        ),
        (
            "[[auth.api_keys]]\nname = 'a'",
            "auth.api_keys[0] = (hidden) (in it.toml): must have one of key and key_hash",
        ),
    ] {
        let refusal = refusal(file);
        assert!(refusal.starts_with(error), "{refusal}");
    }
}

#[test]
fn a_default_gives_way_to_the_other_of_its_pair() {
    let session = Config::from_toml("[session]\ngrace_s = 0").unwrap().session;
    assert_eq!((session.grace, session.grace_reload), (Duration::ZERO, Duration::ZERO));
    assert_eq!(Config::from_toml("[limits]\npublishes_per_s = 500").unwrap().limits.publish_burst, 500);
}

#[test]
fn a_secret_is_never_in_an_error_nor_in_a_debug_print() {
    for file in [
        "[auth]\nsecret = ['s3cret']",
        "[auth]\nsecrt = 's3cret'",
        "[auth]\nsecret = 's3cret",
        "[auth]\nsecret = s3cret",
        "auth = 's3cret'",
        "[[auth.api_keys]]\nname = 'a'\nkey_hash = 's3cret'",
        "[[auth.api_keys]]\nname = 'a'\nkey = 's3cret'\nrights = ['fly']",
        "[[auth.api_keys]]\nkey = 's3cret'",
        "[[auth.api_keys]]\nname = 'a'\nkey = 's3cret'\nkey_hash = 's3cret'",
        "[[auth.keys]]\nalgorithm = 'HS256'\nsecret = ['s3cret']",
        "[[auth.keys]]\nalgorithm = 'RS256'\nsecret = 's3cret'",
        "[[auth.keys]]\nalgorithm = 'RS256'\njwks_url = 'https://u:s3cret@h/'",
        "[[auth.keys]]\nsecert = 's3cret'",
        "[bridge]\nurl = 's3cret'",
        "[bridge]\nkind = 'redis'\nurl = 's3cret'",
        "bridge = 's3cret'",
    ] {
        let refusal = refusal(file);
        assert!(!refusal.contains("s3cret") && !refusal.contains('\n'), "{refusal}");
    }
    assert!(of_variable("COPRESENCE_AUTH__SECRET", "").unwrap_err().contains("auth.secret = (hidden)"));
    let config = Config::from_toml("[auth]\nsecret = 's3cret'\n[[auth.api_keys]]\nname = 'a'\nkey = 's3cret'").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_file_that_is_named_has_to_be_there_and_to_be_toml() {
    let missing = Config::load(Some("no/such/file.toml".as_ref()), [], None).unwrap_err().to_string();
    assert!(missing.starts_with("can't read the config file no/such/file.toml: "), "{missing}");
    assert!(refusal("[server]\nnode = 'a'\nnode = 'b'").starts_with("it.toml, line 3, is not TOML: "));
}

#[test]
fn of_room_rules_the_longest_that_fits_counts_whole() {
    let config = Config::from_toml(
        "[[rooms]]\nmatch = 'a:*'\nlog = 'memory'\nretire_after_s = 0.5\n[[rooms]]\nmatch = '*'\nlog = 'none'\n\
         [[rooms]]\nmatch = 'a:b'\n[[rooms]]\nmatch = 'a:b*'\nlog = 'none'",
    )
    .unwrap();
    let room = |name| {
        let settings = config.room(&RoomName::parse(name).unwrap());
        (settings.log, settings.retire_after.as_millis())
    };
    assert_eq!(room("x"), (LogPlace::None, 60_000));
    assert_eq!(room("a:x"), (LogPlace::Memory, 500));
    assert_eq!(room("a:b"), (LogPlace::Disk, 60_000), "a whole name wins over a start of its length");
    assert_eq!(room("a:bc"), (LogPlace::None, 60_000));
}

#[test]
fn what_a_rule_leaves_out_is_at_its_default() {
    let room = |text: &str| Config::from_toml(text).unwrap().room(&RoomName::parse("x").unwrap());
    let usual = room("[presence]\nlarge = 7");
    assert_eq!((usual.log, usual.keep, usual.presence, usual.large), (LogPlace::Disk, Keep::DISK, true, 7));
    assert_eq!(room("[presence]\nlarge = 7\n[[rooms]]\nmatch = 'x'"), usual);
    let set = room("[[rooms]]\nmatch = 'x'\nkeep_entries = 5\nkeep_bytes = 131072\nkeep_s = 1.5\nlarge = 9");
    let age_max = Duration::from_millis(1_500);
    assert_eq!((set.keep, set.large), (Keep { entries_max: 5, bytes_max: 131_072, age_max }, 9));
    let rates =
        room("[limits]\nroom_publishes_per_s = 7\nroom_signals_per_s = 8\n[[rooms]]\nmatch = 'x'\nsignals_per_s = 9");
    assert_eq!(rates.rates, RoomRates { publishes_per_s: 7, signals_per_s: 9 });
    let memory = room("[[rooms]]\nmatch = 'x'\nlog = 'memory'\nkeep_entries = 5\npresence = false");
    assert_eq!((memory.keep, memory.presence), (Keep { entries_max: 5, ..Keep::MEMORY }, false));
}

#[test]
fn a_room_is_open_to_guests_as_its_rule_says() {
    let config = Config::from_toml("[[rooms]]\nmatch = 'x'\nopen_to = ['join']\n[[rooms]]\nmatch = 'y*'").unwrap();
    let open_to = config.open_to();
    assert_eq!(open_to[0].1, Rights::from_iter([Right::Join]));
    assert_eq!(open_to[1].1, Rights::ALL_BUT_NOTIFY);
}

#[test]
fn the_audit_log_is_on_and_kept_for_a_year_or_as_long_as_is_said() {
    let audit = |text: &str| Config::from_toml(text).unwrap().audit;
    let day = Duration::from_hours(24);
    assert_eq!((audit("").enabled, audit("").keep), (true, Some(365 * day)));
    assert_eq!(audit("[audit]\nkeep_days = 2").keep, Some(2 * day));
    assert_eq!(audit("[audit]\nenabled = false\nkeep_days = 0"), AuditSettings { enabled: false, keep: None });
    for bad in ["-1", "1.5", "36501"] {
        let error = refusal(&format!("[audit]\nkeep_days = {bad}"));
        assert!(error.contains("must be a whole number of days from 0 to 36500"), "{error}");
    }
}

#[test]
fn an_api_key_without_more_may_do_all_in_the_default_tenant() {
    let config = Config::from_toml(
        "[[auth.api_keys]]\nname = 'all'\nkey = 'k'\n\
         [[auth.api_keys]]\nname = 'some'\ntenant = 'acme'\nrights = ['notify']\nkey_hash = \
         '00ff00000000000000000000000000000000000000000000000000000000000A'",
    )
    .unwrap();
    let [all, some] = &config.auth.api_keys[..] else { panic!("two keys") };
    assert_eq!((all.tenant.as_str(), all.rights), ("default", values::all_rights()));
    assert_eq!((some.tenant.as_str(), some.rights), ("acme", Rights::from_iter([Right::Notify])));
    let hash = some.key_hash.unwrap();
    assert_eq!((hash[0], hash[1], hash[31]), (0, 0xff, 0x0a));
}

#[test]
fn guests_come_from_this_machine_unless_a_key_says_so_in_so_many_words() {
    let allows = |text: &str| Config::from_toml(text).unwrap().allows_guests();
    assert!(allows(""));
    assert!(!allows("[server]\nbind = '0.0.0.0:80'"));
    assert!(!allows("[server]\nbind = '[::ffff:127.0.0.1]:80'"), "what could be reached otherwise is public");
    assert!(!allows("[auth]\nguests = 'off'"));
    assert!(allows("[server]\nbind = '0.0.0.0:80'\n[auth]\nguests = 'anyone-who-reaches-this-server'"));
    assert!(!allows("[server]\ntrusted_proxies = ['::1']\n[auth]\nguests = 'off'"));
}

#[test]
fn what_is_allowed_and_unwise_is_warned_of() {
    let warnings = |text| Config::from_toml(text).unwrap().warnings();
    assert_eq!(warnings(""), Vec::<String>::new());
    for (text, word) in [
        ("[auth]\nsecret = 'short'", "auth.secret is shorter"),
        ("[server]\nbind = '0.0.0.0:80'", "nobody can connect"),
        ("[auth]\nguests = 'off'", "nobody can connect"),
        ("[auth]\nguests = 'anyone-who-reaches-this-server'\n[server]\nbind = '[::]:80'", "without a token"),
        (
            "[auth]\nguests = 'anyone-who-reaches-this-server'\n[server]\ntrusted_proxies = ['10.0.0.1']",
            "without a token",
        ),
        ("[[auth.keys]]\nalgorithm = 'HS512'\nsecret = '0123456789abcdef0123456789abcdef'", "in auth.keys is shorter"),
        ("[limits]\nenabled = false", "limits.enabled"),
        ("[[auth.api_keys]]\nname = 'a'\nkey = 'k'", "a key in auth.api_keys"),
    ] {
        let warnings = warnings(text);
        assert!(warnings.len() == 1 && warnings[0].contains(word), "{warnings:?}");
    }
}

#[test]
fn what_kubernetes_says_of_a_service_called_copresence_is_no_setting() {
    for (name, value) in [
        ("COPRESENCE_SERVICE_HOST", "10.0.0.11"),
        ("COPRESENCE_SERVICE_PORT_HTTP", "8080"),
        ("COPRESENCE_PORT", "tcp://10.0.0.11:8080"),
        ("COPRESENCE_PORT_8080_TCP_ADDR", "10.0.0.11"),
    ] {
        assert_eq!(of_variable(name, value), Ok(Config::default()), "{name}");
    }
    // Somebody who means the port is told that it is none of the keys.
    assert!(of_variable("COPRESENCE_PORT", "8080").unwrap_err().contains("unknown key port"));
}
