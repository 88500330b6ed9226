//! What can be set at a camera while it runs: focus, lamp, zoom, brightness. The camera lives on its own thread; wishes
//! wait here until it comes by between two pictures.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ts_rs::TS;

/// One thing that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CameraControl {
    /// Of which of the cameras in use.
    pub camera: u32,
    /// As the system calls it.
    pub name: String,
    pub kind: ControlKind,
    #[ts(type = "number")]
    pub min: i64,
    #[ts(type = "number")]
    pub max: i64,
    /// At least 1.
    #[ts(type = "number")]
    pub step: i64,
    #[ts(type = "number")]
    pub value: i64,
}

/// What it does, for a word in the user's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    Focus,
    /// The camera's lamp.
    Torch,
    Zoom,
    Exposure,
    Brightness,
    /// Something else: only its name says what.
    Other,
}

/// A wish for one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SetControl {
    pub camera: u32,
    pub name: String,
    /// Brought into the control's own range.
    #[ts(type = "number")]
    pub value: i64,
}

/// What a running camera offers, and what it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Panel(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    offered: Vec<CameraControl>,
    wishes: Vec<(String, i64)>,
}

impl Panel {
    /// Says what can be set from now on.
    pub fn offer(&self, offered: Vec<CameraControl>) {
        self.lock().offered = offered;
    }

    #[must_use]
    pub fn offered(&self) -> Vec<CameraControl> {
        self.lock().offered.clone()
    }

    /// Notes a wish; false where the camera offers no such control.
    #[must_use]
    pub fn wish(&self, name: &str, value: i64) -> bool {
        let mut inside = self.lock();
        let Some(control) = inside.offered.iter_mut().find(|control| control.name == name) else { return false };
        let whole = value.clamp(control.min, control.max.max(control.min)).saturating_sub(control.min);
        control.value = control.min + whole / control.step.max(1) * control.step.max(1);
        let value = control.value;
        inside.wishes.retain(|(other, _)| other != name);
        inside.wishes.push((name.to_owned(), value));
        true
    }

    /// What was wished for since the last call, the newest of each.
    #[must_use]
    pub fn wishes(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.lock().wishes)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn focus() -> CameraControl {
        let (name, kind) = ("Focus, Absolute".to_owned(), ControlKind::Focus);
        CameraControl { camera: 0, name, kind, min: 10, max: 250, step: 5, value: 10 }
    }

    #[test]
    fn a_wish_is_brought_into_range_and_only_the_newest_is_carried_out() {
        let panel = Panel::default();
        panel.offer(vec![focus()]);
        assert!(panel.wish("Focus, Absolute", 9_999) && panel.wish("Focus, Absolute", 33));
        assert_eq!(panel.wishes(), [("Focus, Absolute".to_owned(), 30)]);
        assert_eq!(panel.offered()[0].value, 30);
        assert_eq!(panel.wishes(), []);
        assert!(panel.wish("Focus, Absolute", i64::MIN + 1));
        assert_eq!(panel.wishes()[0].1, 10);
    }

    #[test]
    fn what_is_not_offered_cannot_be_set() {
        let panel = Panel::default();
        assert!(!panel.wish("Torch", 1));
        assert_eq!(panel.wishes(), []);
    }
}
