//! `schedule`: calls that are submitted again and again.

use au_host::{Clock, Cron, Error, Firing, Missed, ModuleRef, Overlap, ScheduleInfo, ScheduleName, Takes};
use clap::{Args, Subcommand};

use super::args::{Call, Settings};
use super::asked::asked;
use super::call;
use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

// `schedule`.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// List schedules: what they submit, when, and what became of the last time
    List(Whose),
    /// Show a schedule
    Show {
        name: ScheduleName,
        #[command(flatten)]
        whose: Whose,
    },
    /// Keep a schedule, in place of the one of this name
    Set(Box<SetSchedule>),
    /// Submit nothing of them until they are resumed
    Pause {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Go on with them; times that passed meanwhile do not count
    Resume {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Submit a job of it now, beside those that come at their times
    Run {
        name: ScheduleName,
        #[command(flatten)]
        whose: Whose,
    },
    /// Forget schedules; their jobs stay
    Rm {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose schedules are meant.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Of this tenant; for whoever belongs to none
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

impl Whose {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

// `schedule set`.
#[derive(Debug, Args)]
pub(crate) struct SetSchedule {
    /// What to call it: 1 to 64 of a-z 0-9 . _ -
    pub(crate) name: ScheduleName,
    /// When, as five fields of cron ("0 3 * * MON-FRI"), six with seconds first, or @hourly, @daily, @weekly, @monthly
    pub(crate) cron: String,
    #[command(flatten)]
    pub(crate) call: Call,
    /// The time zone that the times are meant in: Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) zone: String,
    /// Of times that passed while nobody was there, make up for the last, or skip all
    #[arg(long, value_name = "last|skip", default_value = "last")]
    pub(crate) missed: Missed,
    /// At a time when the job before has not finished, submit one all the same, or skip it
    #[arg(long, value_name = "allow|skip", default_value = "allow")]
    pub(crate) overlap: Overlap,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

pub(crate) async fn schedule(place: &Place, out: Out, command: Schedule) -> Result {
    let host = match place.elsewhere() {
        Some(client) => Hosted::There(client),
        None => Hosted::Here(place.open(Takes::Nothing, None).await?),
    };
    match command {
        Schedule::List(whose) => list(&host, out, &host.schedules(whose.tenant()).await?).await,
        Schedule::Show { name, whose } => show(&host, out, &host.schedule(whose.tenant(), &name).await?).await,
        Schedule::Set(command) => {
            let kept = set(&host, *command).await?;
            out.note(&format!("schedule {} is kept{}", kept.name, next(&kept)));
            attended(&host, out).await?;
            show(&host, out, &kept).await
        }
        Schedule::Pause { names, whose } => {
            for name in names {
                host.pause_schedule(whose.tenant(), &name).await?;
                out.note(&format!("schedule {name} is paused: nothing is submitted until it is resumed"));
            }
            Ok(())
        }
        Schedule::Resume { names, whose } => {
            for name in names {
                let kept = host.resume_schedule(whose.tenant(), &name).await?;
                out.note(&format!("schedule {name} goes on{}", next(&kept)));
            }
            attended(&host, out).await
        }
        Schedule::Run { name, whose } => {
            let handle = host.run_schedule(whose.tenant(), &name).await?;
            if let Hosted::Here(_) = &host {
                place.ensure_worker()?;
            }
            out.line(&handle.id().to_string())
        }
        Schedule::Rm { names, whose } => {
            for name in names {
                host.remove_schedule(whose.tenant(), &name).await?;
                out.note(&format!("schedule {name} is gone; its jobs stay"));
            }
            Ok(())
        }
    }
}

async fn set(host: &Hosted, command: SetSchedule) -> Result<ScheduleInfo> {
    let cron = Cron::new(&command.cron, &command.zone, Clock::system().now())?;
    let mut request = call::request(host, &command.call).await?;
    // By its name, so that a newer module of that name is used once there is one.
    if let Ok(module @ ModuleRef::Name(_)) = command.call.target.parse::<ModuleRef>()
        && request.module_name.as_deref() == Some(&*command.call.target)
    {
        request.module = module;
        request.module_name = None;
    }
    command.settings.apply(&mut request)?;
    let mut schedule = au_host::Schedule::new(cron, request);
    schedule.missed = command.missed;
    schedule.overlap = command.overlap;
    Ok(host.put_schedule(&command.name, schedule).await?)
}

/// Says so when there is nobody who would submit it.
async fn attended(host: &Hosted, out: Out) -> Result {
    if let Hosted::Here(local) = host {
        let now = Clock::system().now();
        if !local.host().workers().await?.iter().any(|worker| !worker.is_silent(now)) {
            out.note("nobody works here: its times pass until `au-host serve` or `au-host work` runs");
        }
    }
    Ok(())
}

fn next(schedule: &ScheduleInfo) -> String {
    match (schedule.paused, schedule.next) {
        (true, _) => ", and paused".into(),
        (false, Some(next)) => format!("; next at {}", seconds(&next.to_string())),
        (false, None) => "; it never comes again".into(),
    }
}

/// A moment without what is less than a second.
fn seconds(moment: &str) -> String {
    moment.split('.').next().unwrap_or(moment).to_owned() + "Z"
}

async fn list(host: &Hosted, out: Out, schedules: &[ScheduleInfo]) -> Result {
    if out.json {
        return out.facts(schedules);
    }
    if schedules.is_empty() {
        out.note("no schedules; `au-host schedule set NAME CRON MODULE FUNCTION` makes one");
        return Ok(());
    }
    // Where there are no tenants, nobody need read of them.
    let tenants = schedules.iter().any(|info| info.tenant.is_some());
    let owned = |tenant: &str| if tenants { format!("{tenant:12}  ") } else { String::new() };
    let head = format!("{:20}  {:20}  {:16}  {:24}  {:20}  LAST", "NAME", "CRON", "ZONE", "CALL", "NEXT");
    out.line(&(owned("TENANT") + &head))?;
    for info in schedules {
        let ScheduleInfo { name, schedule, .. } = info;
        let call = au_host::clean(&format!("{} {}", schedule.request.module, schedule.request.function), 24);
        let next = match (info.paused, info.next) {
            (true, _) => "paused".into(),
            (false, next) => next.map_or("never".into(), |next| seconds(&next.to_string())),
        };
        let last = match (&info.trouble, &info.last) {
            (Some(trouble), _) => format!("waits: {}", au_host::clean(trouble, 80)),
            (None, Some(last)) => told(host, last).await?,
            (None, None) => String::new(),
        };
        let (cron, zone) = (schedule.cron.as_str(), schedule.cron.zone());
        let owned = owned(&au_host::clean(info.tenant.as_deref().unwrap_or("-"), 64));
        out.safe(&format!("{owned}{name:20}  {cron:20}  {zone:16}  {call:24}  {next:20}  {last}"))?;
    }
    Ok(())
}

/// What became of a time: its job and where that stands, or why there is none.
async fn told(host: &Hosted, firing: &Firing) -> Result<String> {
    let Some(job) = firing.job else {
        return Ok(format!("skipped: {}", au_host::clean(firing.skipped.as_deref().unwrap_or_default(), 80)));
    };
    match host.handle(job).metadata().await {
        Ok(known) => Ok(format!("{job} {}", known.status)),
        Err(Error::NotFound { .. } | Error::Expired(_)) => Ok(format!("{job} is kept no more")),
        Err(error) => Err(error.into()),
    }
}

async fn show(host: &Hosted, out: Out, info: &ScheduleInfo) -> Result {
    if out.json {
        return out.facts(info);
    }
    let ScheduleInfo { name, schedule, .. } = info;
    let request = &schedule.request;
    let mut lines = vec![("schedule", name.to_string())];
    lines.extend(info.tenant.clone().map(|tenant| ("tenant", tenant)));
    lines.extend([
        ("cron", schedule.cron.as_str().to_owned()),
        ("zone", schedule.cron.zone().to_owned()),
        ("call", format!("{} {}", request.module, request.function)),
        ("input", format!("{}, {} bytes", request.input.content_type(), request.input.len())),
    ]);
    lines.extend(asked(request));
    lines.extend([
        ("missed", schedule.missed.to_string()),
        ("overlap", schedule.overlap.to_string()),
        ("since", info.since.to_string()),
    ]);
    lines.extend(info.paused.then(|| ("paused", "yes".to_owned())));
    lines.extend(info.next.map(|next| ("next", next.to_string())));
    if let Some(last) = &info.last {
        lines.push(("last", format!("{} {}", last.at, told(host, last).await?)));
    }
    lines.extend(info.trouble.clone().map(|trouble| ("waits", trouble)));
    lines.into_iter().try_for_each(|(what, text)| out.safe(&format!("{what:9} {}", au_host::clean(&text, 500))))
}
