//! `queue`, `function`, and how often to try, as clap reads them. Types only.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use au_host::{Backoff, FailureKind, RetryRequest, units};
use clap::{Args, Subcommand};

// How often to try.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// Attempts in all, when a worker dies or the function says that it may work later [default: 3]
    #[arg(long, value_name = "COUNT")]
    pub(crate) attempts: Option<u32>,
    /// Rest before the second attempt [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) retry_delay: Option<Duration>,
    /// Longest rest between two attempts [default: 1m, or --retry-delay]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) max_retry_delay: Option<Duration>,
    /// How rests grow: exponential, linear or constant [default: exponential]
    #[arg(long, value_name = "HOW")]
    pub(crate) backoff: Option<Backoff>,
    /// By how much of it, in percent, a rest may be shorter, so that many do not come back at once [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) jitter: Option<u8>,
    /// Try again after these kinds of failure: failed,trap,timed-out [default: transient,lost]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) retry_on: Vec<FailureKind>,
}

impl Retry {
    pub(crate) fn asked(&self) -> RetryRequest {
        RetryRequest {
            attempts: self.attempts,
            delay: self.retry_delay,
            max_delay: self.max_retry_delay,
            backoff: self.backoff,
            jitter: self.jitter,
            on: (!self.retry_on.is_empty()).then(|| self.retry_on.iter().copied().collect()),
        }
    }
}

// `queue`.
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// List queues: how many jobs wait and run, and how many may
    List,
    /// Show a queue
    Show { name: String },
    /// Say how many of its jobs may run at one time, over all hosts; what is not given stays as it was
    Set {
        name: String,
        /// In all
        #[arg(long, value_name = "COUNT|none")]
        concurrency: Option<Limit>,
        /// Of each function
        #[arg(long, value_name = "COUNT|none")]
        per_function: Option<Limit>,
        /// Of each concurrency key
        #[arg(long, value_name = "COUNT|none")]
        per_key: Option<Limit>,
    },
    /// Start nothing more of it; what runs goes on, and what comes waits
    Pause { name: String },
    /// Go on with it
    Resume { name: String },
    /// Take its limits away; its jobs stay
    #[command(alias = "rm")]
    Remove { name: String },
}

// `function`.
#[derive(Debug, Subcommand)]
pub(crate) enum Function {
    /// List functions that have a policy, or jobs that have not finished
    List,
    /// Show a function
    Show {
        #[arg(value_name = "MODULE/FUNCTION")]
        function: Named,
    },
    /// Say how its jobs are run; what is not given stays as it was
    Set(Box<SetFunction>),
    /// Start no more of its jobs; what runs goes on, and what comes waits
    Pause {
        #[arg(value_name = "MODULE/FUNCTION")]
        function: Named,
    },
    /// Go on with it
    Resume {
        #[arg(value_name = "MODULE/FUNCTION")]
        function: Named,
    },
    /// Take its policy away
    #[command(alias = "rm")]
    Remove {
        #[arg(value_name = "MODULE/FUNCTION")]
        function: Named,
    },
}

// `function set`.
#[derive(Debug, Args)]
pub(crate) struct SetFunction {
    /// The name that the module is asked for by, and the function
    #[arg(value_name = "MODULE/FUNCTION")]
    pub(crate) function: Named,
    /// How many of its jobs may run at one time, over all hosts
    #[arg(long, value_name = "COUNT|none")]
    pub(crate) concurrency: Option<Limit>,
    /// The queue of jobs that name none
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// The priority of jobs that have none of their own
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,
    #[command(flatten)]
    pub(crate) retry: Retry,
}

/// How many, or as many as there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Option<NonZeroU64>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            "0" => Err("a limit is 1 or more, or none; `pause` starts nothing at all".to_owned()),
            _ => {
                text.parse().map(|count| Self(Some(count))).map_err(|_| format!("{text:?} is neither a count nor none"))
            }
        }
    }
}

/// A function of a module.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) module: String,
    pub(crate) function: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((module, function)) if !module.is_empty() && !function.is_empty() => {
                Ok(Self { module: module.to_owned(), function: function.to_owned() })
            }
            _ => Err(format!("{text:?} is not MODULE/FUNCTION, such as math/add")),
        }
    }
}
