//! One file per layer: what it holds and what its keys do to it.

mod activity;
mod approval;
mod chart;
mod company;
mod detail;
mod followed;
mod help;
mod history;
mod incident;
mod item;
mod logs;
mod object_prompt;
mod palette;
mod picker;
mod plan;
mod prompt;
mod question;
mod run;
mod text;
mod unfinished;

pub use activity::ActivityView;
pub use approval::{ApprovalFocus, ApprovalLayer};
pub use chart::{ChartView, RANGES};
pub use company::CompanyView;
pub use detail::Detail;
pub use followed::FollowedView;
pub use help::Help;
pub use history::{DiffAgainst, History};
pub use incident::{IncidentAsk, IncidentPick, IncidentView, MessageView, Pick, TimelineView};
pub use item::ItemView;
pub use logs::{LogKeep, Logs, readable};
pub use object_prompt::ObjectPrompt;
#[cfg(test)]
pub(crate) use palette::listed;
pub use palette::{Does, Entry, Palette};
pub use picker::{Choice, Picker, PickerFor};
pub use plan::{PlanFocus, PlanLayer, PlanState};
pub use prompt::{Prompt, PromptFor};
pub use question::{Question, QuestionFor};
pub use run::RunView;
pub use text::{Content, TextView};
pub use unfinished::UnfinishedView;
