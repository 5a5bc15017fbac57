//! The command line: arguments in, one noun's file called, exit code out.
//! Never talks HTTP itself ([`crate::client`]) and never decides what is allowed; the API does.
//! One file a noun below; `docs/cli.md` is the reader's side of it.

mod admission;
mod api_key;
mod apply;
mod approval;
mod audit;
mod backup;
mod capability;
mod certificate;
mod client;
mod config;
mod context;
mod db;
mod defaults;
mod dictionary;
mod events;
mod garden;
mod home_server;
mod identity;
mod import;
mod integration;
mod job;
mod journal;
mod login;
mod login_session;
mod lookup;
mod nas;
mod openapi;
mod partner;
mod passkey;
mod plan;
mod pool;
mod quota;
mod radius;
mod realm;
mod role;
mod search;
mod second_factor;
mod secrets;
mod serve;
mod session;
mod session_bulk;
mod setup;
mod site;
mod sso;
mod subscriber;
mod terms;
mod user;
mod webhook;
mod workflow;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::output;
use context::Context;

/// Network OSS/BSS controller for internet service providers.
#[derive(Parser)]
#[command(
    name = "headend",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 server unreachable, 6 conflict."
)]
struct Cli {
    /// Who and where.
    #[command(flatten)]
    globals: Globals,
    /// What.
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command that talks to a server.
#[derive(Args, Clone, Default)]
struct Globals {
    /// The server [default: from login, else http://127.0.0.1:8080]
    #[arg(long, global = true, env = "HEADEND_URL", value_name = "URL")]
    url: Option<String>,
    /// Session token or API key; prefer --token-file or the variable, which other processes cannot read
    #[arg(
        long,
        global = true,
        env = "HEADEND_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// File with the session token or API key
    #[arg(long, global = true, env = "HEADEND_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
    /// The partner meant, by slug or id [default: from login, else the only one you can see]
    #[arg(long, global = true, env = "HEADEND_PARTNER", value_name = "SLUG")]
    partner: Option<String>,
    /// The second person's approval of this act, by its id
    #[arg(long, global = true, env = "HEADEND_APPROVAL", value_name = "ID")]
    approval: Option<String>,
    /// Print the API's data as JSON
    #[arg(long, global = true)]
    json: bool,
}

impl Globals {
    /// An empty variable is an unset one.
    fn blank_is_absent(&mut self) {
        for value in [
            &mut self.url,
            &mut self.token,
            &mut self.partner,
            &mut self.approval,
        ] {
            value.take_if(|text| text.is_empty());
        }
        self.token_file.take_if(|path| path.as_os_str().is_empty());
    }
}

/// The commands.
#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Check or show the server's configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Complete the first start unattended, from a file
    Setup(setup::Setup),
    /// Log in and remember it
    Login(login::Login),
    /// Log out and forget it
    Logout,
    /// Show who you are and what you may do
    Whoami,
    /// Prove again that it is you, for critical acts
    Prove(second_factor::Prove),
    /// Your second factor: codes of a telephone beside the password
    #[command(subcommand)]
    SecondFactor(second_factor::Command),
    /// Your passkeys
    #[command(subcommand)]
    Passkey(passkey::Command),
    /// Who is signed in where: you, or somebody of the partner
    #[command(subcommand)]
    LoginSession(login_session::Command),
    /// Single sign-on by a partner's own provider
    #[command(subcommand)]
    Sso(sso::Command),
    /// Acts that want a second person
    #[command(subcommand)]
    Approval(approval::Command),
    /// Partners: the ISPs on this platform
    #[command(subcommand)]
    Partner(partner::Command),
    /// Clients: the account holders of a partner
    #[command(subcommand)]
    Client(client::Command),
    /// Sites: where a client has its services
    #[command(subcommand)]
    Site(site::Command),
    /// People who may log in
    #[command(subcommand)]
    User(user::Command),
    /// Roles and what they allow
    #[command(subcommand)]
    Role(role::Command),
    /// Keys for programs
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Network access servers
    #[command(subcommand)]
    Nas(nas::Command),
    /// Home servers: servers of others that decide about realms
    #[command(subcommand)]
    HomeServer(home_server::Command),
    /// Realms: which logins are decided here, and which by home servers
    #[command(subcommand)]
    Realm(realm::Command),
    /// Plans: rates and limits of a service
    #[command(subcommand)]
    Plan(plan::Command),
    /// Who may come in beside those who are in: how many at once, from where, bound to what
    #[command(subcommand)]
    Admission(admission::Command),
    /// Address pools that are given centrally
    #[command(subcommand)]
    Pool(pool::Command),
    /// What plans give in a period, and what holds for whoever used it up
    #[command(subcommand)]
    Quota(quota::Command),
    /// Subscribers: access services with their credentials
    #[command(subcommand)]
    Subscriber(subscriber::Command),
    /// What a NAS or a partner gives when neither a subscriber nor his plan says otherwise
    #[command(subcommand)]
    Defaults(defaults::Command),
    /// The walled garden: where those without service are let in, to read why
    #[command(subcommand)]
    Garden(garden::Command),
    /// How a partner's subscribers are told apart
    #[command(subcommand)]
    Identity(identity::Command),
    /// Systems of others the partner works with: NetBox, VOLTHA, GenieACS, AWX, RADIUS, Vault
    #[command(subcommand)]
    Integration(integration::Command),
    /// How old the secrets are that are shown to them
    #[command(subcommand)]
    Secret(secrets::Command),
    /// Live and past sessions
    #[command(subcommand)]
    Session(session::Command),
    /// Find anyone by anything: names, addresses, MACs, lines, ports
    Search(search::Search),
    /// Why a login went as it did, and what attributes mean
    #[command(subcommand)]
    Radius(radius::Command),
    /// Who did what
    #[command(subcommand)]
    Audit(audit::Command),
    /// What happened, and what happens now
    #[command(subcommand)]
    Events(events::Command),
    /// Servers that are told what happens
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// What the program has to do and what it has given up
    #[command(subcommand)]
    Job(job::Command),
    /// What takes several steps, done or undone together
    #[command(subcommand)]
    Workflow(workflow::Command),
    /// Make partners and everything under them match a file
    Apply(apply::Apply),
    /// Move in from another system
    #[command(subcommand)]
    Import(import::Command),
    /// The database behind a server on this machine
    #[command(subcommand)]
    Db(db::Command),
    /// Take a backup of the running server on this machine
    Backup(backup::Backup),
    /// Bring a backup back; the server must be stopped
    Restore(backup::Restore),
    /// What the access plane wrote to disk on this machine
    #[command(subcommand)]
    Journal(journal::Command),
    /// Print the description of the API: OpenAPI 3.1, as JSON
    Openapi(openapi::Openapi),
    /// Print the version
    Version,
}

/// Reads the arguments, runs the command, prints why it failed.
pub fn main() -> ExitCode {
    let mut cli = Cli::parse();
    cli.globals.blank_is_absent();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&failure.to_string());
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Runs a command that needs no server here; the rest goes to [`call`].
fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Config(command) => command.run(),
        Command::Radius(radius::Command::Dictionary(lookup)) => lookup.run(cli.globals.json),
        Command::Db(command) => command.run(cli.globals.partner.as_deref()),
        Command::Backup(backup) => backup.run(cli.globals.json),
        Command::Restore(restore) => restore.run(cli.globals.json),
        Command::Journal(command) => command.run(cli.globals.json),
        Command::Openapi(openapi) => openapi.run(),
        Command::Version => {
            output::line(concat!("headend ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| {
                Failure::new(crate::failure::Exit::Failed, format!("cannot start: {error}"))
            })?;
            runtime.block_on(call(cli.globals, command))
        }
    }
}

/// Runs a command that is a client of the API.
async fn call(globals: Globals, command: Command) -> Result<(), Failure> {
    match command {
        Command::Setup(setup) => setup.run(&globals).await,
        Command::Login(login) => login.run(&globals).await,
        command => {
            let context = Context::new(&globals)?;
            let done = match command {
                Command::Logout => login::logout(&context).await,
                Command::Whoami => login::whoami(&context).await,
                Command::Prove(prove) => prove.run(&context).await,
                Command::SecondFactor(command) => command.run(&context).await,
                Command::Passkey(command) => command.run(&context).await,
                Command::LoginSession(command) => command.run(&context).await,
                Command::Sso(command) => command.run(&context).await,
                Command::Approval(command) => command.run(&context).await,
                Command::Partner(command) => command.run(&context).await,
                Command::Client(command) => command.run(&context).await,
                Command::Site(command) => command.run(&context).await,
                Command::User(command) => command.run(&context).await,
                Command::Role(command) => command.run(&context).await,
                Command::ApiKey(command) => command.run(&context).await,
                Command::Nas(command) => command.run(&context).await,
                Command::HomeServer(command) => command.run(&context).await,
                Command::Realm(command) => command.run(&context).await,
                Command::Plan(command) => command.run(&context).await,
                Command::Admission(command) => command.run(&context).await,
                Command::Pool(command) => command.run(&context).await,
                Command::Quota(command) => command.run(&context).await,
                Command::Subscriber(command) => command.run(&context).await,
                Command::Defaults(command) => command.run(&context).await,
                Command::Garden(command) => command.run(&context).await,
                Command::Identity(command) => command.run(&context).await,
                Command::Integration(command) => command.run(&context).await,
                Command::Secret(command) => command.run(&context).await,
                Command::Session(command) => command.run(&context).await,
                Command::Search(search) => search.run(&context).await,
                Command::Radius(command) => command.run(&context).await,
                Command::Audit(command) => command.run(&context).await,
                Command::Events(command) => command.run(&context).await,
                Command::Webhook(command) => command.run(&context).await,
                Command::Job(command) => command.run(&context).await,
                Command::Workflow(command) => command.run(&context).await,
                Command::Apply(apply) => apply.run(&context).await,
                Command::Import(command) => command.run(&context).await,
                // Handled before a context is made.
                Command::Serve(_) | Command::Config(_) | Command::Db(_) => Ok(()),
                Command::Journal(_) | Command::Openapi(_) | Command::Version => Ok(()),
                Command::Backup(_) | Command::Restore(_) => Ok(()),
                Command::Setup(_) | Command::Login(_) => Ok(()),
            };
            for note in context.api.take_notes() {
                output::note(&format!("note: {note}"));
            }
            done
        }
    }
}
