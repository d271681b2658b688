//! Prompts: what the daemon does not do before it has been told to ask a person, which may or may not
//! show a window.

use std::time::{Duration, Instant};

use super::{
    AFTERWARDS, Fault, Interaction, KeyringError, NAME, PROMPT, Reader, Session, call, failure,
    read,
};

/// `KeePassXC` makes and deletes items in prompts of its own, which take it 6 ms without a window.
pub const COMPLETION: Duration = Duration::from_secs(3);
/// Where it shows a window all the same, a person needs longer.
pub const CONFIRMATION: Duration = Duration::from_secs(20);

impl Session {
    /// Asks the bus for the signals of prompts, which may come right after the call that makes one.
    pub fn subscribe(&mut self, step: &'static str) -> Result<(), KeyringError> {
        if !self.subscribed {
            let rule =
                format!("type='signal',sender='{NAME}',interface='{PROMPT}',member='Completed'");
            let serial = self
                .bus
                .bus_call("AddMatch", "s", |w| w.string(&rule))
                .map_err(|fault| failure(step, fault))?;
            self.reply(step, serial)?;
            self.subscribed = true;
        }
        Ok(())
    }

    /// Has an item made or deleted that the daemon does in a prompt: `KeePassXC` without a window, as
    /// long as nobody has told it to ask for consent.
    pub fn complete_own(&mut self, prompt: &str) -> Result<(), KeyringError> {
        let most = match self.limits.interaction {
            Interaction::Never => COMPLETION,
            Interaction::Attended | Interaction::Allowed => CONFIRMATION,
        };
        match self.complete(prompt, self.limits.until(most)) {
            Err(KeyringError::Unanswered) => Err(KeyringError::Consent),
            result => result,
        }
    }

    /// Carries out a prompt, which may show a window, and takes it back if nobody answers.
    pub fn complete(&mut self, prompt: &str, until: Instant) -> Result<(), KeyringError> {
        let step = "waiting for an answer to the keyring's prompt";
        self.subscribe(step)?;
        let target = (prompt, PROMPT);
        let prompting = self.call(step, call(target, "Prompt", "s"), |w| w.string(""))?;
        match self
            .bus
            .signal_after(prompting, (prompt, "Completed"), until)
        {
            Ok(signal) if read(step, &signal, "bv", Reader::bool)? => Err(KeyringError::Dismissed),
            Ok(_) => Ok(()),
            Err(Fault::Late) => {
                let dismissing = self.call(step, call(target, "Dismiss", ""), |_| {})?;
                drop(self.bus.reply(dismissing, Instant::now() + AFTERWARDS));
                Err(KeyringError::Unanswered)
            }
            Err(fault) => Err(failure(step, fault)),
        }
    }
}
