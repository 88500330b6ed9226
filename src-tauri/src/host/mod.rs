//! What the window asks of the machine it runs on: camera, loudspeaker, printer, turnstile, a screen that stays awake, the
//! system's dialogs and the window itself. Knows no ticket
//! and no sale; the engine's own needs (keychain, files) are the engine's.

pub mod awake;
pub mod camera;
pub mod chooser;
pub mod media;
pub mod printer;
pub mod scanner;
pub mod sound;
pub mod turnstile;
pub mod window;
