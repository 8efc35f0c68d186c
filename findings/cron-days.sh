#!/usr/bin/env bash
# croniter 7.0.0, APScheduler 3.11.3, cron-parser 5.10.6, croner 11.0.1: one crontab line, four schedules.
#
# Expected: as crontab(5) says: day 1 of the week is Monday; with a day of the month and a day of the week either is enough; a job
# of a fixed hour runs once on each day, also on those on which the clocks change.
# Seen: `from_crontab` of APScheduler counts days of the week from Monday as 0, so that `1` is Tuesday, and wants both days at once.
# Where 02:30 does not exist, the four say 03:00 (croniter, croner) or 03:30 (APScheduler, cron-parser); where it exists twice,
# croniter and APScheduler run twice.
# For us: a hand-over is a zone, a weekday by name and a time, never a crontab line; docs/adr/0007-hand-over-in-a-skipped-hour.md.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check croniter==7.0.0 APScheduler==3.11.3 tzdata
npm install --silent --no-audit --no-fund --ignore-scripts cron-parser@5.10.6 croner@11.0.1 >/dev/null

cat >cron.py <<'PY'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
ZONE = ZoneInfo("Europe/Berlin")
def by_croniter(line, start, count):
    times = croniter(line, start)
    return [times.get_next(datetime) for _ in range(count)]
def by_apscheduler(line, start, count):
    trigger, last, times = CronTrigger.from_crontab(line, timezone=ZONE), None, []
    for _ in range(count):
        last = trigger.get_next_fire_time(last, last or start)
        times.append(last)
    return times
def utc(times):
    return " ".join(time.astimezone(timezone.utc).strftime("%d.%H:%M") for time in times)
for name, times in (("croniter", by_croniter), ("APScheduler", by_apscheduler)):
    print(name, "monday", times("0 9 * * 1", datetime(2026, 3, 4, tzinfo=ZONE), 1)[0].strftime("%A"))
    print(name, "either", utc(times("0 9 13 * fri", datetime(2026, 3, 1, tzinfo=ZONE), 2)))
    print(name, "skipped", utc(times("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=ZONE), 1)))
    print(name, "twice", utc(times("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=ZONE), 2)))
PY
cat >cron.mjs <<'JS'
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";
const tz = "Europe/Berlin";
const parser = (line, start, count) => {
  const times = CronExpressionParser.parse(line, { currentDate: start, tz });
  return Array.from({ length: count }, () => times.next().toDate());
};
const croner = (line, start, count) => new Cron(line, { timezone: tz, paused: true }).nextRuns(count, new Date(start));
const utc = (times) => times.map((time) => time.toISOString()).map((text) => `${text.slice(8, 10)}.${text.slice(11, 16)}`).join(" ");
for (const [name, times] of [["cron-parser", parser], ["croner", croner]]) {
  console.log(name, "monday", times("0 9 * * 1", "2026-03-04T00:00:00+01:00", 1)[0].toLocaleDateString("en", { weekday: "long" }));
  console.log(name, "either", utc(times("0 9 13 * 5", "2026-03-01T00:00:00+01:00", 2)));
  console.log(name, "skipped", utc(times("30 2 * * *", "2026-03-28T12:00:00+01:00", 1)));
  console.log(name, "twice", utc(times("30 2 * * *", "2026-10-24T12:00:00+02:00", 2)));
}
JS
seen=$(python/bin/python cron.py; node cron.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
croniter monday Monday
croniter either 06.08:00 13.08:00
croniter skipped 29.01:00
croniter twice 25.00:30 25.01:30
APScheduler monday Tuesday
APScheduler either 13.08:00 13.08:00
APScheduler skipped 29.01:30
APScheduler twice 25.00:30 25.01:30
cron-parser monday Monday
cron-parser either 06.08:00 13.08:00
cron-parser skipped 29.01:30
cron-parser twice 25.00:30 26.01:30
croner monday Monday
croner either 06.08:00 13.08:00
croner skipped 29.01:00
croner twice 25.00:30 26.01:30
SEEN
