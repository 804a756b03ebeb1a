/**
 * Rows in the order of the feed they came by. `dedupe` passes the first row of a key, so which one that is must not depend
 * on how a finite input happens to be read.
 */
import { StateLimitError } from '../../../core/errors.ts'
import type { Position } from '../../../core/ids.ts'
import type { SourceRow } from './program.ts'

/** Counted for a row that is kept, and for each of its columns, beside its texts. */
const rowOverheadBytes = 128
const columnBytes = 16

/**
 * Reads all rows, then gives them by position, in batches as they were read.
 * @throws StateLimitError where the rows need more than `maxBytes`
 */
export async function* rowsInOrder(
  batches: Iterable<readonly SourceRow[]> | AsyncIterable<readonly SourceRow[]>,
  options: { readonly plan: string; readonly maxBytes: number },
): AsyncGenerator<readonly SourceRow[]> {
  const rows: SourceRow[] = []
  let bytes = 0
  for await (const batch of batches) {
    for (const row of batch) {
      bytes += bytesOf(row.row)
      rows.push(row)
    }
    if (bytes > options.maxBytes) throw new StateLimitError(options.plan, bytes, options.maxBytes)
  }
  rows.sort((a, b) => comparePositions(a.position, b.position))
  for (let from = 0; from < rows.length; from += orderedBatchRows) yield rows.slice(from, from + orderedBatchRows)
}

/** Rows in a batch that is put in order, at most. */
export const orderedBatchRows = 1_000

function comparePositions(a: Position, b: Position): number {
  return a.partition - b.partition || a.offset - b.offset || a.index - b.index
}

function bytesOf(row: unknown): number {
  if (typeof row !== 'object' || row === null) return rowOverheadBytes
  let bytes = rowOverheadBytes
  for (const value of Object.values(row)) bytes += columnBytes + (typeof value === 'string' ? 2 * value.length : 0)
  return bytes
}
