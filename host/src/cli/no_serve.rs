//! `serve`, where it is not built in.

use au_host::Error;

use super::args::Serve;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

pub(crate) async fn serve(_place: &Place, _out: Out, _command: Serve) -> Result {
    Err(Error::Missing { part: "serve".into(), feature: "http" }.into())
}
