//! Servers that end with the test that started them, however that ends: nothing is dropped in a test that is killed.

use std::ffi::OsStr;
use std::process::Command;

/// The program, to which the kernel sends `signal` when the thread that starts it is gone. `package` is Debian's.
pub fn server(program: impl AsRef<OsStr>, signal: &str, package: &str) -> Command {
    let program = program.as_ref();
    let found =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|p| p.join(program).exists()));
    assert!(
        found,
        "{} is missing: apt-get install {package} (tests/all does it)",
        program.display()
    );
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command
}
