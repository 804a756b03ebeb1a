/**
 * Errors that the caller could not prevent. Each has a stable code (all are in `core/error-table.ts` and on the page
 * docs/reference/errors.md), says whether trying again is safe, carries its facts as fields, and tells what to do next.
 */
export type Retry = 'never' | 'afterBackoff' | 'outcomeUnknown'

export abstract class PlatformError extends Error {
  abstract readonly code: string
  abstract readonly retry: Retry
  override get name(): string {
    return this.constructor.name
  }
}

/** Bytes of a log are not what was written, in a place where no crash can leave that. */
export class CorruptLogError extends PlatformError {
  readonly code = 'LOG_CORRUPT'
  readonly retry = 'never'
  constructor(
    readonly file: string,
    readonly byte: number,
    readonly what: string,
  ) {
    super(
      `${file} is damaged at byte ${byte}: ${what}; restore the file from a copy, or move it away to go on without its hits`,
    )
  }
}

/** A read position lies before the oldest record kept. */
export class OffsetTrimmedError extends PlatformError {
  readonly code = 'LOG_OFFSET_TRIMMED'
  readonly retry = 'never'
  constructor(
    readonly asked: number,
    readonly oldest: number,
  ) {
    super(`records before ${oldest} are gone, asked for ${asked}; the control store and the log do not belong together`)
  }
}

/** The log takes nothing now: disk full, a failed write, or its limit. Nothing of this append is kept. */
export class LogUnavailableError extends PlatformError {
  readonly code = 'log_unavailable'
  readonly retry = 'afterBackoff'
  constructor(
    readonly reason: 'full' | 'failed' | 'closed' | 'unannounced',
    options?: ErrorOptions,
  ) {
    const unannounced = 'is not known to the control store yet'
    const why = { full: 'is full', failed: 'could not be written', closed: 'is closed', unannounced }[reason]
    super(`the log ${why}; nothing of this request was stored, send it again later`, options)
  }
}

/** Another owner moved the positions first, or took the job. Nothing of this epoch is committed. */
export class StaleEpochError extends PlatformError {
  readonly code = 'EPOCH_STALE'
  readonly retry = 'never'
  constructor(readonly detail: string) {
    super(`another owner went on from here (${detail}); drop this epoch and start from the committed positions`)
  }
}

/** Since the epoch began another generation is to be written, or one no more. */
export class StaleWritingError extends PlatformError {
  readonly code = 'WRITING_STALE'
  readonly retry = 'afterBackoff'
  constructor(
    readonly pipeline: string,
    readonly revision: number,
  ) {
    super(`what the jobs of '${pipeline}' write has changed since revision ${revision}; the epoch is made again`)
  }
}

/** Maintenance has begun to carry out an erasure that the epoch, or the split of a rerun, did not know of. Nothing of it is committed. */
export class StaleErasuresError extends PlatformError {
  readonly code = 'ERASURES_STALE'
  readonly retry = 'afterBackoff'
  /** `what`: of whom; `known`: the newest asking that it knew. */
  constructor(
    readonly what: string,
    readonly known: number,
  ) {
    super(`${what} knew erasures up to asking ${known}, and a later one is being carried out; it is made again`)
  }
}

/** What the rerun's state does not allow, or no longer. */
export class StaleRerunError extends PlatformError {
  readonly code = 'RERUN_STALE'
  readonly retry = 'never'
  constructor(
    readonly rerun: number,
    readonly what: string,
  ) {
    super(`rerun ${rerun} ${what}`)
  }
}

/** A rerun cannot be made as it is asked for; nothing was changed. */
export class RerunRefusedError extends PlatformError {
  readonly code = 'rerun_refused'
  readonly retry = 'never'
  constructor(readonly why: string) {
    super(`this cannot be rerun: ${why}`)
  }
}

/** There are as many reruns under way as there may be. */
export class TooManyRerunsError extends PlatformError {
  readonly code = 'RERUNS_TOO_MANY'
  readonly retry = 'never'
  constructor(readonly limit: number) {
    super(`there are ${limit} reruns that are neither released nor cancelled; end one of them first`)
  }
}

/** A rerun would be cut into more splits than one may have. */
export class TooManySplitsError extends PlatformError {
  readonly code = 'RERUN_SPLITS_TOO_MANY'
  readonly retry = 'never'
  constructor(
    readonly splits: number,
    readonly limit: number,
  ) {
    super(`the rerun would be ${splits} splits, and one may have ${limit}; narrow its dates or its merchants`)
  }
}

/** The lease is another owner's now. */
export class StaleLeaseError extends PlatformError {
  readonly code = 'LEASE_STALE'
  readonly retry = 'never'
  constructor(
    readonly lease: string,
    readonly fence: number,
  ) {
    super(`lease ${lease} is no longer held under fence ${fence}; stop and take it again`)
  }
}

/** A publication of the table is open: repeat and finish it first. */
export class PublicationOpenError extends PlatformError {
  readonly code = 'PUBLICATION_OPEN'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly id: number,
  ) {
    super(`publication ${id} of ${table} is not finished; repeat it before another begins`)
  }
}

/** Another writer moved the table first. Nothing of this commit is visible. */
export class CommitConflictError extends PlatformError {
  readonly code = 'LAKE_COMMIT_CONFLICT'
  readonly retry = 'afterBackoff'
  constructor(
    readonly table: string,
    readonly expected: string,
    readonly found: string,
    options?: ErrorOptions,
  ) {
    super(`${table} moved from ${expected} to ${found}; stage again on ${found} and commit`, options)
  }
}

/** The table has no such snapshot. */
export class SnapshotNotFoundError extends PlatformError {
  readonly code = 'SNAPSHOT_NOT_FOUND'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly snapshot: string,
  ) {
    super(`${table} has no snapshot ${snapshot}; list those it has`)
  }
}

/** A table's files are not what the Iceberg specification says, or not there. */
export class CorruptTableError extends PlatformError {
  readonly code = 'LAKE_TABLE_CORRUPT'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly file: string,
    readonly what: string,
    options?: ErrorOptions,
  ) {
    super(`${table}: ${file} cannot be read: ${what}`, options)
  }
}

/** The table is sound, but uses a part of the Iceberg format that is not read here. */
export class UnsupportedTableError extends PlatformError {
  readonly code = 'LAKE_TABLE_UNSUPPORTED'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly file: string,
    readonly what: string,
    readonly mend: string,
    options?: ErrorOptions,
  ) {
    super(`${table}: ${file} has ${what}, not read here; ${mend}`, options)
  }
}

/** The table has no such tag or branch, or no snapshot that old. */
export class RefNotFoundError extends PlatformError {
  readonly code = 'LAKE_REF_NOT_FOUND'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly ref: string,
  ) {
    super(`${table} has no ${ref}; list its snapshots, tags and branches`)
  }
}

/** The change asked for would leave the table wrong; nothing was written. */
export class TableChangeRefusedError extends PlatformError {
  readonly code = 'LAKE_CHANGE_REFUSED'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly change: string,
    readonly why: string,
  ) {
    super(`${table}: ${change} is refused: ${why}`)
  }
}

/** A rollback would take hits out of view, or cannot be undone step by step; nothing was changed. */
export class RollbackRefusedError extends PlatformError {
  readonly code = 'rollback_refused'
  readonly retry = 'never'
  constructor(
    readonly table: string,
    readonly snapshot: string,
    readonly why: string,
  ) {
    super(`${table} is not rolled back to ${snapshot}: ${why}`)
  }
}

/** A part of a job's saved state is not what was written, or not there. */
export class CorruptCheckpointError extends PlatformError {
  readonly code = 'CHECKPOINT_CORRUPT'
  readonly retry = 'never'
  constructor(
    readonly object: string,
    readonly what: string,
    options?: ErrorOptions,
  ) {
    super(`${object} is damaged: ${what}; restore it from a copy, the job does not go on without its state`, options)
  }
}

/** The job's state reached its limit; the worker stops reading rather than forget. */
export class StateLimitError extends PlatformError {
  readonly code = 'STATE_LIMIT'
  readonly retry = 'afterBackoff'
  constructor(
    readonly job: string,
    readonly bytes: number,
    readonly limit: number,
  ) {
    super(
      `the state of job ${job} needs ${bytes} bytes, the limit is ${limit}; raise HITLAKE_STATE_MAX_BYTES, or the plan's own limit`,
    )
  }
}

/** A raw query would read more rows than its budget; it is refused whole, never answered in part. */
export class RawBudgetError extends PlatformError {
  readonly code = 'raw_budget'
  readonly retry = 'never'
  constructor(
    readonly rows: number,
    readonly budget: number,
  ) {
    super(`this needs ${rows} raw rows, the budget is ${budget}; ask a shorter range`)
  }
}

/** The answer would be longer than the question allows. */
export class TooManyGroupsError extends PlatformError {
  readonly code = 'too_many_groups'
  readonly retry = 'never'
  constructor(readonly maxGroups: number) {
    super(`the answer would have more than ${maxGroups} groups; ask fewer dimensions, a filter or longer intervals`)
  }
}

/** The query engine gave no answer. */
export class EngineUnavailableError extends PlatformError {
  readonly code = 'engine_unavailable'
  readonly retry = 'afterBackoff'
  constructor(options?: ErrorOptions) {
    super('the query engine is not answering; try again', options)
  }
}

/** The control store is not reachable, or gave a transaction up. Nothing of this call happened. */
export class ControlStoreUnavailableError extends PlatformError {
  readonly code = 'control_store_unavailable'
  readonly retry = 'afterBackoff'
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`the control store is not answering (${reason}); nothing of this call happened, try again`, options)
  }
}

/** The connection to the control store broke while a transaction was being committed: it may have happened or not. */
export class ControlStoreOutcomeUnknownError extends PlatformError {
  readonly code = 'CONTROL_STORE_OUTCOME_UNKNOWN'
  readonly retry = 'outcomeUnknown'
  constructor(options?: ErrorOptions) {
    super('whether the control store has committed is not known; read what it holds before repeating', options)
  }
}

/** A plan that would go wrong, refused while it is built. */
export class InvalidPlanError extends PlatformError {
  readonly code = 'PLAN_INVALID'
  readonly retry = 'never'
}

/** A text that is no plan of this release: damaged, of a newer form, or of something else. */
export class UnreadablePlanError extends PlatformError {
  readonly code = 'PLAN_UNREADABLE'
  readonly retry = 'never'
  constructor(
    /** JSON pointer to the first fault; empty: the whole text. */
    readonly pointer: string,
    readonly fault: string,
    options?: ErrorOptions,
  ) {
    super(`this is no plan: ${pointer === '' ? '' : `${pointer}: `}${fault}`, options)
  }
}

/** The repository of plans has no plan of that version. */
export class PlanNotFoundError extends PlatformError {
  readonly code = 'PLAN_NOT_FOUND'
  readonly retry = 'never'
  constructor(
    readonly pipeline: string,
    readonly version: string,
  ) {
    super(
      `no plan ${version} of '${pipeline}' is kept; restore plans/${pipeline}/ from a copy, start the release it is of once, or start with HITLAKE_PLAN_CHANGES=adopt to go on by the plan of this release`,
    )
  }
}

/** A kept plan is not what was saved. */
export class PlanCorruptError extends PlatformError {
  readonly code = 'PLAN_CORRUPT'
  readonly retry = 'never'
  constructor(
    readonly object: string,
    readonly what: string,
    options?: ErrorOptions,
  ) {
    super(
      `${object} ${what}; restore it from a copy, or start the release it is of once, which saves it again`,
      options,
    )
  }
}

/** A kept plan is of a form that this release cannot run. */
export class PlanFormatError extends PlatformError {
  readonly code = 'PLAN_FORMAT_UNKNOWN'
  readonly retry = 'never'
  constructor(
    readonly pipeline: string,
    readonly version: string,
    readonly what: string,
    options?: ErrorOptions,
  ) {
    super(
      `plan ${version} of '${pipeline}' cannot be run by this release: ${what}; run a release that can, or go on by the plan of this one with HITLAKE_PLAN_CHANGES=adopt`,
      options,
    )
  }
}

/** The system cannot start here; the message is one sentence with the mend. */
export class StartError extends PlatformError {
  readonly code = 'START_FAILED'
  readonly retry = 'never'
}

/** A command cannot do what it was asked; the message is one sentence with the mend. */
export class CommandError extends PlatformError {
  readonly code = 'COMMAND_FAILED'
  readonly retry = 'never'
}

/** A record of the feed that no known schema can read. It is set aside whole and never stops its partition. */
export class PoisonRecordError extends PlatformError {
  readonly code = 'RECORD_POISON'
  readonly retry = 'never'
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`a record cannot be decoded: ${reason}; set it aside and go on with the next`, options)
  }
}

/** Why Trino gave no answer. */
export type TrinoTrouble = 'connection' | 'status' | 'starting' | 'restarted' | 'time limit' | 'closed'

/** Trino gave no answer, and nothing was changed by the statement. */
export class TrinoUnavailableError extends PlatformError {
  readonly code = 'TRINO_UNAVAILABLE'
  readonly retry = 'afterBackoff'
  constructor(
    readonly reason: TrinoTrouble,
    options?: ErrorOptions,
  ) {
    super(`Trino gave no answer (${reason}); try again`, options)
  }
}

/** Trino took a statement that writes, and its end was not seen: it may have landed, or may land yet. */
export class TrinoOutcomeUnknownError extends PlatformError {
  readonly code = 'TRINO_OUTCOME_UNKNOWN'
  readonly retry = 'outcomeUnknown'
  constructor(
    readonly reason: TrinoTrouble,
    options?: ErrorOptions,
  ) {
    super(`whether Trino carried a statement out is unknown (${reason}); look before it is repeated`, options)
  }
}

/** Trino says that a statement failed. `errorName` and `errorType` are Trino's. */
export class TrinoQueryError extends PlatformError {
  readonly code = 'TRINO_QUERY_FAILED'
  readonly retry = 'outcomeUnknown'
  constructor(
    readonly errorName: string,
    readonly errorType: string,
    readonly query: string,
    detail: string,
  ) {
    super(`Trino failed query ${query}: ${errorName}${detail === '' ? '' : ` (${detail})`}; look it up in Trino`)
  }
}

/** A result has more rows than its limit; it is given up whole. */
export class TrinoResultTooLargeError extends PlatformError {
  readonly code = 'TRINO_RESULT_TOO_LARGE'
  readonly retry = 'never'
  constructor(readonly limit: number) {
    super(`a result of Trino has more than ${limit} rows; ask for less at once`)
  }
}

/** The object store did not answer, or answered that it cannot now. What was asked may have happened: every call can be repeated. */
export class ObjectStoreUnavailableError extends PlatformError {
  readonly code = 'OBJECT_STORE_UNAVAILABLE'
  readonly retry = 'afterBackoff'
  constructor(
    readonly call: string,
    readonly object: string,
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(`the object store did not answer to ${call} of ${object} in ${attempts} attempts; try again later`, options)
  }
}

/** The object store refuses what was asked; asking again changes nothing. */
export class ObjectStoreRefusedError extends PlatformError {
  readonly code = 'OBJECT_STORE_REFUSED'
  readonly retry = 'never'
  constructor(
    readonly call: string,
    readonly object: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`the object store refuses ${call} of ${object} (${reason}); check bucket, keys and their rights`, options)
  }
}

/** The control store lacks what was once committed: it was set back to an older state. Nothing more may be built on it. */
export class ControlStoreBehindError extends PlatformError {
  readonly code = 'CONTROL_STORE_BEHIND'
  readonly retry = 'never'
  constructor(readonly detail: string) {
    super(
      `the control store is behind its journal: ${detail}; it was restored from an older copy. Stop all processes and run \`hitlake recover\``,
    )
  }
}

/** The journal does not hold what is needed to bring the control store up to date. */
export class JournalGapError extends PlatformError {
  readonly code = 'JOURNAL_GAP'
  readonly retry = 'never'
  constructor(readonly detail: string) {
    super(`the journal cannot bring this control store up to date: ${detail}; restore a newer copy and run it again`)
  }
}

/** Kafka did not say that all of it is stored. Any part of it may be. */
export class FeedUnavailableError extends PlatformError {
  readonly code = 'FEED_UNAVAILABLE'
  readonly retry = 'outcomeUnknown'
  constructor(
    readonly call: string,
    options?: ErrorOptions,
  ) {
    super(`Kafka gave no answer to ${call}; the same is sent again, and what landed twice is dropped`, options)
  }
}

/** A committed position lies behind the end of the feed: the feed is not the one it was reached in. */
export class PositionBeyondFeedError extends PlatformError {
  readonly code = 'FEED_POSITION_BEYOND_END'
  readonly retry = 'never'
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly position: number,
    readonly end: number,
  ) {
    super(
      `partition ${partition} of ${topic} ends at ${end}, before the committed position ${position}; the topic was made anew or lost records: use a topic of another name`,
    )
  }
}

/** The topic is not as it is configured here. */
export class UnfitTopicError extends PlatformError {
  readonly code = 'FEED_TOPIC_UNFIT'
  readonly retry = 'never'
  constructor(
    readonly topic: string,
    readonly what: string,
  ) {
    super(`topic ${topic} ${what}`)
  }
}

/** History cannot be emitted there, or not gone on with there: what is there is not what the emission left. */
export class EmitRefusedError extends PlatformError {
  readonly code = 'EMIT_REFUSED'
  readonly retry = 'never'
  constructor(
    readonly output: string,
    readonly reason: string,
  ) {
    super(`history cannot be emitted to ${output}: ${reason}`)
  }
}
