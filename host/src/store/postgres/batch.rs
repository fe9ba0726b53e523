//! Does many operations in one transaction and few round trips, and tells what became of each.
//!
//! Each statement does a kind of operation for many jobs and answers which of them it fitted. What was refused changed nothing, so
//! the others are none the worse for it; why it was refused is asked afterwards, for it is rare.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;

use super::advance::{self, Advance};
use super::fault::Trouble;
use super::insert::{self, Insertion};
use super::log::{self, Append};
use super::operation::{Answer, Name, Operation};
use super::row::{self, column, job_id};
use super::session::{Session, Step};
use super::watch::Notice;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::Inserted;

/// An operation.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) operation: Operation,
    /// Whether it may have been done before.
    pub(super) in_doubt: bool,
    /// Whether it is to mind what is there already: it was in a batch that was refused.
    pub(super) careful: bool,
}

/// What became of one; `None`: it came to nothing for now and is to be tried again.
pub(super) type Settled = Option<Result<Answer>>;

/// Does them all. After `Again` and `Refused` none was done.
pub(super) async fn run(session: &Session, asked: &[&Asked], notice: &Notice) -> Result<Vec<Settled>, Trouble> {
    let plan = Plan::of(asked);
    let mut batch = Batch { asked, settled: asked.iter().map(|_| None).collect(), refused: Vec::new() };
    let jobs: Vec<_> = asked.iter().flat_map(|asked| asked.operation.jobs()).collect();
    let told = (!jobs.is_empty()).then(|| notice.step(&jobs));
    let is_large = asked.iter().any(|asked| asked.operation.is_large());
    let mut steps = vec![Step::text("BEGIN")];
    steps.extend(plan.steps);
    if is_large {
        // Chunks are written only for what is accepted, so that has to be known first.
        let answers = undone_on_error(session, session.run(&steps).await).await?;
        batch.read(&plan.reads, &answers)?;
        let mut rest: Vec<_> = batch.accepted().flat_map(|asked| asked.operation.chunks()).collect();
        rest.push(Step::text("COMMIT"));
        rest.extend(told);
        undone_on_error(session, session.run(&rest).await).await?;
    } else {
        // The end of a transaction in which something failed undoes it, so it need not wait for what comes of the rest.
        steps.push(Step::text("COMMIT"));
        steps.extend(told);
        let answers = session.run(&steps).await?;
        batch.read(&plan.reads, &answers)?;
    }
    batch.explain(session).await;
    Ok(batch.settled)
}

async fn undone_on_error<T>(session: &Session, answer: Result<T, Trouble>) -> Result<T, Trouble> {
    if let Err(Trouble::Refused(_) | Trouble::Again(_)) = answer {
        session.text("ROLLBACK").await?;
    }
    answer
}

/// What the answer of a step tells, and of which operations.
enum Reads {
    Added(Vec<usize>),
    Advanced(Vec<usize>),
    Appended(Vec<usize>),
    Alone(usize),
}

/// The steps of all operations: in rounds, for no two of one statement may be of the same job or key.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    /// By the number of the step among all, of which BEGIN is the first.
    reads: Vec<(usize, Reads)>,
}

#[derive(Default)]
struct Round<'a> {
    inserts: Vec<(usize, &'a Insertion)>,
    advances: Vec<(usize, &'a Advance)>,
    appends: Vec<(usize, &'a Append)>,
    others: Vec<(usize, &'a Operation)>,
}

impl Plan {
    fn of(asked: &[&Asked]) -> Self {
        let mut rounds: Vec<Round<'_>> = Vec::new();
        let mut next: HashMap<Name, usize> = HashMap::new();
        for (number, asked) in asked.iter().enumerate() {
            let names = asked.operation.names();
            let at = names.iter().filter_map(|name| next.get(name)).max().copied().unwrap_or(0);
            next.extend(names.into_iter().map(|name| (name, at + 1)));
            while rounds.len() <= at {
                rounds.push(Round::default());
            }
            let Some(round) = rounds.get_mut(at) else { continue };
            match &asked.operation {
                Operation::Insert(job) => round.inserts.push((number, &**job)),
                Operation::Advance(next) => round.advances.push((number, &**next)),
                Operation::Append(append) => round.appends.push((number, append)),
                other => round.others.push((number, other)),
            }
        }
        let mut plan = Self::default();
        let careful = asked.iter().any(|asked| asked.careful || asked.in_doubt);
        rounds.into_iter().for_each(|round| plan.add(round, careful));
        plan
    }

    fn add(&mut self, round: Round<'_>, careful: bool) {
        if !round.inserts.is_empty() {
            let (numbers, jobs): (Vec<_>, Vec<_>) = round.inserts.into_iter().unzip();
            self.steps.extend(insert::steps(&jobs, careful));
            self.reads.push((self.steps.len(), Reads::Added(numbers)));
        }
        if !round.advances.is_empty() {
            let (numbers, states): (Vec<_>, Vec<_>) = round.advances.into_iter().unzip();
            self.steps.push(advance::step(&states));
            self.reads.push((self.steps.len(), Reads::Advanced(numbers)));
        }
        if !round.appends.is_empty() {
            let (numbers, appends): (Vec<_>, Vec<_>) = round.appends.into_iter().unzip();
            self.reads.push((self.steps.len() + 1, Reads::Appended(numbers)));
            self.steps.extend(log::steps(&appends));
        }
        for (number, operation) in round.others {
            self.reads.push((self.steps.len() + 1, Reads::Alone(number)));
            self.steps.extend(operation.alone());
        }
    }
}

struct Batch<'a> {
    asked: &'a [&'a Asked],
    settled: Vec<Settled>,
    /// Those that did not fit, and it is not known yet why.
    refused: Vec<usize>,
}

impl Batch<'_> {
    fn read(&mut self, reads: &[(usize, Reads)], answers: &[Vec<Row>]) -> Result<(), Trouble> {
        let answer = |step: usize| answers.get(step).map(Vec::as_slice).unwrap_or_default();
        for (step, reads) in reads {
            let rows = answer(*step);
            match reads {
                Reads::Added(numbers) => self.sort(numbers, rows, &Answer::Inserted(Inserted::New), false),
                Reads::Advanced(numbers) => self.sort(numbers, rows, &Answer::Done, false),
                Reads::Appended(numbers) => self.sort(numbers, rows, &Answer::Done, true),
                Reads::Alone(number) => self.settle_alone(*number, rows),
            }
            .map_err(Trouble::Refused)?;
        }
        Ok(())
    }

    /// Those whose ids are among the rows are done. Of those that are not, `all_said` says that no more is to be known: their job
    /// is not there.
    fn sort(&mut self, numbers: &[usize], rows: &[Row], done: &Answer, all_said: bool) -> Result<()> {
        let fitted = rows.iter().map(|row| job_id(row, 0)).collect::<Result<HashSet<_>>>()?;
        for number in numbers {
            let Some(id) = self.job(*number) else { continue };
            if fitted.contains(&id) {
                self.settle(*number, Ok(done.clone()));
            } else if all_said {
                self.settle(*number, Err(Error::not_found("job", id)));
            } else {
                self.refused.push(*number);
            }
        }
        Ok(())
    }

    fn settle_alone(&mut self, number: usize, rows: &[Row]) -> Result<()> {
        let answer = match rows.first() {
            Some(row) => Answer::Counted(row::count(row, 0)?),
            None => Answer::Done,
        };
        self.settle(number, Ok(answer));
        Ok(())
    }

    fn settle(&mut self, number: usize, answer: Result<Answer>) {
        if let Some(settled) = self.settled.get_mut(number) {
            *settled = Some(answer);
        }
    }

    fn job(&self, number: usize) -> Option<JobId> {
        match &self.asked.get(number)?.operation {
            Operation::Insert(job) => Some(job.id),
            Operation::Advance(next) => Some(next.id),
            Operation::Append(append) => Some(append.id),
            _ => None,
        }
    }

    fn accepted(&self) -> impl Iterator<Item = &Asked> {
        let pairs = self.asked.iter().zip(&self.settled);
        pairs.filter(|(_, settled)| matches!(settled, Some(Ok(_)))).map(|(asked, _)| *asked)
    }

    /// Asks why what was refused was. When even that fails, it is tried again: it was not done.
    async fn explain(&mut self, session: &Session) {
        let refused = std::mem::take(&mut self.refused);
        let (mut inserts, mut advances) = (Vec::new(), Vec::new());
        let asked = self.asked;
        for (number, asked) in refused.iter().filter_map(|number| Some((*number, asked.get(*number)?))) {
            match &asked.operation {
                Operation::Insert(job) => inserts.push((number, &**job, asked.in_doubt)),
                Operation::Advance(next) => advances.push((number, &**next, asked.in_doubt)),
                _ => {}
            }
        }
        if !inserts.is_empty() {
            let jobs: Vec<_> = inserts.iter().map(|(_, job, _)| *job).collect();
            for row in first(session.run(&[insert::explain(&jobs)]).await) {
                let Some((number, job, in_doubt)) = nth(&inserts, &row) else { continue };
                let why = insert::refusal(job, &row, *in_doubt).unwrap_or_else(|error| Some(Err(error)));
                if let Some(answer) = why {
                    self.settle(*number, answer.map(Answer::Inserted));
                }
            }
        }
        if !advances.is_empty() {
            let states: Vec<_> = advances.iter().map(|(_, next, _)| *next).collect();
            for row in first(session.run(&[advance::explain(&states)]).await) {
                let Some((number, next, in_doubt)) = nth(&advances, &row) else { continue };
                let answer = advance::refusal(next, &row, *in_doubt).unwrap_or_else(Err);
                self.settle(*number, answer.map(|()| Answer::Done));
            }
        }
    }
}

/// The rows of the only step, if it went well.
fn first(answer: Result<Vec<Vec<Row>>, Trouble>) -> Vec<Row> {
    answer.ok().and_then(|answers| answers.into_iter().next()).unwrap_or_default()
}

/// The one that a row is of, which begins with its number, from 1.
fn nth<'a, T>(all: &'a [T], row: &Row) -> Option<&'a T> {
    let number = column::<i64>(row, 0).ok()?;
    all.get(usize::try_from(number).ok()?.checked_sub(1)?)
}
