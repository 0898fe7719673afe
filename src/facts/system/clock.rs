//! The time by the server's clock, in its zone.
use super::{Parts, object};
use serde_json::{Map, Value, json};

/// `SECONDS NANOSECONDS DATE TIME ZONE OFFSET WEEKDAY WEEKDAY-NUMBER WEEK`, from date(1).
pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let words: Vec<&str> = parts.text("clock").split_whitespace().collect();
    // busybox knows no nanoseconds and prints nothing, or what was asked for.
    let (epoch, nanos, rest) = match words[..] {
        [epoch, nanos, ref rest @ ..] if rest.len() == 7 => (epoch, nanos, rest),
        [epoch, ref rest @ ..] if rest.len() == 7 => (epoch, "", rest),
        _ => return Map::new(),
    };
    let [date, time, zone, offset, weekday, number, week] = rest else { return Map::new() };
    let (dates, times): (Vec<&str>, Vec<&str>) =
        (date.split('-').collect(), time.split(':').collect());
    let ([year, month, day], [hour, minute, second]) = (&dates[..], &times[..]) else {
        return Map::new();
    };
    let micros = nanos.get(..6).filter(|digits| digits.parse::<u32>().is_ok());
    let micros = micros.unwrap_or("000000");
    let utc = epoch.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let utc = utc.map(|stamp| stamp.to_string()).unwrap_or_default();
    let basic = format!("{year}{month}{day}T{hour}{minute}{second}");
    let date_time = json!({
        "year": year, "month": month, "day": day,
        "hour": hour, "minute": minute, "second": second,
        "date": date, "time": time,
        "epoch": epoch, "epoch_int": epoch,
        "weekday": weekday, "weekday_number": number, "weeknumber": week,
        "tz": zone, "tz_dst": zone, "tz_offset": offset,
        "iso8601": utc,
        "iso8601_micro": utc.replace('Z', &format!(".{micros}Z")),
        "iso8601_basic": format!("{basic}{micros}"),
        "iso8601_basic_short": basic,
    });
    object(json!({ "date_time": date_time }))
}
