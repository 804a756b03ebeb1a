/**
 * What an epoch knew of erasures, which its commit has to say (docs/adr/0026-an-erasure-is-fenced-before-it-is-counted.md):
 * how many there were before it looked any up, and on which days it left out hits that another job may count.
 */
import type { MerchantId } from '../../core/ids.ts'
import type { EpochCommit } from '../../core/ports/control-store.ts'
import { hourlyTable } from '../../schemas/tables.ts'
import { defaultEpochMaxErasedDays, type StreamRunnerOptions } from './runner-options.ts'

export class EpochErasures {
  /** As of before the first look since the last commit. */
  #known: number | undefined

  constructor(
    private readonly options: Pick<StreamRunnerOptions, 'epochMaxErasedDays' | 'inputs' | 'store' | 'tables'>,
  ) {}

  /** What steps ask about merchants. First how many erasures there are: all of these are known then, and maybe more. */
  async lookUp(merchants: ReadonlySet<MerchantId>): Promise<void> {
    const { inputs, store } = this.options
    if (inputs.erasedDays !== undefined) this.#known ??= await store.erasuresAsked()
    await inputs.prepare(merchants)
  }

  /** Its days are as many as one commit tells. */
  get isFull(): boolean {
    const { inputs, epochMaxErasedDays = defaultEpochMaxErasedDays } = this.options
    return (inputs.erasedDays?.size ?? 0) >= epochMaxErasedDays
  }

  /** Where this job writes the hours itself nobody counted what it left out. */
  said(): {
    readonly erasuresKnown: number | undefined
    readonly droppedDays: NonNullable<EpochCommit['droppedDays']>
  } {
    const { tables, inputs } = this.options
    const countsItself = tables === undefined || tables.includes(hourlyTable.name)
    return { erasuresKnown: this.#known, droppedDays: countsItself ? [] : (inputs.erasedDays?.list() ?? []) }
  }

  /** All that was looked up is looked up anew. */
  begin(): void {
    this.options.inputs.beginEpoch()
    this.#known = undefined
  }
}
