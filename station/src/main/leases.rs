//! Arguments about units and about undoing a sale.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use willcall_domain::{
    id::{DeviceId, HandOverId, RequestId},
    till::wire::VoidPaper,
};
use willcall_station::command::{Command, LeaseAsk, VoidAsk};

#[derive(Args)]
pub struct LeaseArgs {
    #[command(subcommand)]
    ask: Option<Asked>,
}

#[derive(Subcommand)]
enum Asked {
    /// What this till holds of each quota, and what is on its way between tills.
    List,
    /// Hands units of QUOTA to another till: writes FILE, which that till takes in. Keep it like money.
    Give {
        /// The other till's number, as its own list says.
        #[arg(long)]
        to: DeviceId,
        #[arg(long)]
        units: u32,
        /// Number or name.
        quota: String,
        file: PathBuf,
    },
    /// Writes the file of units that are on their way once more, where the first was lost.
    Again {
        #[arg(required = true)]
        hand_overs: Vec<HandOverId>,
        #[arg(long)]
        file: PathBuf,
    },
    /// What is in FILE and what can be done with it; changes nothing.
    Look { file: PathBuf },
    /// Takes the units of FILE in; from then on they are sold here.
    Take { file: PathBuf },
    /// Declines the units of FILE for good; they are the other till's again.
    Decline { file: PathBuf },
    /// Gives units of QUOTA back to the server.
    Return {
        /// All that are free where it is left away.
        #[arg(long)]
        units: Option<u32>,
        quota: String,
    },
}

#[derive(Args)]
pub struct VoidArgs {
    /// Order code or id.
    order: String,
    /// Positions by their number in the sale, from 1, or by id; all that are left where it is left away.
    #[arg(long = "position")]
    positions: Vec<String>,
    /// Why, for the record.
    #[arg(long)]
    reason: String,
    /// Who took the printed tickets back.
    #[arg(long, value_name = "NAME", conflicts_with = "paper_out")]
    paper_back: Option<String>,
    /// The printed tickets are out there.
    #[arg(long)]
    paper_out: bool,
    /// The same id again is the same void.
    #[arg(long)]
    request_id: Option<RequestId>,
}

impl LeaseArgs {
    /// The question these arguments ask; paths hold wherever the station runs.
    pub fn command(self, absolute: impl Fn(PathBuf) -> PathBuf) -> Command {
        let ask = match self.ask.unwrap_or(Asked::List) {
            Asked::List => LeaseAsk::List,
            Asked::Give { to, units, quota, file } => LeaseAsk::Give { quota, units, to, file: absolute(file) },
            Asked::Again { hand_overs, file } => LeaseAsk::WriteAgain { hand_overs, file: absolute(file) },
            Asked::Look { file } => LeaseAsk::LookInto { file: absolute(file) },
            Asked::Take { file } => LeaseAsk::Take { file: absolute(file) },
            Asked::Decline { file } => LeaseAsk::Decline { file: absolute(file) },
            Asked::Return { quota, units } => LeaseAsk::Return { quota, units },
        };
        Command::Lease { ask }
    }
}

impl VoidArgs {
    /// The question these arguments ask.
    pub fn command(self) -> Command {
        let paper = match self.paper_back {
            Some(by) => VoidPaper::TakenBack { by },
            None if self.paper_out => VoidPaper::Out,
            None => VoidPaper::NotPrinted,
        };
        let Self { order, positions, reason, request_id, .. } = self;
        Command::Void { ask: VoidAsk { order, positions, reason, paper, request_id } }
    }
}
