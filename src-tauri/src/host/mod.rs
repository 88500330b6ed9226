//! What the window asks of the machine it runs on: camera, loudspeaker, printer and the window itself. Knows no ticket
//! and no sale; the engine's own needs (keychain, files) are the engine's.

pub mod camera;
pub mod media;
pub mod printer;
pub mod sound;
pub mod window;
