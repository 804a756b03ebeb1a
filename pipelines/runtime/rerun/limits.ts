/** Limits of the executor of reruns. */

/** A split of more rows is cut into parts by merchant: what fails or is cancelled is never more than this. */
export const splitMaxRows = 1_000_000
/** Parts of one day, at most: one merchant's day is never cut. */
export const splitPartsMax = 64
/** Rows of hits are staged after so many … */
export const flushMaxRows = 50_000
/** … or so much text of them. */
export const flushMaxBytes = 32 * 1_048_576
/** Hours are folded over so many hits at the most, then staged: more make fewer partial rows, and take memory. */
export const panesMaxHits = 100_000

/** What a split holds until it is staged. A batch that is read (2,048 rows) is taken whole. */
export interface FlushLimits {
  readonly rows: number
  readonly bytes: number
  readonly panes: number
}
export const flushLimits: FlushLimits = { rows: flushMaxRows, bytes: flushMaxBytes, panes: panesMaxHits }
