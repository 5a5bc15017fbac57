//! Debian's FreeRADIUS, set up as a site is that does nothing unusual: PAP, CHAP, MS-CHAP, EAP, accounting.

use super::peer::{ADDRESSES, USERS, User, users_file};
use crate::isp::{SECRET, until};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What its usual site lets pass in an Access-Reject.
const ACCESS_REJECT: &str = "DEFAULT
\tEAP-Message =* ANY,
\tState =* ANY,
\tMessage-Authenticator =* ANY,
\tError-Cause =* ANY,
\tReply-Message =* ANY,
\tMS-CHAP-Error =* ANY,
\tProxy-State =* ANY
";

/// Debian's FreeRADIUS on a port of its own; one thread, so that it answers in order.
pub struct Freeradius {
    child: Child,
    pub auth: SocketAddr,
    pub accounting: SocketAddr,
    dir: tempfile::TempDir,
}

impl Freeradius {
    /// Whether it is the version that the table is about, so that each line of it must be seen.
    pub fn is_the_known_one() -> bool {
        let said = Command::new("freeradius").arg("-v").output().expect("runs");
        String::from_utf8_lossy(&said.stdout).contains("Version 3.2.1,")
    }

    /// Starts one; `None` when it is not installed.
    pub fn start() -> Option<Self> {
        Self::with(None, USERS, SECRET)
    }

    /// The same with other users and another secret, and methods inside TLS when there are certificates: `server.pem`,
    /// `server.key` and `ca.pem`.
    pub fn with(papers: Option<&Path>, users: &[User], secret: &[u8]) -> Option<Self> {
        if !crate::proxy::is_installed("freeradius") {
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let free = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        let [auth, accounting] = free.each_ref().map(|free| free.local_addr().expect("an address"));
        drop(free);
        let (path, port, accounting_port) = (dir.path().display(), auth.port(), accounting.port());
        let (eap, inside) = papers.map_or((String::new(), ""), |papers| (inside_tls(papers), INSIDE));
        let first = if papers.is_some() { "peap" } else { "md5" };
        let secret = std::str::from_utf8(secret).expect("text");
        let clients: String = ADDRESSES
            .iter()
            .zip(["no", "yes"])
            .map(|(address, must)| {
                format!(
                    "client nas-{address} {{\n ipaddr = {address}\n secret = \"{secret}\"\n \
                     require_message_authenticator = {must}\n}}\n"
                )
            })
            .collect();
        let conf = format!(
            r#"prefix = /usr
localstatedir = {path}
logdir = {path}
run_dir = {path}
confdir = {path}
libdir = /usr/lib/freeradius
name = other
max_requests = 16384
correct_escapes = true
log {{
    destination = stdout
}}
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = yes
}}
proxy_requests = no
{clients}
modules {{
    pap {{
    }}
    chap {{
    }}
    mschap {{
        use_mppe = yes
    }}
    eap {{
        default_eap_type = {first}
        md5 {{
        }}
{eap}
    }}
    detail {{
        filename = {path}/detail
    }}
    attr_filter access_reject {{
        key = "%{{User-Name}}"
        filename = {path}/access_reject
    }}
    files {{
        usersfile = {path}/users
    }}
}}
server other {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting_port}
    }}
    accounting {{
        detail
    }}
    authorize {{
        chap
        mschap
        eap
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type CHAP {{
            chap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
        eap
    }}
    post-auth {{
        Post-Auth-Type REJECT {{
            access_reject
            eap
        }}
    }}
}}
{inside}
"#
        );
        for (name, text) in [
            ("radiusd.conf", conf),
            ("users", users_file(users)),
            ("access_reject", ACCESS_REJECT.to_owned()),
            ("dictionary", "# Nothing of our own.\n".to_owned()),
        ] {
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        let log = std::fs::File::create(dir.path().join("log")).expect("a log");
        let child = Command::new("freeradius")
            .args(["-f", "-s", "-l", "stdout", "-d"])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut freeradius = Self {
            child,
            auth,
            accounting,
            dir,
        };
        let wanted = [port, accounting_port].map(|port| format!(":{port:04X} "));
        until("FreeRADIUS listens", || {
            let ended = freeradius.child.try_wait().expect("a state");
            let log = || std::fs::read_to_string(freeradius.dir.path().join("log"));
            assert_eq!(ended, None, "{:?}", log());
            std::fs::read_to_string("/proc/net/udp")
                .is_ok_and(|table| wanted.iter().all(|wanted| table.contains(wanted)))
        });
        Some(freeradius)
    }
}

impl Drop for Freeradius {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// What stands in `eap` for methods inside TLS. Replies to what is inside are the replies, as sites with subscribers have it.
fn inside_tls(papers: &Path) -> String {
    let papers = papers.display();
    format!(
        r"        mschapv2 {{
        }}
        gtc {{
            auth_type = PAP
        }}
        tls-config both {{
            private_key_file = {papers}/server.key
            certificate_file = {papers}/server.pem
            ca_file = {papers}/ca.pem
            auto_chain = no
            cipher_list = DEFAULT
            tls_min_version = 1.2
            tls_max_version = 1.3
            cache {{
                enable = no
            }}
        }}
        tls {{
            tls = both
        }}
        ttls {{
            tls = both
            default_eap_type = mschapv2
            use_tunneled_reply = yes
            virtual_server = inside
        }}
        peap {{
            tls = both
            default_eap_type = mschapv2
            use_tunneled_reply = yes
            virtual_server = inside
        }}"
    )
}

/// Who decides about what is inside.
const INSIDE: &str = r"server inside {
    authorize {
        chap
        mschap
        eap
        files
        pap
    }
    authenticate {
        Auth-Type PAP {
            pap
        }
        Auth-Type CHAP {
            chap
        }
        Auth-Type MS-CHAP {
            mschap
        }
        eap
    }
}";
