//! `schedule`: calls that are submitted again and again.

use au_host::{Clock, Cron, Firing, Missed, ModuleRef, Overlap, ScheduleInfo, ScheduleName, Takes};
use clap::{Args, Subcommand};

use super::args::{Call, Settings};
use super::call;
use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

// `schedule`.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// List schedules: what they submit, when, and what became of the last time
    List,
    /// Show a schedule
    Show { name: ScheduleName },
    /// Keep a schedule, in place of the one of this name
    Set(Box<SetSchedule>),
    /// Submit nothing of them until they are resumed
    Pause {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
    },
    /// Go on with them; times that passed meanwhile do not count
    Resume {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
    },
    /// Submit a job of it now, beside those that come at their times
    Run { name: ScheduleName },
    /// Forget schedules; their jobs stay
    Rm {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ScheduleName>,
    },
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
        Schedule::List => list(out, &host.schedules().await?),
        Schedule::Show { name } => show(out, &host.schedule(&name).await?),
        Schedule::Set(command) => {
            let kept = set(&host, *command).await?;
            out.note(&format!("schedule {} is kept{}", kept.name, next(&kept)));
            attended(&host, out).await?;
            show(out, &kept)
        }
        Schedule::Pause { names } => {
            for name in names {
                host.pause_schedule(&name).await?;
                out.note(&format!("schedule {name} is paused: nothing is submitted until it is resumed"));
            }
            Ok(())
        }
        Schedule::Resume { names } => {
            for name in names {
                let kept = host.resume_schedule(&name).await?;
                out.note(&format!("schedule {name} goes on{}", next(&kept)));
            }
            attended(&host, out).await
        }
        Schedule::Run { name } => {
            let handle = host.run_schedule(&name).await?;
            if let Hosted::Here(_) = &host {
                place.ensure_worker()?;
            }
            out.line(&handle.id().to_string())
        }
        Schedule::Rm { names } => {
            for name in names {
                host.remove_schedule(&name).await?;
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

fn list(out: Out, schedules: &[ScheduleInfo]) -> Result {
    if out.json {
        return out.facts(schedules);
    }
    if schedules.is_empty() {
        out.note("no schedules; `au-host schedule set NAME CRON MODULE FUNCTION` makes one");
        return Ok(());
    }
    out.line(&format!("{:20}  {:20}  {:16}  {:24}  {:20}  LAST", "NAME", "CRON", "ZONE", "CALL", "NEXT"))?;
    for info in schedules {
        let ScheduleInfo { name, schedule, .. } = info;
        let call = au_host::clean(&format!("{} {}", schedule.request.module, schedule.request.function), 24);
        let next = match (info.paused, info.next) {
            (true, _) => "paused".into(),
            (false, next) => next.map_or("never".into(), |next| seconds(&next.to_string())),
        };
        let last = match (&info.trouble, &info.last) {
            (Some(trouble), _) => format!("waits: {}", au_host::clean(trouble, 80)),
            (None, Some(last)) => told(last),
            (None, None) => String::new(),
        };
        let (cron, zone) = (schedule.cron.as_str(), schedule.cron.zone());
        out.safe(&format!("{name:20}  {cron:20}  {zone:16}  {call:24}  {next:20}  {last}"))?;
    }
    Ok(())
}

fn told(firing: &Firing) -> String {
    match (&firing.job, &firing.skipped) {
        (Some(job), _) => job.to_string(),
        (None, why) => format!("skipped: {}", au_host::clean(why.as_deref().unwrap_or_default(), 80)),
    }
}

fn show(out: Out, info: &ScheduleInfo) -> Result {
    if out.json {
        return out.facts(info);
    }
    let ScheduleInfo { name, schedule, .. } = info;
    let request = &schedule.request;
    let mut lines = vec![
        ("schedule", name.to_string()),
        ("cron", schedule.cron.as_str().to_owned()),
        ("zone", schedule.cron.zone().to_owned()),
        ("call", format!("{} {}", request.module, request.function)),
        ("input", format!("{}, {} bytes", request.input.content_type(), request.input.len())),
        ("missed", schedule.missed.to_string()),
        ("overlap", schedule.overlap.to_string()),
        ("since", info.since.to_string()),
    ];
    lines.extend(info.paused.then(|| ("paused", "yes".to_owned())));
    lines.extend(info.next.map(|next| ("next", next.to_string())));
    if let Some(last) = &info.last {
        lines.push(("last", format!("{} {}", last.at, told(last))));
    }
    lines.extend(info.trouble.clone().map(|trouble| ("waits", trouble)));
    lines.into_iter().try_for_each(|(what, text)| out.safe(&format!("{what:9} {}", au_host::clean(&text, 500))))
}
