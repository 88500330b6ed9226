//! A short night: what `drill night` plays for longer. The real server and its database, five real stations, lines that
//! break, processes that are killed, a station copied and another put back.

use std::time::Duration;
use willcall_tests::night::{self, Night};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_night_of_faults_everything_that_was_told_is_true() -> anyhow::Result<()> {
    let outcome = night::play(Night { seed: 1, length: Duration::from_secs(30) }).await?;
    assert!(outcome.pass, "{:#}", outcome.measured);
    Ok(())
}
