/** What a split has made, on its way into staged files: rows of the rerun's places alone, in files of bounded size. */

import { utcDay } from '../../../core/event-time.ts'
import { generationTime } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { LakeWriter, StagedFile } from '../../../core/ports/lake.ts'
import type { SplitOutput } from '../../../core/ports/rerun-work.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { TouchedDays } from '../../core/touched-days.ts'
import { stagedFileMaxRows } from '../commit-epoch.ts'
import type { EpochOutput } from '../epoch-output.ts'
import type { PlaceSet } from './place-set.ts'

export interface SplitStageOptions {
  readonly writer: Pick<LakeWriter, 'stage' | 'discard'>
  /** Begins the names of files. */
  readonly attempt: string
  readonly places: PlaceSet
}

export class SplitStage {
  readonly #rows = new Map<TableName, LakeRow[]>()
  readonly #names: string[] = []
  readonly #staged: StagedFile[] = []
  readonly #days = new TouchedDays()
  readonly #failed: Record<string, number> = {}

  constructor(private readonly options: SplitStageOptions) {}

  /** Takes the rows of an output that are of the places and of these tables. Refused hits are counted either way. */
  take(output: EpochOutput, tables: readonly TableName[]): void {
    for (const sink of output.filled()) {
      sink.check()
      const { name } = sink.table
      if (name === 'failed_hits') for (const row of sink.rows) this.countRefused(row)
      if (tables.includes(name)) for (const row of sink.rows) this.add(name, row)
      sink.rows = []
    }
  }

  /** Takes one row, where it is of the places. */
  add(table: TableName, row: LakeRow): void {
    const time = generationTime(table, row)
    const merchant = row.merchant as MerchantId
    if (!this.options.places.has(merchant, time)) return
    const rows = this.#rows.get(table)
    if (rows === undefined) this.#rows.set(table, [row])
    else rows.push(row)
    if (table !== 'failed_hits') this.#days.add(merchant, utcDay(time))
  }

  /** @throws RangeError where the row does not hold what was refused */
  countRefused(row: LakeRow): void {
    // The stream would keep the record here, which the lake does not have: rather none of the split than a hit lost.
    if (row.original === '') throw new RangeError(`the sink of ${row.step} cannot hold what it refuses`)
    const reason = String(row.reason)
    this.#failed[reason] = (this.#failed[reason] ?? 0) + 1
  }

  /** Writes what it holds. */
  async flush(): Promise<void> {
    for (const [table, rows] of this.#rows) {
      for (let from = 0; from < rows.length; from += stagedFileMaxRows) {
        await this.#stage(table, rows.slice(from, from + stagedFileMaxRows))
      }
    }
    this.#rows.clear()
  }

  /** A name for a file that somebody else stages. */
  nextName(table: TableName): string {
    const name = `staged/${table}/${this.options.attempt}-${this.#names.length}.parquet`
    this.#names.push(name)
    return name
  }

  /** Such a file. */
  staged(file: StagedFile, days: SplitOutput['days']): void {
    this.#staged.push(file)
    for (const { merchant, day } of days) this.#days.add(merchant, day)
  }

  get made(): Pick<SplitOutput, 'staged' | 'days' | 'failed'> {
    return { staged: this.#staged, days: this.#days.list(), failed: this.#failed }
  }

  /** Removes what it staged, as far as it can. */
  async discard(): Promise<void> {
    await Promise.allSettled(this.#names.map((name) => this.options.writer.discard(name)))
  }

  async #stage(table: TableName, rows: readonly LakeRow[]): Promise<void> {
    this.#staged.push(await this.options.writer.stage(table, this.nextName(table), rows))
  }
}
