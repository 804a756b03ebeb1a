/**
 * Compares generations on DuckDB, over the files of the days in question; what is committed and not published counts too.
 *
 * Sketches of all hours at once do not fit into memory, and lists that are gathered do not spill. So the numbers of both
 * sides are made a stretch of hours at a time, each as large as may be, into a temporary table, which spills; what is asked
 * is asked of that.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { utcDay } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ScanFilter, TableView } from '../../../core/ports/lake.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import type { GenerationComparer } from '../../../core/ports/rerun-work.ts'
import { hourlyTable } from '../../../schemas/tables.ts'
import { compareGenerations, generationsQuestion } from '../../core/compare-generations.ts'
import { named, type Select } from '../../core/sql/ast.ts'
import { printDuckDb } from '../../core/sql/duckdb-printer.ts'
import { numbersSelect } from '../../core/sql/generations-diff-select.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'
import { readFiles } from './deleted-rows.ts'
import { withConnection } from './parquet.ts'
import { duckDbCells } from './query-engine.ts'

/** Of rows and their sketches that are merged at once; it takes several times as much. One hour is merged at once, whatever it has. */
export const comparisonPieceBytes = 4 * 1_048_576
/** Of a row without its sketch. */
const rowBytes = 200
const hashBytes = 8

export interface DuckDbComparerOptions {
  readonly instance: DuckDBInstance
  readonly files: TableFiles
  /** Of `hourly`, as readers see it now. */
  readonly view: () => Promise<TableView>
  readonly clock: Pick<Clock, 'now'>
  /** `comparisonPieceBytes` where absent. */
  readonly pieceBytes?: number
}

export function createDuckDbGenerationComparer(options: DuckDbComparerOptions): GenerationComparer {
  const { instance, files, clock, pieceBytes = comparisonPieceBytes } = options
  return {
    async compare(asked) {
      const view = await options.view()
      const filter = filterOf(hullOf(asked.places))
      const found = await files.files(view, filter)
      return withConnection(instance, async (connection) => {
        const question = generationsQuestion(asked)
        const pieces = found.length === 0 ? [] : piecesOf(await hoursOf(connection, found), pieceBytes)
        for (const [index, within] of pieces.entries()) {
          const days = { firstDay: utcDay(within.start), lastDay: utcDay(within.end - 1) }
          const held = await files.files(view, { ...filter, ...days })
          const sql = printDuckDb(numbersSelect({ ...question, within }), fromFiles(held))
          await connection.run(
            index === 0 ? `CREATE TEMP TABLE ${numbersTable} AS ${sql}` : `INSERT INTO ${numbersTable} ${sql}`,
          )
        }
        const run = async (select: Select) =>
          pieces.length === 0 ? null : (await connection.runAndReadAll(printDuckDb(select, noFiles))).getRows()
        const numbers = { from: named(numbersTable) }
        return compareGenerations({ numbers, run, cells: duckDbCells, snapshot: view.snapshot }, clock.now())
      })
    },
  }
}

const numbersTable = 'numbers'
type TableReader = Parameters<typeof printDuckDb>[1]

const fromFiles =
  (files: readonly TableFile[]): TableReader =>
  (_table, columns) =>
    readFiles(
      hourlyTable.columns.filter(({ name }) => columns.includes(name)),
      files,
    )

const noFiles: TableReader = () => {
  throw new Error('asks for a table where only numbers are to be read')
}

interface Hour {
  readonly start: number
  readonly bytes: number
}

/** Hours that the files have rows of, rising; of every merchant and generation, so rather too many bytes than too few. */
async function hoursOf(connection: DuckDBConnection, files: readonly TableFile[]): Promise<readonly Hour[]> {
  const columns = hourlyTable.columns.filter(({ name }) => name === 'bucket' || name === 'visitors')
  const reader = await connection.runAndReadAll(
    `SELECT epoch_ms(bucket) AS start, count(*) * ${rowBytes} + coalesce(sum(len(visitors)), 0) * ${hashBytes}
FROM ${readFiles(columns, files)} GROUP BY 1 ORDER BY 1`,
  )
  return reader.getRows().map(([start, bytes]) => ({ start: Number(start), bytes: Number(bytes) }))
}

/** Stretches that hold every hour once, none of them with more than `limit` bytes unless it is a single hour. */
export function piecesOf(hours: readonly Hour[], limit: number): readonly BucketRange[] {
  const starts: number[] = []
  let held = Number.POSITIVE_INFINITY
  for (const { start, bytes } of hours) {
    if (held + bytes > limit) {
      starts.push(start)
      held = 0
    }
    held += bytes
  }
  const end = (hours.at(-1)?.start ?? 0) + 1
  return starts.map((start, index) => ({ start, end: starts[index + 1] ?? end }))
}

/** Files are left out by day: a merchant's own bounds are looked at only where one place is asked for. */
function filterOf({ merchant, from, to }: GenerationPlace): ScanFilter {
  return {
    ...(merchant !== null && { merchant }),
    ...(from !== null && { firstDay: utcDay(from) }),
    ...(to !== null && { lastDay: utcDay(to - 1) }),
  }
}

function hullOf(places: readonly GenerationPlace[]): GenerationPlace {
  const [only, ...others] = places
  if (only !== undefined && others.length === 0) return only
  const from = places.some((place) => place.from === null)
    ? null
    : Math.min(...places.map(({ from }) => from as number))
  const to = places.some((place) => place.to === null) ? null : Math.max(...places.map(({ to }) => to as number))
  return { merchant: null, from, to }
}
