/** Names of cells: texts that begin with the merchant and are equal only for equal questions, whatever texts these hold. */
import { createHash } from 'node:crypto'
import type { CellsQuestion } from './cells.ts'

/** A longer description is replaced by its hash: a filter may have 200,000 characters, and every cell has a key. */
export const plainKeyMaxLength = 200

/** What stands before the bucket in a cell's key. */
export function cellsKey(
  { merchant, dimensions, filter }: Pick<CellsQuestion, 'merchant' | 'dimensions' | 'filter'>,
  from: 'rollup' | 'raw' | 'visits',
): string {
  // JSON tells any two lists apart; a merchant's id has no slash (api.md), and no JSON begins with a `#`.
  const description = JSON.stringify([from, dimensions, filter])
  if (description.length <= plainKeyMaxLength) return `${merchant}/${description}`
  return `${merchant}/#${createHash('sha256').update(description).digest('base64')}`
}
