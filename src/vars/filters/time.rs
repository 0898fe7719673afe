//! Filters on times. The present is when the run began, so that a template comes to the same however often
//! it is rendered.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::broken;
use crate::vars::session::Session;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use std::sync::Arc;

pub(super) static ENTRIES: [Entry; 2] = [
    entry(
        "to_datetime",
        &["format"],
        "a text as a time, with `year` … `second`, `strftime()`, `timestamp()`, `isoformat()`",
        "('2024-01-02 03:04:05' | to_datetime).year",
        to_datetime,
    ),
    entry(
        "strftime",
        &["second", "utc"],
        "a time (seconds since 1970; the begin of the run) in this format",
        "'%Y-%m-%d' | strftime(0, utc=true)",
        strftime,
    ),
];

/// A time of day on a day, in no time zone.
#[derive(Debug)]
pub(in crate::vars) struct Moment(pub(in crate::vars) DateTime);

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let time = self.0;
        Some(match name {
            "year" => Value::from(time.year()),
            "month" => Value::from(time.month()),
            "day" => Value::from(time.day()),
            "hour" => Value::from(time.hour()),
            "minute" => Value::from(time.minute()),
            "second" => Value::from(time.second()),
            "microsecond" => Value::from(time.subsec_nanosecond() / 1000),
            _ => return None,
        })
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (method, args) {
            ("isoformat", []) => Ok(Value::from(iso(self.0))),
            ("strftime", [format]) => {
                let format = format.as_str().ok_or_else(|| broken("strftime needs a text"))?;
                shown(format, &self.0.to_zoned(TimeZone::UTC).map_err(|e| broken(e.to_string()))?)
            }
            ("timestamp", []) => {
                let zoned = self.0.to_zoned(TimeZone::UTC).map_err(|e| broken(e.to_string()))?;
                Ok(Value::from(zoned.timestamp().as_duration().as_secs_f64()))
            }
            ("weekday", []) => Ok(Value::from(self.0.weekday().to_monday_zero_offset())),
            ("isoweekday", []) => Ok(Value::from(self.0.weekday().to_monday_one_offset())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&plain(self.0))
    }
}

/// As Python's `str()` of a time.
pub(in crate::vars) fn plain(time: DateTime) -> String {
    let micro = time.subsec_nanosecond() / 1000;
    let fraction = if micro == 0 { String::new() } else { format!(".{micro:06}") };
    format!(
        "{} {:02}:{:02}:{:02}{fraction}",
        time.date(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// As Ansible stores a time.
pub(in crate::vars) fn iso(time: DateTime) -> String {
    plain(time).replacen(' ', "T", 1)
}

/// A time in a format of C's strftime.
pub(in crate::vars) fn shown(format: &str, time: &Zoned) -> Result<Value, Error> {
    let text = jiff::fmt::strtime::format(format.as_bytes(), time);
    text.map(Value::from).map_err(|error| broken(format!("the format can't be used: {error}")))
}

fn to_datetime(call: &mut Call) -> Result<Value, Error> {
    let format = call.text_arg(0)?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".to_owned());
    let text = call.text()?;
    let parsed = jiff::fmt::strtime::parse(format.as_bytes(), text.as_bytes());
    let time = parsed.and_then(|parsed| {
        parsed
            .to_datetime()
            .or_else(|error| parsed.to_date().map(DateTime::from).map_err(|_| error))
    });
    let time = time
        .map_err(|_| call.error(format!("finds that `{text}` is not of the format `{format}`")))?;
    Ok(Value::from_object(Moment(time)))
}

fn strftime(call: &mut Call) -> Result<Value, Error> {
    let start = Session::of(call.state)?.machine()?.start();
    let zone = if call.flag(1, false) { TimeZone::UTC } else { start.time_zone().clone() };
    let time = match call.arg(0).filter(|second| !second.is_none()) {
        None => start.with_time_zone(zone),
        Some(second) => {
            let second = match second.kind() {
                ValueKind::Number => f64::try_from(second.clone()).ok(),
                _ => second.as_str().and_then(|text| text.trim().parse().ok()),
            };
            let time = second.and_then(|second| {
                let since = jiff::SignedDuration::try_from_secs_f64(second).ok()?;
                Timestamp::from_duration(since).ok()
            });
            time.ok_or_else(|| call.error("needs seconds since 1970"))?.to_zoned(zone)
        }
    };
    shown(&call.text()?, &time)
}
