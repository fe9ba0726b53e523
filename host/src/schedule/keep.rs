//! What is kept of schedules: `schedule/OWNER/NAME` says what is submitted and when, `scheduled/OWNER/NAME` what became of it last.
//!
//! Two notes, for one is written by who owns the schedule and the other by hosts, and neither must undo what the other wrote.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cron, Firing, Missed, Overlap, Schedule, ScheduleInfo, ScheduleName};
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::host::Host;
use crate::id::JobId;
use crate::payload::Payload;
use crate::request::Request;
use crate::store::{self, Note, Store};
use crate::time::Timestamp;

pub(super) const KEPT: &str = "schedule/";
pub(super) const FIRED: &str = "scheduled/";
/// Largest input of a scheduled call, in bytes: every host reads all schedules again and again.
const INPUT: u64 = 64 << 10;
/// Most schedules of a tenant, and of those of no tenant.
const MOST: usize = 1000;
/// Most that hosts look at in all.
pub(super) const ALL: usize = 100_000;
/// The owner of those of no tenant: no name is that in hexadecimal.
const NOBODY: &str = "-";
/// The label that names the schedule of a job.
const LABEL: &str = "schedule";

/// The schedules of a tenant, or of whoever submits without one. See [`Host::schedules`].
#[derive(Clone, Debug)]
pub struct Schedules {
    host: Host,
    owner: Option<String>,
}

/// What a note says of a schedule, its input aside.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    schedule: Schedule,
    content_type: String,
    since: Timestamp,
    #[serde(default)]
    paused: bool,
}

/// What hosts wrote of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Fired {
    pub(super) last: Option<Firing>,
    /// The job that was submitted last, at whatever time: a time that was passed over has none, and that job may run still.
    job: Option<JobId>,
    pub(super) trouble: Option<String>,
}

impl Fired {
    /// What a note says; one that cannot be read says nothing.
    pub(super) fn of(note: Option<&Note>) -> Self {
        note.and_then(|note| serde_json::from_slice(&note.bytes).ok()).unwrap_or_default()
    }

    /// The job that was submitted last. Notes of before have it only if that was at the last time.
    pub(super) fn job(&self) -> Option<JobId> {
        self.job.or(self.last.as_ref().and_then(|last| last.job))
    }

    /// While the time that is due cannot be had yet.
    pub(super) fn waiting(&self, why: String) -> Self {
        Self { trouble: Some(why), ..self.clone() }
    }

    /// After this became of a time.
    pub(super) fn then(&self, firing: Firing) -> Self {
        Self { job: firing.job.or(self.job()), last: Some(firing), trouble: None }
    }
}

impl Host {
    /// The schedules of a tenant, or of jobs that no tenant submitted. Every host on its store knows the same, and every one that
    /// takes what is due submits them.
    #[must_use]
    pub fn schedules(&self, tenant: Option<&str>) -> Schedules {
        Schedules { host: self.clone(), owner: tenant.map(str::to_owned) }
    }

    /// The schedules of all tenants and of none, each tenant's in the order of their names: for whoever runs the host.
    ///
    /// # Errors
    /// As for [`Schedules::list`].
    pub async fn all_schedules(&self) -> Result<Vec<ScheduleInfo>> {
        listed(&self.inner.store, "", ALL).await
    }
}

impl Schedules {
    /// Keeps a schedule, in place of the one of this name if there is one. Times count from now.
    ///
    /// # Errors
    /// As for [`Host::submit`], for what would be refused now is not taken in; `Invalid` for an input of more than 64 KiB, for an
    /// idempotency key or a time of its own, and for one schedule more than 1,000 of one tenant.
    pub async fn put(&self, name: &ScheduleName, mut schedule: Schedule) -> Result<ScheduleInfo> {
        let request = &mut schedule.request;
        if request.key.is_some() || request.run_at.is_some() {
            return Err(Error::invalid("schedule", "its jobs get their time and idempotency key from the schedule"));
        }
        if request.input.len() > INPUT {
            let why = format!("{} bytes is over the {INPUT} that a schedule may have", request.input.len());
            return Err(Error::invalid("input", why));
        }
        request.principal.clone_from(&self.owner);
        request.labels.entry(LABEL.into()).or_insert_with(|| name.to_string());
        self.host.inner.spec(request.clone()).await?;
        let before = match self.note(KEPT, name).await? {
            Some(note) => read(&note).is_ok_and(|before| before.paused),
            None if self.store().notes(&self.prefix(KEPT), MOST).await?.len() >= MOST => {
                return Err(Error::invalid("schedule", format!("there are {MOST} already; remove one first")));
            }
            None => false,
        };
        self.write(name, schedule, before).await?;
        self.get(name).await
    }

    /// A schedule, with its input.
    ///
    /// # Errors
    /// `NotFound` for one that is not there, `Corrupt` for one that cannot be read; what the store says.
    pub async fn get(&self, name: &ScheduleName) -> Result<ScheduleInfo> {
        let fired = self.note(FIRED, name).await?;
        Ok(read(&self.kept(name).await?)?.with(Fired::of(fired.as_ref())))
    }

    /// All of them, in the order of their names.
    ///
    /// # Errors
    /// As for [`get`](Schedules::get).
    pub async fn list(&self) -> Result<Vec<ScheduleInfo>> {
        listed(self.store(), &self.owned(), MOST).await
    }

    /// Forgets a schedule. Jobs that were submitted stay.
    ///
    /// # Errors
    /// `NotFound` for one that is not there; what the store says.
    pub async fn remove(&self, name: &ScheduleName) -> Result<()> {
        if !self.store().remove_note(&self.name(KEPT, name)).await? {
            return Err(Error::not_found("schedule", name));
        }
        self.store().remove_note(&self.name(FIRED, name)).await.map(drop)
    }

    /// Submits nothing of it until it is resumed.
    ///
    /// # Errors
    /// As for [`get`](Schedules::get).
    pub async fn pause(&self, name: &ScheduleName) -> Result<ScheduleInfo> {
        let now = read(&self.kept(name).await?)?;
        if !now.paused {
            self.write(name, now.schedule, true).await?;
        }
        self.get(name).await
    }

    /// Goes on with it. Times that passed meanwhile do not count.
    ///
    /// # Errors
    /// As for [`get`](Schedules::get).
    pub async fn resume(&self, name: &ScheduleName) -> Result<ScheduleInfo> {
        let now = read(&self.kept(name).await?)?;
        if now.paused {
            self.write(name, now.schedule, false).await?;
        }
        self.get(name).await
    }

    /// Submits a job of it now, beside those that come at their times.
    ///
    /// # Errors
    /// As for [`get`](Schedules::get) and [`Host::submit`].
    pub async fn run(&self, name: &ScheduleName) -> Result<Handle> {
        self.host.submit(self.get(name).await?.schedule.request).await
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.host.inner.store
    }

    fn prefix(&self, of: &str) -> String {
        format!("{of}{}", self.owned())
    }

    /// A tenant's name may have any character.
    fn owned(&self) -> String {
        self.owner.as_ref().map_or(NOBODY.into(), hex::encode) + "/"
    }

    fn name(&self, of: &str, name: &ScheduleName) -> String {
        self.prefix(of) + name.as_str()
    }

    async fn note(&self, of: &str, name: &ScheduleName) -> Result<Option<Note>> {
        store::note(&**self.store(), &self.name(of, name)).await
    }

    async fn kept(&self, name: &ScheduleName) -> Result<Note> {
        self.note(KEPT, name).await?.ok_or_else(|| Error::not_found("schedule", name))
    }

    async fn write(&self, name: &ScheduleName, schedule: Schedule, paused: bool) -> Result<()> {
        let input = schedule.request.input.clone();
        let since = self.host.inner.now();
        let kept = Kept { schedule, content_type: input.content_type().to_owned(), since, paused };
        let mut note = serde_json::to_vec(&kept).map_err(|error| Error::fault("schedule", error))?;
        note.push(b'\n');
        note.extend_from_slice(input.bytes());
        self.store().put_note(&self.name(KEPT, name), &note).await
    }
}

/// Schedules whose notes go on like that, in the order of their notes.
async fn listed(store: &Arc<dyn Store>, owned: &str, most: usize) -> Result<Vec<ScheduleInfo>> {
    let fired = store.notes(&format!("{FIRED}{owned}"), most).await?;
    let kept = store.notes(&format!("{KEPT}{owned}"), most).await?;
    kept.iter().map(|note| Ok(read(note)?.with(Fired::of(of(note, &fired))))).collect()
}

/// The note on what became of the schedule of another note.
pub(super) fn of<'a>(kept: &Note, fired: &'a [Note]) -> Option<&'a Note> {
    let name = kept.name.replacen(KEPT, FIRED, 1);
    fired.binary_search_by(|note| note.name.cmp(&name)).ok().map(|found| &fired[found])
}

impl ScheduleInfo {
    /// With what became of it. A note on that which cannot be read is as none: a time is told twice before one is passed over, and its
    /// key makes it one job.
    pub(super) fn with(mut self, Fired { last, trouble, .. }: Fired) -> Self {
        let after = last.as_ref().map_or(self.since, |last| last.at.max(self.since));
        self.next = if self.paused { None } else { self.schedule.cron.next(after) };
        Self { last, trouble, ..self }
    }
}

/// What a note says: a line of JSON, and the input.
pub(super) fn read(note: &Note) -> Result<ScheduleInfo> {
    let damaged = |why: String| Error::Corrupt { what: note.name.clone(), why };
    let (owner, name) = note
        .name
        .strip_prefix(KEPT)
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| damaged("it has no owner".into()))?;
    let (tenant, name) = (tenant(owner).ok_or_else(|| damaged("its owner is no name".into()))?, name.parse()?);
    let end = note.bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no end".into()))?;
    let Kept { mut schedule, content_type, since, paused } =
        serde_json::from_slice(&note.bytes[..end]).map_err(|error| damaged(error.to_string()))?;
    schedule.request.input = Payload::new(&content_type, note.bytes[end + 1..].to_vec())?;
    Ok(ScheduleInfo { tenant, name, schedule, since, paused, last: None, next: None, trouble: None })
}

/// Whose the schedules of an owner are: nobody's, or a tenant's.
fn tenant(owner: &str) -> Option<Option<String>> {
    match owner {
        NOBODY => Some(None),
        _ => String::from_utf8(hex::decode(owner).ok()?).ok().map(Some),
    }
}

impl Schedule {
    /// A call at these times, with everything else left as it usually is.
    #[must_use]
    pub fn new(cron: Cron, request: Request) -> Self {
        Self { cron, request, missed: Missed::default(), overlap: Overlap::default() }
    }
}
