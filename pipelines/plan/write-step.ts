/** The steps by which rows and panes leave a plan. */
import type { AnyOutput, AnySink, Draft } from './draft.ts'
import { lambdaHash } from './draft.ts'

/**
 * Ends an output in a sink. `sink` is one of sinks.ts, whose type the builder has checked.
 * @param after null: only what fails comes to it
 */
export function writeStep(draft: Draft, after: string | null, sink: object): void {
  const one = sink as AnySink | AnyOutput
  if (one.kind === 'output') {
    const { output, takes } = one
    draft.add({ kind: 'collect', name: `output:${output}`, after, columns: null, output, takes })
    return
  }
  const table = one.table.name
  const name = `write:${table}`
  const counts = one.kind === 'failed' ? 'failed' : one.kind === 'rows' ? one.counts : 'derived'
  const code = lambdaHash(name, one.toRow)
  const takes = one.kind === 'upserts' ? ({ takes: 'upserts' } as const) : {}
  draft.add({ kind: 'write', name, after, columns: null, table, counts, ...takes, code })
  draft.sinks.set(name, one)
}
