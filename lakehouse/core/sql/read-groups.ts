/** Rows of an answer as groups, whatever the engine: cells are found by the names that the select gave its columns. */
import { TooManyGroupsError } from '../../../core/errors.ts'
import type {
  HitsGroup,
  HitsQuestion,
  Question,
  VisitsGroup,
  VisitsQuestion,
} from '../../../core/ports/query-engine.ts'
import type { Select } from './ast.ts'
import { hasPart } from './hits-rows.ts'

/** How one engine's cells are read; each throws TypeError for a cell of another kind. */
export interface CellReader {
  whole(cell: unknown): bigint
  text(cell: unknown): string
}

export type Rows = readonly (readonly unknown[])[]

/** @throws TooManyGroupsError */
export function readHitsGroups(question: HitsQuestion, select: Select, rows: Rows, reader: CellReader): HitsGroup[] {
  return readRows(question, select, rows, reader, (row) => ({
    ...row.group(),
    hits: row.whole('hits'),
    pageviews: row.whole('pageviews'),
    orders: row.whole('orders'),
    revenueMicros: row.whole('revenue'),
    ...(hasPart(question, 'visitors') && {
      visitors: {
        kept: Number(row.whole('kept')),
        largest: row.cell('largest') === null ? null : row.whole('largest'),
      },
    }),
    ...(hasPart(question, 'load') && {
      load: row.pairs('load').map(([bucket, n]) => ({ bucket: Number(bucket), n: BigInt(n) })),
    }),
    ...(hasPart(question, 'otherRevenue') && {
      otherRevenue: row.pairs('other_revenue').map(([currency, micros]) => ({ currency, micros: BigInt(micros) })),
    }),
  }))
}

/** @throws TooManyGroupsError */
export function readVisitsGroups(
  question: VisitsQuestion,
  select: Select,
  rows: Rows,
  reader: CellReader,
): VisitsGroup[] {
  return readRows(question, select, rows, reader, (row) => ({
    ...row.group(),
    sessions: row.whole('sessions'),
    bounces: row.whole('bounces'),
    durationMs: row.whole('duration'),
    pageviews: row.whole('pageviews'),
  }))
}

function readRows<T>(
  { maxGroups, dimensions }: Question,
  { columns }: Select,
  rows: Rows,
  reader: CellReader,
  read: (row: Row) => T,
): T[] {
  if (rows.length > maxGroups) throw new TooManyGroupsError(maxGroups)
  const places = new Map(columns.map(({ as }, index) => [as, index]))
  return rows.map((cells) => read(new Row(cells, places, reader, dimensions.length)))
}

class Row {
  constructor(
    private readonly cells: readonly unknown[],
    private readonly places: ReadonlyMap<string, number>,
    private readonly reader: CellReader,
    private readonly dimensions: number,
  ) {}

  cell(name: string): unknown {
    return this.cells[this.places.get(name) ?? -1]
  }

  whole(name: string): bigint {
    return this.reader.whole(this.cell(name))
  }

  /** None where the list is null. */
  pairs(name: string): readonly (readonly [string, string])[] {
    const cell = this.cell(name)
    return cell === null ? [] : JSON.parse(this.reader.text(cell))
  }

  group(): Pick<HitsGroup, 'bucket' | 'values' | 'other'> {
    return {
      bucket: Number(this.whole('bucket')),
      values: this.dimensions === 0 ? [] : JSON.parse(this.reader.text(this.cell('values'))),
      other: this.places.has('other') && this.reader.text(this.cell('other')) === 'true',
    }
  }
}
