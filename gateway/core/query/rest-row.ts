/**
 * The row `(other)`: everything behind the cut. Its sums are the rows' own; distinct visitors and load times are not sums,
 * so they are one more question, of the same rows: "the values that are left", or "not the values shown", whichever is
 * shorter.
 */
import type { Dimension, Filter } from '../../../core/ports/query-engine.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import type { Cells } from '../cells.ts'
import { askNumbers, type NumbersQuestion, type NumbersRow } from './ask-numbers.ts'
import { addHits, addVisits, type RowNumbers } from './metric-values.ts'

/** Rows that the further question may name; with more on both sides visitors are not counted (null). */
export const restQuestionMaxRows = 1_000
/** Characters of their values, together. */
export const restQuestionMaxChars = 100_000

export interface Rest extends RowNumbers {
  readonly stale: boolean
  readonly asOf: number
  readonly generation: number
}

/**
 * Numbers of all of `rest` (at least one row) as one. `shown`: all other rows of the question, those of earlier pages too.
 */
export async function askRest(
  cells: Cells,
  question: NumbersQuestion,
  rows: { readonly shown: readonly NumbersRow[]; readonly rest: readonly NumbersRow[] },
  signal: AbortSignal,
): Promise<Rest> {
  const { needs, dimensions, asOf } = question
  const { rest, shown } = rows
  // Of those rows' numbers the answer knows already.
  const fresh = { asOf, stale: false, generation: firstGeneration }
  const [only, ...others] = rest
  if (only !== undefined && others.length === 0) return { ...fresh, hits: only.hits, visits: only.visits }
  const sums = { hits: sumOf(rest, 'hits', addHits), visits: sumOf(rest, 'visits', addVisits) }
  const parts = needs.hits?.filter((part) => part !== 'otherRevenue') ?? []
  const filter = parts.length === 0 ? undefined : restFilter(dimensions, shown, rest)
  if (filter === undefined || sums.hits === undefined) return { ...fresh, ...sums }
  const answer = await askNumbers(
    cells,
    {
      ...question,
      dimensions: [],
      filter: question.filter === null ? filter : { op: 'and', filters: [question.filter, filter] },
      needs: { hits: parts, visits: false },
    },
    signal,
  )
  const { visitors, load } = answer.rows[0]?.hits ?? {}
  const hits = { ...sums.hits, ...(visitors && { visitors }), ...(load && { load }) }
  return { hits, visits: sums.visits, asOf: answer.asOf, stale: answer.stale, generation: answer.generation }
}

function sumOf<Part extends 'hits' | 'visits'>(
  rows: readonly NumbersRow[],
  part: Part,
  add: (a: NonNullable<NumbersRow[Part]>, b: NonNullable<NumbersRow[Part]>) => NonNullable<NumbersRow[Part]>,
): NumbersRow[Part] | undefined {
  let sum: NonNullable<NumbersRow[Part]> | undefined
  for (const row of rows) {
    const numbers = row[part]
    if (numbers) sum = sum === undefined ? numbers : add(sum, numbers)
  }
  return sum
}

/** What holds of the hits of `rest` alone; undefined where that would be too long a condition. */
function restFilter(
  dimensions: readonly Dimension[],
  shown: readonly NumbersRow[],
  rest: readonly NumbersRow[],
): Filter | undefined {
  // What was not kept of a truncated breakdown has no values to name.
  if (!rest.some(({ other }) => other) && rest.length <= shown.length && isShort(rest)) return oneOf(dimensions, rest)
  const kept = shown.filter(({ other }) => !other)
  if (!isShort(kept)) return undefined
  return { op: 'not', filter: oneOf(dimensions, kept) }
}

function isShort(rows: readonly NumbersRow[]): boolean {
  if (rows.length > restQuestionMaxRows) return false
  let chars = 0
  for (const { values } of rows) for (const value of values) chars += value.length
  return chars <= restQuestionMaxChars
}

/** The rows' combinations of values: a tree that names each value of the first dimension once, and so on below it. */
function oneOf(dimensions: readonly Dimension[], rows: readonly Pick<NumbersRow, 'values'>[], at = 0): Filter {
  const dimension = dimensions[at] as Dimension
  const byValue = new Map<string, Pick<NumbersRow, 'values'>[]>()
  for (const row of rows) {
    const value = row.values[at] as string
    const same = byValue.get(value)
    if (same === undefined) byValue.set(value, [row])
    else same.push(row)
  }
  if (at === dimensions.length - 1) return { op: 'is', dimension, values: [...byValue.keys()].sort() }
  const filters = [...byValue].map(
    ([value, same]): Filter => ({
      op: 'and',
      filters: [{ op: 'is', dimension, values: [value] }, oneOf(dimensions, same, at + 1)],
    }),
  )
  return { op: 'or', filters }
}
