//! The plan of a step within the panel of its run: at the right of the steps, or below them where the screen is small.
//! What the step is, and what was seen, stays in sight above it.

use ratatui::layout::Rect;

use crate::app::layers::{PlanLayer, RunView};
use crate::app::{App, Layer};

/// Rows of the step above its plan that are kept whatever the plan needs, frame included.
const STEP_KEPT: u16 = 6;
/// The same where the steps are one line: that line, and one of what was seen.
const NARROW_KEPT: u16 = 2;
/// Below so many rows only the line of the steps is kept.
const NARROW_ROWS: u16 = 18;
const NARROW_MOST: u16 = 4;

/// The plan that stands in this panel.
pub fn of<'a>(app: &'a App, v: &RunView) -> Option<&'a PlanLayer> {
    let at = app.layers.iter().rposition(Layer::is_full)?;
    match app.layers.get(at)? {
        Layer::Runbook(base) if base.run == v.run => {}
        _ => return None,
    }
    app.layers.iter().skip(at + 1).find_map(|l| match l {
        Layer::Plan(plan) if plan.run == Some(v.run) => Some(&**plan),
        _ => None,
    })
}

/// The panel that this plan stands in.
pub fn panel_of<'a>(app: &'a App, plan: &PlanLayer) -> Option<&'a RunView> {
    let at = app.layers.iter().rposition(Layer::is_full)?;
    match app.layers.get(at)? {
        Layer::Runbook(view) if plan.run == Some(view.run) => Some(view),
        _ => None,
    }
}

/// Where step and plan stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// `None`: the steps are one line, the first of `step`.
    pub steps: Option<Rect>,
    pub step: Rect,
    pub plan: Rect,
}

/// Divides what is below the panel's head. The plan gets what it needs, but for the rows that are kept.
pub fn areas(app: &App, plan: &PlanLayer, left: u16, below: Rect) -> Areas {
    let natural = |width| super::super::plan::height(app, plan, width);
    if below.width >= 110 {
        let right = Rect::new(below.x + left, below.y, below.width - left, below.height);
        let height = natural(right.width).min(right.height.saturating_sub(STEP_KEPT));
        let above = right.height - height;
        return Areas {
            steps: Some(Rect::new(below.x, below.y, left, below.height)),
            step: Rect::new(right.x, right.y, right.width, above),
            plan: Rect::new(right.x, right.y + above, right.width, height),
        };
    }
    let kept = below.height.saturating_sub(natural(below.width));
    let least = if below.height < NARROW_ROWS { 1 } else { NARROW_KEPT };
    let above = kept.clamp(least, NARROW_MOST).min(below.height);
    Areas {
        steps: None,
        step: Rect::new(below.x, below.y, below.width, above),
        plan: Rect::new(below.x, below.y + above, below.width, below.height - above),
    }
}
