/** Limits and paces of the driver of reruns. */

/** How often the store is asked for something to do, and whether what is done is still wanted. */
export const rerunPollMs = 1_000
/** One driver at a time, by this lease; it is renewed at a third of its time. */
export const rerunLease = 'reruns'
export const rerunLeaseTtlMs = 30_000
/** When the driver stops it waits so long for a call that does not end; what that does afterwards counts for nothing. */
export const rerunStopGraceMs = 10_000
/** Pause after a failure; doubled by each further one up to `rerunRetryMaxMs`. */
export const rerunRetryMinMs = 1_000
export const rerunRetryMaxMs = 60_000
/**
 * Failures in a row of one step that do not say that waiting helps (a bug, a full disk, a split that cannot be run); then
 * the rerun rests as `failed` until somebody resumes it. What says so is tried for ever.
 */
export const rerunTriesMax = 5
/** Staged and unpublished bytes of reruns; the next split begins when they are fewer. */
export const rerunUnpublishedMaxBytes = 128 * 1_048_576
/** How long the snapshots that a rerun reads are pinned; renewed while it is not over. */
export const rerunPinMs = 14 * 86_400_000
/** A pin is renewed when it has less than this left. */
export const rerunPinRenewMs = 13 * 86_400_000
/** How often pins of reruns that are over are looked for, and files that they left. */
export const rerunChoresEveryMs = 600_000
/** Files of splits that counted stay this long unless they are pending: readers may hold a view that has them. */
export const rerunGarbageGraceMs = 120_000
/** How often the record is told how far the splits are. */
export const rerunNotesEveryMs = 5_000
/** How often people are reminded of a rerun that costs both plans (core/rerun-reminder.ts). */
export const rerunReminderEveryMs = 86_400_000
