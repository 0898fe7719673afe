//! How long it is from one time to another: Python's `timedelta`, which `-` makes of two times.
use super::Moment;
use crate::vars::native::{broken, undefined};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};
use std::sync::Arc;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A span of time; a negative one has negative days, and seconds that count forward from there.
#[derive(Debug)]
pub(in crate::vars) struct Elapsed(SignedDuration);

impl Elapsed {
    /// Days, seconds of a day, microseconds of a second.
    fn parts(&self) -> (i64, i64, i64) {
        let micros = i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX);
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        (seconds.div_euclid(DAY), seconds.rem_euclid(DAY), micros)
    }
}

impl Object for Elapsed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        match name {
            "days" => Some(days.into()),
            "seconds" => Some(seconds.into()),
            "microseconds" => Some(micros.into()),
            _ => None,
        }
    }
    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (method, args) {
            ("total_seconds", []) => Ok(self.0.as_secs_f64().into()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, seconds, micros) = self.parts();
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros == 0 { Ok(()) } else { write!(f, ".{micros:06}") }
    }
}

/// What `a - b` in brackets comes to, where times may be among the operands.
pub(in crate::vars) fn minus(left: &Value, right: &Value) -> Result<Value, Error> {
    if left.is_undefined() || right.is_undefined() {
        return Err(undefined());
    }
    let moments = (left.downcast_object_ref::<Moment>(), right.downcast_object_ref::<Moment>());
    if let (Some(left), Some(right)) = moments {
        let at = |moment: &Moment| moment.0.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        let (left, right) = at(left)
            .and_then(|left| Ok((left, at(right)?)))
            .map_err(|error| broken(error.to_string()))?;
        return Ok(Value::from_object(Elapsed(left.duration_since(right))));
    }
    let whole = (i64::try_from(left.clone()), i64::try_from(right.clone()));
    if let (Ok(left), Ok(right)) = whole
        && let Some(left) = left.checked_sub(right)
    {
        return Ok(left.into());
    }
    match (f64::try_from(left.clone()), f64::try_from(right.clone())) {
        (Ok(left), Ok(right)) => Ok((left - right).into()),
        _ => {
            Err(broken(format!("`-` has no meaning between {} and {}", left.kind(), right.kind())))
        }
    }
}
