//! Every bound in the product, with its unit and its reason.

use std::time::Duration;

/// Bytes of a name: fits a line of a terminal beside others, and a Prometheus label.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a title: a page on a lock screen shows about this much.
pub const TITLE_BYTES_MAX: usize = 240;
/// Bytes of the key that makes a repeated request harmless: an identifier of any usual kind, with room to spare.
pub const DECLARATION_KEY_BYTES_MAX: usize = 128;
/// Services that a refusal names: what a person reads before they look it up.
pub const SERVICES_NAMED_MAX: usize = 20;
/// Asks of people to come into one incident: more, and nobody knows any more who was asked. What an empty role asks is not counted.
pub const ASKS_PER_INCIDENT_MAX: usize = 200;
/// Policies that a refusal names: what a person reads before they look it up.
pub const POLICIES_NAMED_MAX: usize = 20;
/// Bytes of a note or an explanation: a long paragraph; longer things are evidence, not notes.
pub const TEXT_BYTES_MAX: usize = 16_384;
/// Labels on one signal: Prometheus alerts rarely pass 30.
pub const LABELS_MAX: usize = 64;
/// Bytes of one label value.
pub const LABEL_BYTES_MAX: usize = 4_096;
/// Bytes of an alert's annotations that are kept as they were posted: four times the text that a person is shown of them.
pub const ANNOTATIONS_BYTES_MAX: usize = 65_536;
/// Numbers in one explanation: more than a person reads.
pub const NUMBERS_MAX: usize = 32;
/// Signals attached one by one to an incident; past this they are counted and absorbed, so that a storm of 100,000 leaves a
/// timeline that a person can read and a machine can fold in milliseconds.
pub const SIGNALS_PER_INCIDENT_MAX: usize = 2_000;
/// Events of one incident, those of its room not counted; past this only acknowledge, merge, resolve, the room and what ends a task
/// are accepted.
pub const EVENTS_PER_INCIDENT_MAX: u64 = 10_000;
/// A look at what somebody looked at within this span is the same reading: they had it before their eyes all the while.
pub const READ_AGAIN: Duration = Duration::from_mins(10);
/// The same for an incident with [`READINGS_CLOSE`] readings: who reads it is known by then, and readings do not fill the log.
pub const READ_AGAIN_LATER: Duration = Duration::from_hours(24);
/// Readings of one incident from which on they are counted by the day: fifty people who look at three parts for five hours.
pub const READINGS_CLOSE: u64 = 5_000;
/// People and teams let into one restricted incident: with more it is no secret, and a team counts once.
pub const MEMBERS_MAX: usize = 100;
/// Bytes of a code name: a few words.
pub const CODE_NAME_BYTES_MAX: usize = 60;
/// Events of one room: ten people who write a message a minute without a break for a week. Past this nothing is written there but that
/// something is taken back; everything else is accepted as before. About 15 MB in memory while the incident is open.
pub const ROOM_EVENTS_MAX: u64 = 100_000;
/// What one person or token does in one room within [`ROOM_PACE_SPAN`]: faster than anybody types, and a script that is stuck stops there.
pub const ROOM_PACE_MAX: u32 = 60;
/// The span that is counted in.
pub const ROOM_PACE_SPAN: Duration = Duration::from_mins(1);
/// Messages pinned in one room: with more nobody sees what matters.
pub const PINS_MAX: usize = 50;
/// Bytes of the key by which a sender makes sending twice harmless: a UUID has 36.
pub const KEY_BYTES_MAX: usize = 64;
/// How long somebody counts as present who is not seen in the room any more: a lift, a tunnel, another tab.
pub const PRESENCE_GRACE: Duration = Duration::from_mins(5);
/// Events erased by one event of the journal: their digests make a leaf of about one megabyte. More are erased by several.
pub const ERASED_AT_ONCE_MAX: usize = 10_000;
/// Bytes of a request body: a full block with traces is about 2 MB; 100 alerts about 100 kB.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one answer of a node: `debug_traceBlock` of a full block reaches tens of megabytes.
pub const NODE_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Signals in one request: Prometheus sends 64 a batch by default.
pub const SIGNALS_PER_REQUEST_MAX: usize = 10_000;
/// Claims of monitors that end unless they are repeated: ten times what one Alertmanager is known to carry; about 50 MB.
pub const CLAIMS_EXPIRING_MAX: usize = 1_000_000;
/// Nesting of foreign JSON: traces nest deepest (the EVM allows 1,024 calls, real traces stay under 64 levels of two each).
pub const JSON_DEPTH_MAX: usize = 127;
/// Things of one block that could not be read and are named one by one: a person reads the first few, the others are counted.
pub const UNREAD_PARTS_MAX: usize = 32;
/// Blocks walked back to find a common ancestor: beyond, the chain is not one we know, and a person must look.
pub const FORK_WALK_BLOCKS_MAX: u64 = 256;
/// Bytes of a script of an output chain: its rules refuse longer ones.
pub const SCRIPT_BYTES_MAX: usize = 10_000;
/// Blocks back-filled per step after a reconnect, so that one long outage cannot starve the head.
pub const BACKFILL_BLOCKS_PER_STEP_MAX: u64 = 64;
/// Commands waiting for the engine; a full queue makes the sender wait (back-pressure), it drops nothing.
pub const ENGINE_QUEUE_COMMANDS_MAX: usize = 8_192;
/// Commands decided and committed together. Bounds the latency that one caller can add to another.
pub const ENGINE_BATCH_COMMANDS_MAX: usize = 1_024;
/// Pages handed to channels at once.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 64;
/// How long one attempt to deliver may take before its outcome is unknown.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts on one channel before the page moves to the person's next channel.
pub const ATTEMPTS_PER_CHANNEL_MAX: u32 = 3;
/// Attempts to say that something is over, or that a silence ends: there is one way only, nobody is woken by it, and a channel that is away
/// often returns within minutes. With pauses that double up to [`RETRY_AFTER_MAX`] that is about an hour.
pub const WORD_ATTEMPTS_MAX: u32 = 64;
/// The longest delay that a provider's `Retry-After` can impose on a page: longer, and another channel is better.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);
/// How long pages of one contact wait for each other, unless the configuration says otherwise: shorter than it takes to read the first.
pub const BUNDLE_WINDOW: Duration = Duration::from_secs(30);
/// SEV1 pages that go to one contact at once within [`WORST_SPAN`]: more are not read one by one.
pub const WORST_AT_ONCE: usize = 5;
/// The span that SEV1 pages are counted in.
pub const WORST_SPAN: Duration = Duration::from_mins(1);
/// After those the next go together, so far apart: whoever is woken has each within a second, and a flood is two messages a second.
pub const WORST_PAUSE: Duration = Duration::from_millis(500);
/// Services whose first page goes at once within a window.
pub const FIRSTS_MAX: usize = 10;
/// Deliveries in one message: what a mail can name. More are another message.
pub const BUNDLED_MAX: usize = 500;
/// The longest that pages of one contact wait for each other: what is not worse than SEV2 bears so much, and tiers wait longer.
pub const BUNDLE_MAX: Duration = Duration::from_mins(2);
/// How old a signed webhook may be at its receiver.
pub const REPLAY_WINDOW: Duration = Duration::from_mins(5);
/// The shortest heartbeat of a monitor: less, and one lost request wakes somebody.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(10);
/// How far the clock of a monitor may be from ours: more, and its alerts are as wrong as its clock.
pub const CLOCKS_APART_MAX: Duration = Duration::from_mins(1);
/// Tiers of an escalation policy: more never helped anyone.
pub const TIERS_MAX: usize = 16;
/// Rounds through an escalation policy before the fallback alone is repeated.
pub const ROUNDS_MAX: u32 = 100;
/// The shortest delay between tiers: a person needs this long to reach a phone.
pub const TIER_DELAY_MIN: Duration = Duration::from_secs(10);
/// How long to wait before everybody is tried again where nobody could be reached: a line that was cut is often back by then.
/// Twice as long after each vain pass, up to the policy's last delay.
pub const UNREACHED_PAUSE: Duration = Duration::from_secs(15);
/// How often that pause doubles at most: four hours, more than a page should ever wait; a policy's delay ends it sooner.
pub const UNREACHED_DOUBLINGS_MAX: u32 = 10;
/// How long somebody who is on an incident is left alone with what joined it before they are told of more: time to read the first.
pub const NEWS_PAUSE: Duration = Duration::from_mins(1);
/// How often that pause doubles, while more comes: up to an hour.
pub const NEWS_DOUBLINGS_MAX: u32 = 6;
/// Words spoken in need that are kept until the store takes them: two days of one every ten minutes.
pub const SAID_IN_NEED_MAX: usize = 256;
/// The longest delay between tiers.
pub const TIER_DELAY_MAX: Duration = Duration::from_hours(24);
/// Services of the catalogue.
pub const SERVICES_MAX: usize = 10_000;
/// Depth of the dependency walk: the longest chain of services a person can reason about.
pub const DEPENDENCY_DEPTH_MAX: usize = 16;
/// The longest shift in hours: a week.
pub const SHIFT_HOURS_MAX: u32 = 168;
/// The longest shift in calendar days: a leap year.
pub const SHIFT_DAYS_MAX: u32 = 366;
/// The longest shift in calendar weeks: a year.
pub const SHIFT_WEEKS_MAX: u32 = 52;
/// Rotations of a schedule: a follow-the-sun week needs about ten.
pub const ROTATIONS_MAX: usize = 64;
/// People of one rotation: more, and nobody remembers how it is done when their turn comes.
pub const PEOPLE_PER_ROTATION_MAX: usize = 256;
/// Overrides of a schedule: a year of daily exceptions for ten people.
pub const OVERRIDES_MAX: usize = 4_096;
/// Targets of one tier: all are paged at once, and a crowd answers slower than a person.
pub const TARGETS_PER_TIER_MAX: usize = 32;
/// The longest that an acknowledgement can hold: an incident that nobody looked at for a week is forgotten.
pub const ACKNOWLEDGEMENT_MAX: Duration = Duration::from_hours(7 * 24);
/// The longest range of turns in one answer: ten years with their leap days, and one to spare. Hourly shifts give 96,000 turns.
pub const TURNS_SPAN_MAX: Duration = Duration::from_hours(11 * 366 * 24);
/// Services counted as stopped by one: the score's term is at its most by 32.
pub const BLAST_RADIUS_MAX: usize = 256;
/// Services looked at each way for an incident that a signal may belong to: beyond, the relation is too thin to go by, and the
/// walk would cost more than the signal.
pub const RELATED_SERVICES_MAX: usize = 64;
/// Incidents looked at for one grouping key, the latest first: older ones have been quiet for longer.
pub const GROUP_CANDIDATES_MAX: usize = 4;
/// Merges followed from an incident to the one that holds it now: each was a person's deed.
pub const MERGE_DEPTH_MAX: usize = 64;
/// Incidents that go cold at once: a millisecond's work in the engine's task.
pub const COOLED_AT_ONCE_MAX: usize = 256;
/// Signals remembered that belong to no incident: more than a person scrolls; older ones are in the log.
pub const LOOSE_SIGNALS_MAX: usize = 10_000;
/// Repeats of one claim remembered by identifier, so that a batch that is delivered twice is counted once.
pub const REPEATS_REMEMBERED_MAX: usize = 16;
/// Incidents or silences of one request for many: what a person can have meant, and half a second's work.
pub const ASKED_AT_ONCE_MAX: usize = 500;
/// Silences in force or remembered.
pub const SILENCES_MAX: usize = 10_000;
/// How long an ended silence is shown: as long as Alertmanager shows them, so that its tools find what they expect.
pub const SILENCE_KEEP: Duration = Duration::from_hours(120);
/// Matchers of one silence.
pub const MATCHERS_MAX: usize = 64;
/// Bytes of a matcher's regular expression: about 700 names of hosts, one after the other.
pub const PATTERN_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a compiled regular expression: such a list of hosts needs about 1 MB, a class of Unicode 30 KB.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Groups within groups of a regular expression. Go allows 1,000; nobody writes ten.
pub const PATTERN_DEPTH_MAX: u32 = 250;
/// Counted repetitions of a regular expression, nested ones multiplied: Go's bound.
pub const PATTERN_REPEATS_MAX: u32 = 1_000;
/// Bytes of what names something that people act on: a script of an output chain in hex fits, and so does any sentence fragment.
pub const RESOURCE_BYTES_MAX: usize = 512;
/// Bytes of the word before it: `contract`, `feature-flag`.
pub const RESOURCE_KIND_BYTES_MAX: usize = 32;
/// Things that one task acts on: more is several tasks.
pub const RESOURCES_PER_TASK_MAX: usize = 16;
/// Tasks that people add to one incident: more than a room of people can look through. Those of merged incidents come on top.
pub const TASKS_PER_INCIDENT_MAX: usize = 300;
/// How long a claim of a task holds unless its claimant says otherwise: as long as an acknowledgement usually does.
pub const CLAIM_LASTS: Duration = Duration::from_mins(30);
/// The shortest claim: less ends before anybody has read that it was given.
pub const CLAIM_LASTS_MIN: Duration = Duration::from_mins(1);
/// The longest claim: a shift and a night. Whoever needs longer renews it.
pub const CLAIM_LASTS_MAX: Duration = Duration::from_hours(24);
/// How far away a task may be due: four weeks, and what is later is no task of an incident.
pub const TASK_DUE_MAX: Duration = Duration::from_hours(28 * 24);
/// Checks of a configuration: a house of fifty services has one or two for each.
pub const CHECKS_MAX: usize = 128;
/// Bytes of what a check saw, as it is kept and shown: two lines of a screen.
pub const SEEN_BYTES_MAX: usize = 500;
/// Validations that people ask for in one incident: one every two minutes for half a day. Each is answered by at most [`CHECKS_MAX`] events.
pub const VALIDATIONS_MAX: u32 = 400;
/// Changes of checks that nobody asked for, as one incident keeps them: a check that flaps once a minute fills it within a night. Past it
/// only what answers a person, and what begins it again, is kept.
pub const CHECK_CHANGES_MAX: u32 = 500;
/// The shortest time between two runs of a check that nobody asked for: what is checked has other work.
pub const CHECK_EVERY_MIN: Duration = Duration::from_secs(5);
/// The longest such time, and the longest that a result may be old: later it says nothing about now.
pub const CHECK_EVERY_MAX: Duration = Duration::from_hours(1);
/// The longest that an incident is watched after it was resolved: a day, as a batch that runs by night may show the harm first.
pub const WATCH_MAX: Duration = Duration::from_hours(24);
/// The longest that a check may take: people wait for it.
pub const CHECK_TIMEOUT_MAX: Duration = Duration::from_mins(1);
/// Bytes of one piece of evidence, 8 MiB: a long log, a trace of a large transaction, a picture of a screen. It is held in memory once.
pub const EVIDENCE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of the evidence of one incident, 256 MiB: a back-up and a bundle stay things that one machine handles in a minute.
pub const EVIDENCE_PER_INCIDENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Pieces of evidence of one incident: several of each step of a long night.
pub const EVIDENCE_ITEMS_MAX: usize = 1_000;
/// Entries of custody of one incident: each piece is read, exported and verified several times. Past it nothing is given out any more, as
/// nobody would know to whom.
pub const CUSTODY_PER_INCIDENT_MAX: u32 = 10_000;
/// Entries of custody that are left to what goes out of the house, bundles and hand-outs, when reading has used up the others.
pub const CUSTODY_RESERVE: u32 = 1_000;
/// Whoever looks at the same piece again within this span is in its custody once: a page that is loaded anew says nothing new.
pub const CUSTODY_SPAN: Duration = Duration::from_mins(10);
/// How often the hold of one incident is stated or lifted: lawyers change their minds a few times. Past it a hold stays, and none is refused.
pub const HOLD_TURNS_MAX: u32 = 100;
/// Bytes of a media type: those that are registered are shorter.
pub const MEDIA_TYPE_BYTES_MAX: usize = 128;
/// How many failures in a row may be asked for before a resolved incident begins again.
pub const CHECK_FAILURES_MAX: u32 = 10;
