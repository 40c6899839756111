"""Every period of every grant, from what was asked for: when it begins, how much it is, when it ends, what of it goes on (SEMANTICS §13)."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

from ledger import ONE, Failed, lines, ns, same, text, units

SECOND = 10**9
MONTHS = {"month": 1}
DAYS = {"day": 1, "week": 7}


class Calendar:
    """Clocks of a zone. Instants are nanoseconds of whole seconds."""

    def __init__(self, name):
        self.zone = ZoneInfo(name or "UTC")

    def local(self, at):
        return datetime.fromtimestamp(at // SECOND, self.zone).replace(tzinfo=None, fold=0)

    def instant(self, local):
        """The earlier of two instants that a clock shows so, or the first after a gap."""
        found = int(local.replace(tzinfo=self.zone, fold=0).timestamp())
        if self.local(found * SECOND) == local:
            return found * SECOND
        before, after = found - 86_400, found
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self.local(middle * SECOND) < local else (before, middle)
        return after * SECOND

    def midnight(self, at):
        return self.instant(self.local(at).replace(hour=0, minute=0, second=0))

    def day(self, at):
        return self.local(at).toordinal()

    def later(self, at, span, times=1):
        """So many spans after an instant, at the same local time; hours are exact."""
        count, unit = span[0] * times, span[1]
        if unit == "hour":
            return at + count * 3_600 * SECOND
        local = self.local(at)
        if unit in DAYS:
            return self.instant(local + timedelta(days=count * DAYS[unit]))
        months = local.year * 12 + local.month - 1 + count * MONTHS[unit]
        first = datetime(months // 12, months % 12 + 1, 1, local.hour, local.minute, local.second)
        following = datetime((months + 1) // 12, (months + 1) % 12 + 1, 1)
        last_day = (following - timedelta(days=1)).day
        return self.instant(first.replace(day=min(local.day, last_day)))


class Enrolment:
    """A grant at work for one customer: `made_at` is when it was told, `since` when it counts from."""

    def __init__(self, grant, customer, rule, calendar, made_at, since, start=None, added_at=None, wallet=None):
        self.grant, self.customer, self.wallet, self.rule, self.calendar = grant, customer, wallet, rule, calendar
        # Who is enrolled only later than a grant came to the plan enters it as any.
        self.made_at, self.since, self.added_at = made_at, since, added_at if added_at is None or added_at >= since else None
        self.versions = [(0, units(rule["credits"]), rule["end"])]
        self.removed_at = self.woken_at = None
        self.begins = {}
        begin = rule["start"] if rule["start"] is not None else start
        self.anchor = calendar.midnight(since) if begin is None else begin

    def change(self, at, credits, end):
        _, known_credits, known_end = self.versions[-1]
        self.versions.append((at, units(credits) if credits else known_credits, end if end else known_end))

    def end_from(self, at, end):
        known = self.versions[-1][2]
        self.change(at, None, end if known is None else min(known, end))

    def version(self, at):
        """What counts for a period that begins then; what began before anybody could change it is as it was made, but for what only a change let begin."""
        changed = at > self.made_at or at == self.woken_at
        return next(one for one in reversed(self.versions) if one[0] <= at and (one[0] == 0 or changed))

    def boundary(self, number):
        return self.calendar.later(self.anchor, self.rule["every"], number) if number else self.anchor

    def periods(self, until):
        """Beginning, credits and end of credit of every period up to an instant, or up to when it was taken away."""
        until = until if self.removed_at is None else min(until, self.removed_at)
        for at, nominal, ends in self.once() if self.rule["every"] is None else self.recurring(until):
            if at > until:
                return
            _, credits, end = self.version(at)
            if end is not None and at >= end:
                continue
            self.begins[at] = ends
            credits = self.prorated(credits, nominal, at, ends)
            if credits:
                yield at, credits, self.end_of_life(nominal, at, ends)

    def recurring(self, until):
        number, first = 0, self.since if self.added_at is None else self.added_at
        while self.boundary(number + 1) <= first:
            number += 1
        if self.added_at is not None and self.boundary(number) < first:
            number += 1
        while self.boundary(number) <= until:
            nominal = self.boundary(number)
            yield max(nominal, self.since), nominal, self.boundary(number + 1)
            number += 1

    def once(self):
        begin = self.rule["start"]
        first = max(begin or 0, self.since if self.added_at is None else self.added_at)
        nominal = min(self.anchor, first) if begin is None else first
        # Over before it began, it begins with whoever gives it a later end.
        candidates = [first, *(at for at, _, _ in self.versions if at > first)]
        for at in candidates:
            self.woken_at = at if at > first else None
            end = self.version(at)[2]
            if end is None or at < end:
                yield at, nominal if at == first or begin is None else at, None
                return

    def prorated(self, credits, nominal, at, ends):
        if not self.rule["prorated"] or ends is None or nominal >= at:
            return credits
        days = self.calendar.day(ends) - self.calendar.day(nominal)
        left = self.calendar.day(ends) - self.calendar.day(at)
        return credits * min(left, days) // days if days else credits

    def end_of_life(self, nominal, at, ends):
        life = self.rule["life"]
        if life is None or life == "period":
            return ends if life else None
        end = self.calendar.later(nominal if self.rule["start"] is None else at, life)
        return end if end > at else self.calendar.later(at, life)

    def carried(self, left):
        rollover = self.rule["rollover"]
        share = int(left * Fraction(units(rollover["share"]), ONE))
        return share if rollover["cap"] is None else min(share, units(rollover["cap"]))

    def carried_until(self, at):
        life = self.rule["rollover"]["life"]
        return (self.begins[at] if life == "period" else self.calendar.later(at, life)) if life else None


class Told:
    """What grants.jsonl says, line by line."""

    def __init__(self, path):
        self.enrolments, self.templates, self.subscriptions = [], {}, {}
        self.until = None
        for line in lines(path):
            getattr(self, line["what"])(line)

    def grant(self, line):
        start = line["rule"]["start"]
        since = line["at"] if start is None else start
        one = Enrolment(line["id"], line["customer"], line["rule"], Calendar(line["zone"]), line["at"], since, wallet=line["wallet"])
        self.enrolments.append((None, one))

    def template(self, line):
        self.templates[line["id"]] = line
        for id, subscription in self.subscriptions.items():
            if subscription["plan"] == line["plan"]:
                self.enrol(id, line, line["at"], line["at"])

    def subscription(self, line):
        self.subscriptions[line["id"]] = line
        for template in self.templates.values():
            if template["plan"] == line["plan"]:
                self.enrol(line["id"], template, line["at"], None)

    def enrol(self, id, template, made_at, added_at):
        of, rule = self.subscriptions[id], template["rule"]
        since = of["at"] if of["start"] is None else of["start"]
        one = Enrolment(template["id"], of["customer"], rule, Calendar(of["zone"]), made_at, since, of["start"], added_at)
        self.enrolments.append((id, one))

    def left(self, line):
        del self.subscriptions[line["id"]]
        for id, one in self.enrolments:
            if id == line["id"] and one.removed_at is None:
                one.removed_at = line["at"]

    def changed(self, line):
        template = self.templates.get(line["id"])
        if template:
            changes = {name: line[name] for name in ("credits", "end") if line[name]}
            template["rule"] = {**template["rule"], **changes}
        for one in self.of(line["id"]):
            one.change(line["at"], line["credits"], line["end"])

    def deleted(self, line):
        for one in self.of(line["id"]):
            if line["from"]:
                one.end_from(line["at"], line["from"])
            else:
                one.removed_at = line["at"]
        if not line["from"]:
            self.templates.pop(line["id"], None)

    def of(self, grant):
        return [one for _, one in self.enrolments if one.grant == grant and one.removed_at is None]

    def end(self, line):
        self.until = line["at"]


def show(at):
    return at and datetime.fromtimestamp(at // SECOND, timezone.utc).isoformat()


def check_grants(ledger, path):
    told = Told(path)
    found, last_moved = defaultdict(Counter), {}
    for row in ledger.in_order:
        last_moved[row.wallet_id] = max(row.at, last_moved.get(row.wallet_id, 0))
        if row.grant_id and row.transaction_reason == "SUBSCRIPTION_CREDIT_GRANT":
            expires = ledger.tranches[row.tranche_id].expires
            period = (row.at, units(row.credit_amount), ns(expires) if expires else None)
            found[row.external_customer_id, row.grant_id][period] += 1
    expected, of_period = defaultdict(Counter), defaultdict(list)
    for _, one in told.enrolments:
        key = (one.customer, one.grant)
        for period in one.periods(told.until):
            # A wallet's grant ends with it, and nothing moves it from then on.
            if one.wallet and period[0] > last_moved.get(one.wallet, 0):
                break
            expected[key][period] += 1
            of_period[(*key, period[0])].append(one)
    for key in expected | found:
        for period in expected[key] | found[key]:
            at, credits, end = period
            what = f"periods of {key} at {show(at)}, {text(credits)} until {show(end)}"
            same(what, found[key][period], expected[key][period])
    periods = sum(counter.total() for counter in expected.values())
    return f"{len(told.enrolments)} enrolments, {periods} periods, {check_rollovers(ledger, of_period)} agree"


def minted_by(of_period, row):
    """The enrolment that a row of a period is of: of those of one plan, which follow each other, the one that was there when it was written."""
    recorded = ns(row.recorded_at)
    for one in of_period.get((row.external_customer_id, row.grant_id, row.at), []):
        if one.made_at <= recorded and (one.removed_at is None or recorded <= one.removed_at):
            return one
    return None


def check_rollovers(ledger, of_period):
    """What ends with its period goes on as far as its grant says, and the rest expires."""
    rolled, went_on, counted = {}, set(), Counter()
    for row in ledger.in_order:
        for move in row.moves:
            if move.kind == "rolled_in":
                check_rolled_in(row, move, *rolled[row.parent_transaction_id])
                counted["rollovers"] += 1
            if move.kind not in ("rolled_out", "expired"):
                continue
            tranche, at = move.tranche, ns(move.tranche.expires)
            one = minted_by(of_period, tranche.made_by)
            # Once, at its end, while the grant has a next period; not what holds let go later, and not what went on before.
            rolls = one and one.rule["rollover"] and at in one.begins and row.at == at and tranche.source == "plan_included"
            carried = one.carried(move.left) if rolls and tranche.id not in went_on else 0
            same(f"what of {tranche.id} goes on", text(move.credits if move.kind == "rolled_out" else 0), text(carried))
            if move.kind == "rolled_out":
                rolled[row.id] = (move, at, one)
                went_on.add(tranche.id)
            elif rolls:
                counted["expiries"] += 1
    return f"{counted['rollovers']} rollovers and {counted['expiries']} expiries of what rolls over"


def check_rolled_in(row, move, came, at, one):
    tranche, until = move.tranche, one.carried_until(at)
    same(f"what goes on by {row.id}", (text(move.credits), text(tranche.original)), (text(came.credits), text(came.credits)))
    same(f"the paid money of {tranche.id}", text(tranche.paid), text(came.share))
    same(f"the source and end of {tranche.id}", (tranche.source, tranche.expires and ns(tranche.expires)), ("rollover", until))
