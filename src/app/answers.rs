//! What was read for a layer, and what is read again once it is no longer so.

use super::layers::Content;
use super::msg::{Effect, Fetch, Fetched, Token};
use super::{App, Layer};

impl App {
    /// Reads open histories of what was changed again; the old rows stay until the new ones come.
    pub(super) fn histories_again(&mut self, activity: &super::Activity) -> Vec<Effect> {
        let mut effects = Vec::new();
        for at in 0..self.layers.len() {
            let token = self.next_token();
            if let Some(Layer::History(h)) = self.layers.get_mut(at)
                && activity.targets.iter().any(|t| t.object() == Some(&h.object))
            {
                h.token = token;
                effects.push(Effect::Fetch(token, Fetch::History(h.object.clone())));
            }
        }
        effects
    }

    pub(super) fn fetched(&mut self, token: Token, answer: Result<Fetched, String>) {
        let answer = match answer {
            Ok(Fetched::States(states)) => return self.states_read(token, states),
            other => other,
        };
        self.dirty = true;
        if self.awaits_backends(token) {
            return self.backends_read(token, answer);
        }
        for layer in &mut self.layers {
            match layer {
                Layer::Text(view) if matches!(view.content, Content::Loading(t) if t == token) => {
                    view.content = match answer {
                        Ok(Fetched::Text(text)) => Content::Lines(text.lines().map(str::to_owned).collect()),
                        Ok(_) => Content::Failed("another answer than was asked for".to_owned()),
                        Err(why) => Content::Failed(why),
                    };
                    return;
                }
                Layer::Chart(view) if view.awaits(token) => {
                    view.take(token, &answer);
                    return;
                }
                Layer::History(history) if history.token == token => {
                    match answer {
                        Ok(Fetched::History(rows)) => history.take(rows),
                        Ok(_) => {}
                        Err(why) => history.rows = Some(Err(why)),
                    }
                    return;
                }
                Layer::Picker(picker) if super::commands::awaits(picker, token) => {
                    let answer = match answer {
                        Ok(Fetched::Offers(list)) => Ok(list),
                        Ok(_) => Err("another answer than was asked for".to_owned()),
                        Err(why) => Err(why),
                    };
                    super::commands::offered(picker, answer);
                    return;
                }
                _ => {}
            }
        }
    }
}
