//! `clients/python`: its own tests, run by pytest.

use au_tests::example;

use super::installed::Installed;
use super::{passes, program, root};

/// Pinned: another version may mind other things.
const PACKAGES: [&str; 4] = ["pytest==8.4.2", "httpx==0.28.1", "hatchling==1.27.0", "editables==0.5"];

#[test]
fn the_python_client_does_what_its_tests_say() {
    let package = root().join("clients/python");
    let Some(python) = Installed::get("client", &PACKAGES) else { return };
    // What is tested is what pip makes of the package as it is now, and not its source.
    passes(python.install(&["--no-deps", "--no-build-isolation", "--force-reinstall"]).arg(&package));
    let mut pytest = python.module("pytest");
    pytest.current_dir(&package).args(["-q", "-p", "no:cacheprovider", "tests"]);
    pytest.args(["--doctest-modules", "--pyargs", "au_host"]);
    passes(pytest.env("AU_HOST_BIN", program()).env("AU_GUESTS_DIR", example::folder()));
}
