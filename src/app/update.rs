//! What each message does.

use jiff::Timestamp;

use super::command;
use super::layers::{ApprovalFocus, PlanFocus, PromptFor};
use super::msg::{Effect, Msg, Notice};
use super::{App, Focus, Layer, Occasion, Toast, minute};
use crate::action::{ActionId, Plan, Progress, Refusal, Stage};
use crate::journal::RecordKind;
use crate::keys::{Chord, Resolved};
use crate::model::Freshness;

/// As many files can have a fault at the start: configuration, theme, keymap, runbooks.
const MOST_TOASTS: usize = 4;

impl App {
    /// Takes one message at our time `now`.
    pub fn update(&mut self, msg: Msg, now: Timestamp) -> Vec<Effect> {
        if minute(now) != minute(self.now) {
            self.dirty = true;
        }
        self.now = now;
        let mut effects = match msg {
            // The press that lets the screen go on does nothing else.
            Msg::Key(_) if self.thaw() => Vec::new(),
            Msg::Key(chord) => self.key(chord),
            Msg::Paste(_) if self.seat.frozen.is_some() => Vec::new(),
            Msg::Paste(text) => self.paste(&text),
            Msg::Pointer(gesture, spot) => self.pointer(gesture, spot),
            Msg::Fleet(sisters) => self.fleet_changed(sisters),
            Msg::Resize(columns, rows) => {
                self.thaw();
                self.size = (columns, rows);
                self.dirty = true;
                vec![Effect::Repaint]
            }
            Msg::Focus(focused) => {
                self.terminal_focused = focused;
                Vec::new()
            }
            Msg::Tick => self.tick(),
            Msg::World(batch) => {
                let feeds_changed = !batch.feeds.is_empty();
                self.world.apply(batch);
                self.observe();
                self.refresh(false);
                self.judge();
                super::commands::fill_namespaces(self);
                self.dirty |= feeds_changed;
                self.runs_tick()
            }
            Msg::Connection(connection) => self.connection_changed(connection),
            Msg::Leaving { context, sources } => self.leaving_for(&context, sources),
            Msg::Contexts(contexts) => {
                self.contexts = Some(contexts);
                super::commands::fill_contexts(self);
                Vec::new()
            }
            Msg::Keymap { map, notices } => self.keymap_read(map, notices),
            Msg::Planned(id, answer) => self.planned(id, answer),
            Msg::Progress(progress) => self.progress(&progress),
            Msg::Approval { run, event } => self.run_event(run, event),
            Msg::Fetched(token, answer) => self.was_read(token, &answer).unwrap_or_else(|| {
                self.fetched(token, answer);
                Vec::new()
            }),
            Msg::Logs(token, batch) => {
                for layer in &mut self.layers {
                    if let Layer::Logs(logs) = layer
                        && logs.token == token
                    {
                        logs.take(batch);
                        self.dirty = true;
                        break;
                    }
                }
                Vec::new()
            }
            Msg::Notice(notice) => {
                self.toast(notice);
                Vec::new()
            }
            Msg::JournalBroken(why) => {
                self.journal_stands(why);
                Vec::new()
            }
            Msg::Alive { me, sessions } => self.alive(me, sessions),
            Msg::RunTaken { key, answer } => self.run_taken(&key, answer),
            Msg::RunLost { run, why } => self.run_lost(&run, &why),
            Msg::Journal(news) => self.recorded(&news),
            Msg::WhoAmI(user) => {
                self.user = user;
                self.dirty = true;
                Vec::new()
            }
            Msg::Spool(news) => self.spool_changed(*news),
            Msg::NotAsked(id, why) => self.not_asked(&id, &why),
            Msg::FileRead(news) => {
                self.file_read(*news);
                Vec::new()
            }
            Msg::Terminate => {
                self.leaving = true;
                vec![Effect::Quit]
            }
        };
        if self.judged_at == Some(now) {
            effects.extend(self.call_for_signals());
            effects.extend(self.watch_for_record());
        }
        self.note_copied(&effects);
        effects.extend(self.tag());
        effects.extend(self.want());
        effects
    }

    /// A note in the corner, kept in the list of activities: news, and failures of what was started. The same note twice is
    /// one. Why a key did nothing is neither: see [`Self::complain`].
    pub(crate) fn toast(&mut self, notice: Notice) {
        self.keep_said(&notice);
        self.flash(notice);
    }

    /// The same, of what the list of activities has already, or what is not worth keeping.
    fn flash(&mut self, notice: Notice) {
        self.toasts.retain(|t| t.notice != notice);
        self.toasts.push(Toast::new(notice, self.now));
        if self.toasts.len() > MOST_TOASTS {
            self.toasts.remove(0);
        }
        self.dirty = true;
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.toast(Notice::info(text));
        Vec::new()
    }

    /// Why a key did nothing, at once: nothing was begun, and nothing comes of it. It is told in the corner and no more;
    /// the list of activities is of what was done.
    pub(crate) fn complain(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.flash(Notice::error(text));
        Vec::new()
    }

    /// What was begun, and came to nothing.
    pub(crate) fn failed(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.toast(Notice::error(text));
        Vec::new()
    }

    fn tick(&mut self) -> Vec<Effect> {
        let before = self.toasts.len();
        let now = self.now;
        self.toasts.retain(|t| t.until.is_none_or(|until| until > now));
        self.dirty |= before != self.toasts.len() || self.seat.frozen.is_some();
        // What counts seconds is drawn anew each time; for who wants stillness, now and then.
        let counts = !self.taste.still || now.as_second().rem_euclid(10) == 0;
        if !self.pending.is_empty() || counts && self.activities.iter().any(super::Activity::is_live) {
            self.dirty = true;
        }
        // States that time alone changes are judged anew with the minute, not oftener: ages that moved on cost a frame.
        let stale = self.refreshed.1.is_none_or(|t| minute(t) != minute(now));
        let mut effects = Vec::new();
        if stale {
            self.refresh(true);
            effects.extend(self.look_again_at_what_is_left());
            // In the same frame: all ages turn with the clock.
            self.judge_now();
        } else {
            self.judge();
        }
        effects.extend(self.mirror());
        effects.extend(self.steps_hear());
        effects.extend(self.runs_tick());
        effects.extend(self.ask_for_chart());
        effects
    }

    fn planned(&mut self, id: ActionId, mut answer: Result<Box<Plan>, Refusal>) -> Vec<Effect> {
        let now = self.now;
        let run = self.layers.iter().find_map(|l| match l {
            Layer::Plan(plan) if plan.id == id => plan.run,
            _ => None,
        });
        if let (Some(run), Ok(plan)) = (run, &mut answer) {
            self.run_paces(run, plan);
        }
        if let Ok(plan) = &mut answer {
            let held = self.guards(plan);
            plan.checks.extend(held);
        }
        let mut effects = Vec::new();
        if let Ok(plan) = &answer {
            effects.extend(self.plan_record(RecordKind::Plan, plan, run));
        }
        for layer in &mut self.layers {
            if let Layer::Plan(plan) = layer
                && plan.id == id
            {
                plan.planned(answer.clone(), now);
                self.dirty = true;
            }
        }
        if let Some(run) = run {
            effects.extend(self.run_planned(run, id, &answer));
        }
        effects
    }

    fn progress(&mut self, progress: &Progress) -> Vec<Effect> {
        self.dirty = true;
        let Some(activity) = self.activities.iter_mut().find(|a| a.id == progress.id) else {
            return Vec::new();
        };
        activity.take(progress);
        let activity = activity.clone();
        self.unmark_done(&activity, &progress.stage);
        let mut effects = Vec::new();
        if let Some(run) = activity.run {
            effects.extend(self.run_progress(run, &activity, &progress.stage));
        }
        // What an open history shows is no longer so.
        if matches!(progress.stage, Stage::Executed { .. } | Stage::Done { .. }) {
            effects.extend(self.histories_again(&activity));
        }
        // What is polled shows at once what became of it.
        if matches!(progress.stage, Stage::Done { .. }) && activity.targets.iter().any(|t| t.object().is_none()) {
            effects.push(Effect::LookAgain);
        }
        effects.extend(self.departs());
        if let Some(good) = activity.succeeded() {
            let text = format!("{}: {}", activity.title, activity.line);
            self.flash(if good { Notice::info(text) } else { Notice::error(text) });
            effects.extend(self.call(Occasion::Finished, format!("{}: {}", activity.title, activity.line)));
        }
        effects
    }

    fn key(&mut self, chord: Chord) -> Vec<Effect> {
        self.dirty = true;
        // Errors were seen once a key is pressed.
        self.toasts.retain(|t| t.until.is_some());
        let deaf = match self.layers.last() {
            Some(Layer::Plan(plan)) => !plan.listens(self.now),
            Some(Layer::Approval(layer)) => !layer.listens(self.now),
            Some(Layer::Question(question)) => !question.listens(self.now),
            _ => false,
        };
        if deaf {
            return Vec::new();
        }
        if self.takes_text(chord) {
            return self.type_into(chord);
        }
        let contexts = self.contexts();
        match self.keys.resolve(&contexts, &self.pending, chord) {
            Resolved::Found(id) => {
                self.pending.clear();
                self.run_command(id)
            }
            Resolved::Pending(_) => {
                self.pending.push(chord);
                self.pending_since = self.now;
                Vec::new()
            }
            Resolved::None => {
                let had = !self.pending.is_empty();
                self.pending.clear();
                // Esc out of a prefix is no Esc for the layer beneath; a field takes what no command wants.
                if had {
                    return Vec::new();
                }
                self.means_nothing(chord);
                self.type_into(chord)
            }
        }
    }

    /// Whether the key is text for the field that has the focus, before any command is asked.
    fn takes_text(&self, chord: Chord) -> bool {
        if chord.typed().is_none() {
            return false;
        }
        match self.layers.last() {
            Some(Layer::Prompt(_) | Layer::Palette(_) | Layer::Picker(_) | Layer::Message(_)) => true,
            // Who types on a button means the field that is empty; no letter of it is a command that is not on screen.
            Some(Layer::Plan(plan)) => match plan.focus {
                PlanFocus::Reason | PlanFocus::Word => true,
                PlanFocus::Go => plan.unfilled().is_some() || chord.typed().is_some_and(char::is_alphanumeric),
                PlanFocus::Cancel => plan.must_fill().is_some() && !self.is_bound(chord),
            },
            Some(Layer::Approval(layer)) => matches!(layer.focus, ApprovalFocus::Reason | ApprovalFocus::Word),
            Some(Layer::Help(help)) => help.searching,
            _ => false,
        }
    }

    /// Whether the key does something here, now.
    fn is_bound(&self, chord: Chord) -> bool {
        match self.keys.resolve(&self.contexts(), &self.pending, chord) {
            Resolved::Found(id) => command::find(id).is_some_and(|c| (c.when)(self).is_ok()),
            Resolved::Pending(_) => true,
            Resolved::None => false,
        }
    }

    fn type_into(&mut self, chord: Chord) -> Vec<Effect> {
        let now = self.now;
        if chord.typed().is_some() {
            super::commands::hide_what_is_typed(self);
        }
        match self.layers.last_mut() {
            Some(Layer::Prompt(prompt)) => {
                let changed = prompt.field.input(chord);
                if changed {
                    prompt.complaint = None;
                    return self.prompt_changed();
                }
            }
            Some(Layer::Message(view)) => view.pad.input(chord),
            Some(Layer::Palette(palette)) => {
                let changed = palette.field.input(chord);
                if changed {
                    self.refresh_palette();
                }
            }
            Some(Layer::Picker(picker)) => {
                let changed = picker.field.input(chord);
                if changed {
                    picker.cursor = 0;
                    return self.preview_theme();
                }
            }
            Some(Layer::Approval(layer)) => layer.type_in(chord, now),
            Some(Layer::Help(help)) if help.searching => {
                help.field.input(chord);
                help.scroll.top = 0;
            }
            Some(Layer::Plan(plan)) => {
                let empty = match plan.focus {
                    PlanFocus::Go => plan.unfilled(),
                    PlanFocus::Cancel => plan.must_fill(),
                    PlanFocus::Reason | PlanFocus::Word => None,
                };
                if let Some(empty) = empty.filter(|_| chord.typed().is_some()) {
                    plan.focus_on(empty, now);
                }
                if let Some(field) = plan.field()
                    && field.input(chord)
                {
                    plan.complaint = None;
                    plan.typed(now);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Pasted text is never keys; where something is to be typed, it must be typed.
    fn paste(&mut self, text: &str) -> Vec<Effect> {
        self.dirty = true;
        super::commands::hide_what_is_typed(self);
        // Cut, it would be another value: of a Secret nobody would see that.
        if matches!(self.layers.last(), Some(Layer::Prompt(_))) && text.chars().nth(super::field::MOST).is_some() {
            return self.complain(format!(
                "a field takes {} characters at once, and that was more: nothing was pasted",
                super::field::MOST
            ));
        }
        match self.layers.last_mut() {
            Some(Layer::Prompt(prompt)) => {
                prompt.field.insert(text);
                self.prompt_changed()
            }
            Some(Layer::Message(view)) => {
                view.pad.insert(text);
                Vec::new()
            }
            Some(Layer::Palette(palette)) => {
                palette.field.insert(text);
                self.refresh_palette();
                Vec::new()
            }
            Some(Layer::Picker(picker)) => {
                picker.field.insert(text);
                picker.cursor = 0;
                Vec::new()
            }
            Some(Layer::Plan(plan)) if plan.focus == PlanFocus::Reason => {
                plan.reason.insert(text);
                Vec::new()
            }
            Some(Layer::Approval(layer)) if layer.focus == ApprovalFocus::Reason => {
                layer.reason.insert(text);
                Vec::new()
            }
            Some(Layer::Plan(_) | Layer::Approval(_)) => {
                self.complain("pasted text does not confirm anything: type it")
            }
            _ => self.say("pasted text is ignored here"),
        }
    }

    /// Ranks the commands anew for what is typed into the palette, if that is open.
    pub(crate) fn refresh_palette(&mut self) {
        let Some(Layer::Palette(mut palette)) = self.layers.pop_if(|l| matches!(l, Layer::Palette(_))) else {
            return;
        };
        palette.cursor = 0;
        palette.refresh(self);
        self.layers.push(Layer::Palette(palette));
    }

    /// Filters follow the typing.
    pub(crate) fn prompt_changed(&mut self) -> Vec<Effect> {
        let Some(Layer::Prompt(prompt)) = self.layers.last() else {
            return Vec::new();
        };
        let text = prompt.field.text().to_owned();
        match prompt.purpose {
            PromptFor::Filter => self.filter_typed(text),
            PromptFor::LogFilter => {
                if let Some(Layer::Logs(logs)) = self.layers.iter_mut().rev().nth(1) {
                    logs.only = text.to_lowercase();
                    logs.scroll.top = 0;
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Rebuilds the active pane's list.
    pub(crate) fn refresh_pane(&mut self) {
        let pane = self.active_pane();
        let mut list = std::mem::take(self.list_mut());
        crate::panes::refresh(self, pane, &mut list);
        *self.list_mut() = list;
        self.dirty = true;
    }

    /// Runs a command if it can be used now; says why not.
    pub fn run_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(command) = command::find(id) else {
            return self.complain(format!("there is no command {id}"));
        };
        self.dirty = true;
        self.strays(id);
        match (command.when)(self) {
            Ok(()) => (command.run)(self),
            Err(why) => self.complain(format!("{}: {why}", command.short)),
        }
    }

    /// Opens a plan for what is asked, on behalf of a runbook's run or of a key.
    pub(crate) fn open_plan(&mut self, request: crate::action::Request, run: Option<u64>) -> Vec<Effect> {
        let id = self.next_action();
        let layer = super::layers::PlanLayer::new(id, request.clone(), run, self.now);
        self.layers.push(Layer::Plan(Box::new(layer)));
        vec![Effect::Plan(id, request)]
    }

    /// Leaves the topmost layer.
    pub(crate) fn pop_layer(&mut self) -> Vec<Effect> {
        self.dirty = true;
        match self.layers.pop() {
            Some(Layer::Logs(logs)) => vec![Effect::CloseLogs(logs.token)],
            Some(Layer::Plan(plan)) => {
                let given_up = plan
                    .plan()
                    .and_then(|p| self.plan_record(RecordKind::Abort, p, plan.run));
                let of_run = self.plan_closed(&plan);
                given_up.into_iter().chain(of_run).collect()
            }
            Some(_) => Vec::new(),
            None => {
                if self.focus == Focus::Strip {
                    self.focus = Focus::Pane;
                } else if self.zoomed {
                    self.zoomed = false;
                }
                Vec::new()
            }
        }
    }

    /// Feeds of the active pane, worst first: for its title.
    pub fn pane_feed(&self, pane: &crate::panes::Pane) -> Freshness {
        if pane.kinds.is_empty() {
            return crate::panes::item::reach(self, pane.sources);
        }
        self.world.worst_feed(pane.kinds).clone()
    }
}
