//! The commands, one file each.

mod decisions;
mod demo;
mod dlq;
mod doctor;
mod down;
mod duration;
mod job;
mod log;
mod operator;
mod passed_on;
mod report;
mod streams;
mod study;
mod submit;
mod sweep;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use hilum_client::Client;
use hilum_stack::StateFolder;
use hilum_terminal::{Output, PassedOn};

use crate::error::Error;

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "hilum",
    version,
    about = "Reads chest X-rays: runs the stack, sends images, shows readings"
)]
pub(crate) struct CommandLine {
    /// Print one JSON object per line instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole stack on this machine and keep it running until Ctrl-C
    Up(up::UpArgs),
    /// Stop the stack that runs in a state folder
    Down(down::DownArgs),
    /// Send images; exit code 1 unless all were accepted, and with --wait all were read
    Submit(submit::SubmitArgs),
    /// Show a job and its reading
    Job(job::JobArgs),
    /// Show a study and its jobs
    Study(study::StudyArgs),
    /// Fetch the report of a study
    Report(report::ReportArgs),
    /// Say what runs, what is wrong and what to do; exit code 1 if something is wrong
    Doctor(doctor::DoctorArgs),
    /// Show the work that was given up, and decide what becomes of it
    Dlq(dlq::DlqArgs),
    /// Tell what the event log has lost, and accept a loss
    Log(log::LogArgs),
    /// Compare the event log with itself and the storage; repair what is wrong, or park it with a reason
    Sweep(sweep::SweepArgs),
    /// Make, show, check and import model folders (see `hilum model --help`)
    #[command(disable_help_flag = true)]
    Model(PassedOn),
    /// List, try and add watches of buckets, and decide about objects that were given up (see `hilum watch --help`)
    #[command(disable_help_flag = true)]
    Watch(PassedOn),
    /// Apply or check the stream definitions
    Streams(streams::StreamsArgs),
    /// Start a stack, send the sample images and write their report into this folder
    Demo(demo::DemoArgs),
    /// Measure on a stack of its own what Hilum promises
    #[command(disable_help_flag = true)]
    Bench(PassedOn),
}

/// The folder a stack keeps everything in.
#[derive(Debug, Args)]
struct StateArgs {
    /// Folder of the stack
    #[arg(long, env = "HILUM_STATE", default_value = ".hilum", value_name = "DIR")]
    state: PathBuf,
}

/// Which stack to ask.
#[derive(Debug, Args)]
struct StackArgs {
    /// Base URL of the stack; by default that of the one running in the state folder
    #[arg(long, env = "HILUM_URL", value_name = "BASE")]
    url: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

impl StateArgs {
    fn folder(&self) -> Result<StateFolder, Error> {
        Ok(StateFolder::at(&self.state)?)
    }
}

impl StackArgs {
    fn client(&self) -> Result<Client, Error> {
        match &self.url {
            Some(url) => Ok(Client::new(url)?),
            None => Ok(Client::new(&hilum_stack::running(&self.state.folder()?)?.base_url)?),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(command_line: CommandLine, output: Output) -> Result<ExitCode, Error> {
    match command_line.command {
        Command::Up(args) => Box::pin(up::run(args, output)).await,
        Command::Down(args) => down::run(&args, output).await,
        Command::Submit(args) => submit::run(&args, output).await,
        Command::Job(args) => job::run(&args, output).await,
        Command::Study(args) => study::run(&args, output).await,
        Command::Report(args) => report::run(&args, output).await,
        Command::Doctor(args) => doctor::run(&args, output).await,
        Command::Dlq(args) => Box::pin(dlq::run(&args, output)).await,
        Command::Log(args) => log::run(&args, output).await,
        Command::Sweep(args) => sweep::run(&args, output),
        Command::Model(args) => Err(passed_on::model(&args, output)),
        Command::Watch(args) => Err(passed_on::watch(&args, output)),
        Command::Streams(args) => streams::run(&args, output).await,
        Command::Demo(args) => Box::pin(demo::run(args, output)).await,
        Command::Bench(args) => Err(passed_on::bench(&args, output)),
    }
}
