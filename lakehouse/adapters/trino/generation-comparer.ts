/** Compares generations on Trino, at the snapshot of `hourly` that readers see now: what is published. */
import type { Clock } from '../../../core/ports/clock.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import type { GenerationComparer } from '../../../core/ports/rerun-work.ts'
import { compareGenerations, generationsQuestion } from '../../core/compare-generations.ts'
import type { Select } from '../../core/sql/ast.ts'
import { numbersOf } from '../../core/sql/generations-diff-select.ts'
import { printTrino } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { trinoCells } from './query-engine.ts'
import { TrinoSources } from './query-engine-sources.ts'
import type { TrinoPlace } from './tables.ts'

/** Of one of the four statements of a comparison. It reads all hours of the places twice over, whatever their size. */
export const comparisonTimeoutMs = 30 * 60_000

/** By which an operator finds comparisons among Trino's queries. */
export const comparisonTag = 'hitlake-comparison'

export interface TrinoComparerOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly view: () => Promise<TableView>
  readonly clock: Pick<Clock, 'now'>
}

export function createTrinoGenerationComparer(options: TrinoComparerOptions): GenerationComparer {
  const sources = new TrinoSources(options)
  const ask = (statement: string) =>
    options.trino.query(statement, { timeoutMs: comparisonTimeoutMs, tags: [comparisonTag], effect: 'reads' })
  return {
    async compare(question) {
      const view = await options.view()
      const run = async (select: Select) =>
        view.snapshot === null ? null : sources.run([view], ask, (source) => ask(printTrino(select, source)))
      const numbers = numbersOf(generationsQuestion(question))
      return compareGenerations({ numbers, run, cells: trinoCells, snapshot: view.snapshot }, options.clock.now())
    },
  }
}
