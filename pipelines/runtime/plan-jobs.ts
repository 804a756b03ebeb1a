/**
 * The jobs of a plan, each of which may run as one of its own over the same feed: another owner, another pace, its own
 * positions and state. Together they write what one job over all tables writes.
 */
import type { TableName } from '../../core/tables.ts'
import type { Pipeline } from '../plan/draft.ts'
import type { BooksKeeping } from './runner-options.ts'

/** What a runner's options need to run one job of a plan. */
export interface JobOptions {
  /** `<plan>-<job>`: its name in the control store, in objects and in staged files. */
  readonly job: string
  readonly tables: readonly TableName[]
  /** Kept by the job that writes what counts as stored. */
  readonly books: BooksKeeping
}

/** In the order of the plan. */
export function jobsOf({ plan }: Pick<Pipeline, 'plan'>): readonly JobOptions[] {
  const stored = plan.steps.find((step) => step.kind === 'write' && step.counts === 'stored')
  const failed = plan.steps.find((step) => step.kind === 'write' && step.counts === 'failed')
  const keeper = stored ?? failed
  return Object.entries(plan.jobs).map(([name, tables]) => ({
    job: `${plan.name}-${name}`,
    tables,
    books: keeper?.kind === 'write' && tables.includes(keeper.table) ? 'kept' : 'left to another job',
  }))
}
