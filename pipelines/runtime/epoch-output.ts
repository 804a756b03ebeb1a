/**
 * What one epoch has made so far, over all partitions of the job: rows by sink, books, touched days. In memory only, and
 * thrown away whole where the epoch fails; its size is bounded by the runner's `epochMaxHits` and `epochMaxBytes`.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import { type LakeRow, publicationColumns, type TableDefinition, type TableName } from '../../core/tables.ts'
import { EpochBooks } from '../core/epoch-books.ts'
import { TouchedDays } from '../core/touched-days.ts'

export class SinkRows {
  rows: LakeRow[] = []
  #checked = false

  constructor(readonly table: TableDefinition) {}

  push(row: LakeRow): void {
    this.rows.push(row)
  }

  /** Looks at the first row ever: all rows of a sink come from one literal. @throws InvalidPlanError naming the columns */
  check(): void {
    const [first] = this.rows
    if (this.#checked || first === undefined) return
    const made = new Set(Object.keys(first))
    const known = this.table.columns.map((column) => column.name)
    const set = new Set<string>(publicationColumns)
    const missing = known.filter((name) => !made.has(name) && !set.has(name))
    const extra = [...made].filter((name) => !known.includes(name) || set.has(name))
    if (missing.length > 0 || extra.length > 0) {
      throw new InvalidPlanError(
        `the sink of ${this.table.name} leaves out [${missing.join(', ')}] and adds [${extra.join(', ')}]; its rows have exactly the table's columns, without those that publication sets`,
      )
    }
    this.#checked = true
  }
}

/** Counts of one epoch for metrics; hits are in exactly one of the first four. */
export interface EpochCounts {
  stored: number
  duplicates: number
  failed: number
  dropped: number
  /** Of all hits: behind the watermark when they came. */
  late: number
  /** Of all records: those no decoder understood. */
  poison: number
}

export class EpochOutput {
  readonly books = new EpochBooks()
  readonly touched = new TouchedDays()
  counts: EpochCounts = noCounts()
  /** Batches that a collector had forwarded before: dropped whole, in no other count. */
  repeatedForwards = 0
  readonly #sinks = new Map<TableName, SinkRows>()

  sink(table: TableDefinition): SinkRows {
    let found = this.#sinks.get(table.name)
    if (found === undefined) {
      found = new SinkRows(table)
      this.#sinks.set(table.name, found)
    }
    return found
  }

  /** Sinks that have rows. */
  filled(): readonly SinkRows[] {
    return [...this.#sinks.values()].filter((sink) => sink.rows.length > 0)
  }

  clear(): void {
    this.books.clear()
    this.touched.clear()
    this.counts = noCounts()
    this.repeatedForwards = 0
    for (const sink of this.#sinks.values()) sink.rows = []
  }
}

function noCounts(): EpochCounts {
  return { stored: 0, duplicates: 0, failed: 0, dropped: 0, late: 0, poison: 0 }
}
