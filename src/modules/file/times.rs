//! Times of a path: when they are set, and to what. What is written is a moment of the server's own
//! time zone, so the server is asked which one it is.
use super::{Params, PlanError, State};
use crate::change::{Change, When};
use crate::facts::{Fact, Observed, Probe, Stat};
use crate::modules::values::Text;

const FORMAT: &str = "%Y%m%d%H%M.%S";

/// The change that gives a path its times; `None` when they are as wished. `now`: what is there.
pub(super) fn plan(
    params: &Params,
    now: Option<&Stat>,
    seen: &Observed,
) -> Result<Option<Change>, PlanError> {
    let access = moment("access_time", params, seen)?;
    let modification = moment("modification_time", params, seen)?;
    let path = params.path.clone();
    let access = match (access, now) {
        (Some(When::At(wanted)), Some(_)) => {
            let probe = Probe::Details {
                path: path.clone(),
                follow: params.follows(),
                sum: String::new(),
                mime: false,
                flags: false,
            };
            let same = match seen.get(&probe)? {
                Fact::Details(Some(details)) => details.inode.atime == wanted,
                _ => false,
            };
            access.filter(|_| !same)
        }
        // A new file has the time of its making.
        (Some(When::Now), None) => None,
        _ => access,
    };
    let modification = match (modification, now) {
        (Some(When::At(wanted)), Some(stat)) => modification.filter(|_| stat.mtime != wanted),
        (Some(When::Now), None) => None,
        _ => modification,
    };
    let any = access.is_some() || modification.is_some();
    Ok(any.then_some(Change::SetTimes { path, access, modification }))
}

/// What is wished of one of both times; `None`: as it is.
fn moment(name: &str, params: &Params, seen: &Observed) -> Result<Option<When>, PlanError> {
    let (written, format) = match name {
        "access_time" => (&params.access_time, &params.access_time_format),
        _ => (&params.modification_time, &params.modification_time_format),
    };
    match written.as_ref().map(|Text(text)| text.as_str()) {
        None if params.state == Some(State::Touch) => Ok(Some(When::Now)),
        None | Some("preserve" | "") => Ok(None),
        Some("now") => Ok(Some(When::Now)),
        Some(text) => {
            let format = format.as_deref().unwrap_or(FORMAT);
            let read = jiff::civil::DateTime::strptime(format, text);
            let read = read.map_err(|_| PlanError::Params {
                path: name.to_owned(),
                message: format!("`{text}` is not written as `{format}` says"),
            })?;
            let local = read.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let argv = ["date", "-d", &local, "+%s"].map(str::to_owned).into();
            let Fact::Command(answer) = seen.get(&Probe::Command { argv })? else {
                return Ok(None);
            };
            let seconds = answer.stdout.text().trim().parse().map_err(|_| {
                PlanError::failed(format!("the server does not know the moment {local}"))
            })?;
            Ok(Some(When::At(seconds)))
        }
    }
}
