//! What happens is told: to lists, to a terminal that is open, to a webhook whose receiver is not there.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;

use super::json;
use crate::stand::{Place, wait_until};

/// Events, webhooks and jobs from the command line.
pub fn what_happens_is_told(place: &Place) {
    assert!(place.ok(&["events", "kinds"]).contains("subscriber.suspended"));
    let nowhere = "https://hooks.invalid/in";
    let secret = place.ok(&[
        "webhook",
        "create",
        "billing",
        nowhere,
        "--kind",
        "client.created",
    ]);
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert!(!place.ok(&["webhook", "show", "billing"]).contains(secret.trim()));
    let inside = ["webhook", "create", "inside", "https://169.254.169.254/"];
    assert!(place.fails(2, &inside).contains("link-local"));

    // A terminal that is open; clients are made until one is seen, because it says nothing when it begins to look.
    let mut tail = place
        .command(&["events", "tail", "--kind", "client.created", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let (seen, come) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _nobody_waits = seen.send(line);
        }
    });
    let mut made = 0;
    let mut first = String::new();
    wait_until("the terminal shows a client that was made", || {
        made += 1;
        place.ok(&["client", "create", &format!("told-{made}"), "--name", "Told"]);
        match come.recv_timeout(std::time::Duration::from_millis(500)) {
            Ok(line) => {
                first = line;
                true
            }
            Err(_) => false,
        }
    });
    tail.kill().unwrap();
    tail.wait().unwrap();
    reader.join().unwrap();
    let event = json(&first);
    assert_eq!(event["kind"], "client.created");
    assert!(event["subject"]["label"].as_str().unwrap().starts_with("told-"));

    let listed = place.ok(&["events", "list", "--kind", "client.created"]);
    assert!(listed.contains("told-1"), "{listed}");
    wait_until("the receiver that is not there was tried", || {
        let told = json(&place.ok(&["webhook", "deliveries", "billing", "--json"]));
        let told = told.as_array().unwrap();
        told.len() == made
            && told
                .iter()
                .all(|one| one["attempts"] != 0 && one["state"] == "waiting")
    });
    let jobs = json(&place.ok(&["job", "list", "--kind", "webhook.deliver", "--json"]));
    let id = jobs[0]["id"].as_str().unwrap();
    // One that is tried at this moment cannot be tried once more.
    wait_until("a job that waits is done now", || {
        place.run(&["job", "retry", id]).code == 0
    });
    place.ok(&["webhook", "set", "billing", "--enabled", "false"]);
    place.ok(&["webhook", "remove", "billing"]);
    assert!(!place.ok(&["webhook", "list"]).contains("billing"));
}
