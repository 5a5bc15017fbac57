//! Who is up: the subjects of a run, started once and kept side by side, idle while another one is measured.
//!
//! One after the other within each round, so that a machine that gets slower or faster meanwhile does so for all.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::subject::echo::Echo;
use super::subject::freeradius::Freeradius;
use super::subject::headend::Headend;
use super::subject::{Kind, Place, Subject};
use crate::report;
use crate::rundir::RunDir;
use crate::secret::Secret;

/// The subjects that are up. Fields end in this order: whoever writes into the run's directory before the directory.
#[derive(Debug)]
pub struct Stage {
    /// The physical limit.
    pub echo: Option<Echo>,
    /// FreeRADIUS, once or twice.
    pub freeradius: Vec<Freeradius>,
    /// Headend.
    pub headend: Option<Headend>,
    /// What NAS and servers share.
    pub secret: Secret,
    /// How many threads FreeRADIUS is told to have, if it is.
    freeradius_threads: Option<usize>,
    /// Where they all run.
    place: Place,
    /// The binary.
    binary: PathBuf,
    /// Files.
    pub run: RunDir,
}

impl Stage {
    /// Nobody is up yet.
    ///
    /// # Errors
    /// Another lab runs in this checkout.
    pub fn prepare(root: &Path, binary: &Path, freeradius_threads: Option<usize>) -> Result<Stage> {
        let run = RunDir::prepare(root)?;
        crate::rundir::clear_logs(&run)?;
        Ok(Stage {
            echo: None,
            freeradius: Vec::new(),
            headend: None,
            secret: Secret::random()?,
            freeradius_threads,
            place: Place::Pinned,
            binary: binary.to_owned(),
            run,
        })
    }

    /// Starts a subject, pinned, with so many subscribers.
    ///
    /// # Errors
    /// It does not start.
    pub fn raise(&mut self, kind: Kind, subscribers: usize) -> Result<()> {
        report::line(format!(
            "starting {} with {subscribers} subscribers",
            kind.title()
        ));
        match kind {
            Kind::Echo => self.echo = Some(Echo::start(&self.run, &self.secret)?),
            Kind::Headend => {
                self.headend = Some(Headend::start(
                    &self.binary,
                    &self.run,
                    &self.secret,
                    subscribers,
                )?);
            }
            Kind::FreeradiusFiles | Kind::FreeradiusSql => {
                let freeradius = Freeradius::start(
                    kind,
                    &self.run,
                    &self.secret,
                    subscribers,
                    self.freeradius_threads,
                )?;
                self.freeradius.push(freeradius);
            }
        }
        Ok(())
    }

    /// Everybody who is up, in the order of the tables.
    pub fn subjects(&self) -> Vec<&dyn Subject> {
        let echo = self.echo.iter().map(|is| is as &dyn Subject);
        let headend = self.headend.iter().map(|is| is as &dyn Subject);
        let freeradius = self.freeradius.iter().map(|is| is as &dyn Subject);
        echo.chain(headend).chain(freeradius).collect()
    }

    /// Moves everybody, unless they are there already.
    ///
    /// # Errors
    /// One does not come back.
    pub fn place(&mut self, place: Place) -> Result<()> {
        if self.place == place {
            return Ok(());
        }
        report::line(format!("restarting all, {}", place.title()));
        self.place = place;
        if let Some(echo) = &mut self.echo {
            echo.place(place)?;
        }
        if let Some(headend) = &mut self.headend {
            headend.place(place)?;
        }
        for freeradius in &mut self.freeradius {
            freeradius.place(place)?;
        }
        Ok(())
    }

    /// Lets everybody but Headend go: what follows is about it alone.
    pub fn only_headend(&mut self) {
        self.echo = None;
        self.freeradius.clear();
    }
}
