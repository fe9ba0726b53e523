//! Everything this program prints: data to stdout, talk to stderr. Nothing else prints. What a guest says reaches no terminal raw.
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use au_host::{LogEntry, Payload, Progress, clean};
use console::{Key, Term};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::logging::Format;
use super::trouble::{Result, Trouble};

/// Longest line of a guest's log that is shown.
const LINE_LIMIT: usize = 64 << 10;
const STEPS: u64 = 1000;
/// The target of what is said, where it is logged.
const TALK: &str = "au_host::cli";

/// Where things go, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Where the log is lines of JSON, so is all other talk: they share stderr.
    pub(crate) logs: Format,
}

impl Out {
    /// A line of data.
    pub(crate) fn line(self, text: &str) -> Result {
        put(&[text.as_bytes(), b"\n"])
    }

    /// A line of data that may have a stranger's words in it.
    pub(crate) fn safe(self, text: &str) -> Result {
        self.line(&clean(text, usize::MAX))
    }

    /// A terminal to be drawn upon, if stdout is one.
    pub(crate) fn screen(self) -> Option<Screen> {
        io::stdout().is_terminal().then(Screen::new)
    }

    /// Facts for a program, in a line.
    pub(crate) fn facts<T: Serialize + ?Sized>(self, facts: &T) -> Result {
        let text = serde_json::to_string(facts).map_err(|error| au_host::Error::invalid("facts", error.to_string()))?;
        self.line(&escaped(&text))
    }

    /// A job's output: to a file, - being stdout, or as it is; bytes are no good on a terminal, which is told how to get them `again`.
    pub(crate) fn payload(self, payload: &Payload, file: Option<&Path>, again: &str) -> Result {
        if file.is_some_and(is_stdout) {
            return put(&[payload.bytes()]);
        }
        if let Some(file) = file {
            return std::fs::write(file, payload.bytes()).map_err(|error| Trouble::file(file, &error));
        }
        let text = payload.is_json() || payload.content_type().starts_with("text/");
        if !text && io::stdout().is_terminal() {
            let (kind, size) = (payload.content_type(), au_host::units::bytes(payload.len()));
            return self.line(&format!("({size} of {kind}: not for a terminal; {again} writes it to a file)"));
        }
        if io::stdout().is_terminal() {
            return self.line(&clean(String::from_utf8_lossy(payload.bytes()).trim_end_matches('\n'), usize::MAX));
        }
        let end: &[u8] = if text && !payload.bytes().ends_with(b"\n") { b"\n" } else { b"" };
        put(&[payload.bytes(), end])
    }

    /// Something to say that is not data.
    pub(crate) fn note(self, text: &str) {
        match self.logs {
            _ if self.quiet => {}
            Format::Text => talk(text),
            Format::Json => tracing::info!(target: TALK, "{text}"),
        }
    }

    /// What went wrong: one line of what, one of why, one of what to do.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        let logged = self.logs == Format::Json && !self.json && tracing::enabled!(target: TALK, tracing::Level::ERROR);
        if logged {
            let error = &trouble.facts()["error"];
            let part = |name: &str| error[name].as_str().map(|text| clean(text, usize::MAX));
            let (code, why, advice) = (part("code"), part("why"), part("try"));
            tracing::error!(
                target: TALK, code, exit = trouble.code(), why, advice, "{}", part("what").unwrap_or_default()
            );
        } else if self.json || self.logs == Format::Json {
            talk(&escaped(&trouble.facts().to_string()));
        } else {
            talk(clean(&trouble.lines(), usize::MAX).trim_end());
        }
    }

    /// Help or the version, coloured on a terminal.
    pub(crate) fn help(self, help: &clap::Error) -> Result {
        written(help.print())
    }

    /// A line of a guest's log, as data.
    pub(crate) fn log_data(self, entry: &LogEntry) -> Result {
        if self.json { self.facts(entry) } else { self.line(&shown(entry)) }
    }

    /// What shows how far a job is.
    pub(crate) fn bar(self, title: &str) -> Bar {
        if self.quiet || self.json || self.logs == Format::Json || !io::stderr().is_terminal() {
            return Bar { bar: ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden()), out: self };
        }
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} [{bar:32}] {percent:>3}% {elapsed} {wide_msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Bar { bar, out: self }
    }
}

/// Shows how far a job is, and what it logs.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    out: Out,
}

impl Bar {
    pub(crate) fn progress(&self, progress: &Progress) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`done` is between 0 and 1")]
        self.bar.set_position((f64::from(progress.done) * 1000.0) as u64);
        self.bar.set_message(progress.note.replace(['\n', '\t'], " "));
    }

    pub(crate) fn log(&self, entry: &LogEntry) {
        if !self.out.json {
            self.bar.suspend(|| self.out.note(&shown(entry)));
        }
    }

    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| self.out.note(text));
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

/// A terminal that is drawn upon again and again, until somebody leaves.
#[derive(Debug)]
pub(crate) struct Screen {
    keys: tokio::task::JoinHandle<()>,
}

impl Screen {
    fn new() -> Self {
        // It waits for keys for as long as the program goes on, and holds nobody back.
        Self { keys: tokio::task::spawn_blocking(wait_for_q) }
    }

    /// Draws what is made for so many rows in place of what was there.
    pub(crate) fn show(&mut self, lines: impl FnOnce(usize) -> Vec<String>) -> Result {
        let (rows, columns) = Term::stdout().size();
        let mut text = String::from("\u{1b}[H\u{1b}[2J");
        for line in lines(rows.into()) {
            text.extend(clean(&line, usize::MAX).chars().take(columns.into()));
            text.push('\n');
        }
        put(&[text.as_bytes()])
    }

    /// Waits until somebody leaves by a key.
    pub(crate) async fn left(&mut self) {
        if (&mut self.keys).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn wait_for_q() {
    let term = Term::stdout();
    // Without a keyboard it goes on until a signal comes.
    while let Ok(key) = term.read_key() {
        if matches!(key, Key::Char('q' | 'Q') | Key::Escape) {
            return;
        }
    }
    loop {
        std::thread::park();
    }
}

/// Whether stdout is meant, and its bytes as they are.
pub(crate) fn is_stdout(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// A log line that cannot drive a terminal.
fn shown(entry: &LogEntry) -> String {
    format!("{} {:5} {}", entry.at, entry.level.as_str(), clean(&entry.message, LINE_LIMIT).replace('\n', "\n    "))
}

fn put(parts: &[&[u8]]) -> Result {
    let mut stdout = io::stdout().lock();
    written(parts.iter().try_for_each(|part| stdout.write_all(part)).and_then(|()| stdout.flush()))
}

/// A line to stderr. That nobody hears it is no reason to end: the exit code tells it too.
fn talk(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// JSON whose strings cannot drive a terminal: what JSON itself leaves as it is of the control characters.
fn escaped(json: &str) -> String {
    let control = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !json.contains(control) {
        return json.to_owned();
    }
    json.chars().map(|c| if control(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

fn written(done: io::Result<()>) -> Result {
    done.map_err(|error| match error.kind() {
        // Whoever read has seen enough.
        io::ErrorKind::BrokenPipe => Trouble::ClosedPipe,
        _ => Trouble::from(au_host::Error::fault("stdout", error)),
    })
}
