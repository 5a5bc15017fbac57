//! What a file says of others' servers, and of how subscribers are told apart: home servers, realms, the identity policy.
//! Never talks to a server; the rest of the file is checked in [`super::desired`].

use radius_server::directory::{ANY_REALM, IdentifyBy};
use serde_json::{Value, json};
use std::net::IpAddr;

use super::desired::{Check, Kind, Object, fields};
use super::file;

impl Check<'_> {
    /// How subscribers are told apart.
    pub(super) fn identity(&mut self, partner: &str, identity: file::Identity) -> Object {
        self.at(partner, Kind::Identity, partner);
        for word in identity.identify.iter().flatten() {
            let allowed = [IdentifyBy::UserName, IdentifyBy::Line, IdentifyBy::Mac].map(IdentifyBy::as_str);
            self.one_of("identify", Some(word), &allowed);
        }
        let (case, store) = (identity.username_case, identity.password_store);
        self.one_of("username_case", case.as_deref(), &["exact", "fold"]);
        self.one_of("password_store", store.as_deref(), &["reversible", "argon2id"]);
        Object {
            kind: Kind::Identity,
            name: partner.to_owned(),
            fields: fields([
                ("identify", identity.identify.map(Value::from)),
                ("username_case", case.map(Value::from)),
                ("password_store", store.map(Value::from)),
            ]),
            secrets: Vec::new(),
        }
    }

    /// One home server.
    pub(super) fn home_server(&mut self, partner: &str, server: file::HomeServer) -> Object {
        self.at(partner, Kind::HomeServer, &server.name);
        if server.address.parse::<IpAddr>().is_err() {
            let found = &server.address;
            self.refuse("address", format!("found \"{found}\", allowed: an IP address"));
        }
        let taken = |port: Option<u16>| port.is_some_and(|port| port > 0);
        let transport = server.transport;
        self.one_of("transport", transport.as_deref(), &["udp", "tls"]);
        let tls = transport.as_deref() == Some("tls");
        match (tls, &server.secret) {
            (true, Some(_)) => self.refuse("secret", "has no place over TLS"),
            (false, None) => self.refuse("secret", "needed, unless transport is tls"),
            (true, None) | (false, Some(_)) => {}
        }
        if !tls && server.tls_key.is_some() {
            self.refuse("tls_key", "needs transport = \"tls\"");
        }
        // Over TLS everything is taken on one port, unless the file says otherwise.
        if !tls && !taken(server.auth_port) && !taken(server.accounting_port) {
            self.refuse("auth_port, accounting_port", "give at least one");
        }
        if !tls && server.copy_accounting == Some(true) && !taken(server.accounting_port) {
            self.refuse(
                "copy_accounting",
                "needs accounting_port: that is where copies go",
            );
        }
        // 0 takes a port away; absent is left as it is, as everywhere.
        let port = |port: Option<u16>| port.map(|port| json!((port > 0).then_some(port)));
        // Certificates are no secret, but stand in files as secrets do.
        let mut pem = |key, source| {
            let (_, text) = self.secret(key, source)?;
            Some(Value::from(text.reveal()))
        };
        let (ca, certificate) = (
            pem("tls_ca", server.tls_ca),
            pem("tls_certificate", server.tls_certificate),
        );
        let secrets = [
            self.secret("secret", server.secret),
            self.secret("tls_key", server.tls_key),
        ];
        Object {
            kind: Kind::HomeServer,
            name: server.name,
            fields: fields([
                ("address", Some(json!(server.address))),
                ("auth_port", port(server.auth_port)),
                ("accounting_port", port(server.accounting_port)),
                ("transport", transport.map(Value::from)),
                ("tls_name", server.tls_name.map(Value::from)),
                ("tls_ca", ca),
                ("tls_certificate", certificate),
                (
                    "require_message_authenticator",
                    server.require_message_authenticator.map(Value::from),
                ),
                ("status_server", server.status_server.map(Value::from)),
                ("copy_accounting", server.copy_accounting.map(Value::from)),
            ]),
            secrets: secrets.into_iter().flatten().collect(),
        }
    }

    /// One realm.
    pub(super) fn realm(&mut self, partner: &str, realm: file::Realm) -> Object {
        let name = realm.name.to_ascii_lowercase();
        self.at(partner, Kind::Realm, &name);
        if name != ANY_REALM
            && let Err(why) = radius::nai::check_realm(&name)
        {
            self.refuse("name", why);
        }
        let usual = match realm.home_servers.is_empty() {
            true => "here",
            false => "by_home_servers",
        };
        let decided = realm.decided.unwrap_or_else(|| usual.to_owned());
        self.one_of("decided", Some(&decided), &["here", "nowhere", "by_home_servers"]);
        self.one_of("balance", realm.balance.as_deref(), &["fail_over", "spread"]);
        self.one_of("pass", realm.pass.as_deref(), &["all", "roaming"]);
        if realm.home_servers.is_empty() == (decided == "by_home_servers") {
            self.refuse(
                "home_servers",
                "must be there when home servers decide, and only then",
            );
        }
        Object {
            kind: Kind::Realm,
            name,
            fields: fields([
                ("decided", Some(json!(decided))),
                ("home_servers", Some(json!(realm.home_servers))),
                ("strip", realm.strip.map(Value::from)),
                ("balance", realm.balance.map(Value::from)),
                ("pass", realm.pass.map(Value::from)),
                ("accounting", realm.accounting.map(Value::from)),
            ]),
            secrets: Vec::new(),
        }
    }
}
