/** Where a hit ended: in exactly one column of the books, and where it failed, in a row of the failed sink. */
import type { FeedHit } from '../../core/hit.ts'
import type { LakeRow } from '../../core/tables.ts'
import type { Failed, FailedSink, RunFacts } from '../plan/sinks.ts'
import type { EpochOutput } from './epoch-output.ts'
import type { HitRun } from './hit-run.ts'

/** Books a hit that passed its steps. Stored before all else: what is in the table of hits counts as stored. */
export function bookHit(run: HitRun, output: EpochOutput, hit: FeedHit): void {
  const { books, counts } = output
  if (run.stored) {
    books.count(hit.merchant, hit.received, 'stored')
    counts.stored += 1
  } else if (run.failed) {
    books.count(hit.merchant, hit.received, 'failed')
    counts.failed += 1
  } else if (run.duplicate) {
    books.count(hit.merchant, hit.received, 'duplicates')
    counts.duplicates += 1
  } else {
    books.count(hit.merchant, hit.received, 'dropped', run.droppedBy ?? 'unwritten')
    counts.dropped += 1
  }
}

/** The row of a failure. A hit that not even the sink's mapping can hold goes in as its whole record. */
export function failedRow(
  sink: FailedSink<unknown>,
  failure: Failed<unknown>,
  payload: Uint8Array,
  hit: FeedHit,
  facts: RunFacts,
): LakeRow {
  try {
    return sink.toRow(failure, facts)
  } catch (error) {
    if (failure.kind === 'undecodable') throw error
    const { step, reason } = failure
    const { received, position } = hit
    const { offset, index } = position
    return sink.toRow({ kind: 'undecodable', step, reason, payload, received, offset, index }, facts)
  }
}
