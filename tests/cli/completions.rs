//! completions.

use crate::{asked::Ended, program::Program};

#[test]
fn every_shell_gets_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = Ended::of(&Program::new(&["completions", shell]).output());
        assert_eq!(ended.code, 0, "{shell}: {ended:?}");
        for word in ["delete-range", "if-version", "completions", "memory-max"] {
            assert!(ended.out.contains(word), "{shell} has no {word}");
        }
    }
}
