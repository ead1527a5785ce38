//! Times, for people and for programs.

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `2026-11-25T14:00:00.000Z`, RFC 3339, of milliseconds since 1970.
pub(crate) fn full(millis: u64) -> String {
    let (year, month, day) = date(millis / DAY);
    let (hour, minute) = (millis % DAY / HOUR, millis % HOUR / MINUTE);
    let (second, milli) = (millis % MINUTE / SECOND, millis % SECOND);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.\
         {milli:03}Z"
    )
}

/// The Gregorian calendar, for days since 1970: a year begins in March, so
/// that the day that is not always there is its last one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // Since the first of March of year 0.
    let (era, day) = (days / 146_097, days % 146_097); // 400 years.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day_of_month)
}

/// How long something is ago, as docker(1) says it.
pub(crate) fn ago(millis: u64) -> String {
    let say = |n: u64, unit: &str| match n {
        1 => format!("1 {unit}"),
        n => format!("{n} {unit}s"),
    };
    match millis {
        _ if millis < SECOND => "less than a second".into(),
        _ if millis < MINUTE => say(millis / SECOND, "second"),
        _ if millis < HOUR => say(millis / MINUTE, "minute"),
        _ if millis < 2 * DAY => say(millis / HOUR, "hour"),
        _ => say(millis / DAY, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_calendar() {
        assert_eq!(full(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(full(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(full(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(full(1_795_615_200_001), "2026-11-25T14:00:00.001Z");
        assert_eq!(full(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn the_larger_the_coarser() {
        assert_eq!(ago(999), "less than a second");
        assert_eq!(ago(1000), "1 second");
        assert_eq!(ago(59 * MINUTE), "59 minutes");
        assert_eq!(ago(3 * DAY), "3 days");
    }
}
