/**
 * Makes the pipeline of an earlier release one of this release's: its rows go into the tables as they are now, and name
 * the data sets that lie inside its file instead of this release's.
 */
import { PlanFormatError } from '../../../core/errors.ts'
import { type ColumnType, publicationColumns, type TableDefinition, type TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { canonicalJson } from '../../plan/canonical.ts'
import { type AnySink, type Pipeline, pipelineOf } from '../../plan/draft.ts'
import type { Plan } from '../../plan/node/step.ts'
import type { RunFacts } from '../../plan/sinks.ts'
import type { PlanRecord } from './plan-record.ts'

export interface KeptPipeline {
  /** As its file exports it. */
  readonly built: Pick<Pipeline, 'lambdas' | 'sinks'>
  readonly plan: Plan
  readonly record: Omit<PlanRecord, 'dataSets' | 'at'>
}

/** @throws PlanFormatError where a table has not what the plan writes */
export function fitToRelease({ built, plan, record }: KeptPipeline): Pipeline {
  const { text, code, inside } = record
  const sinks = new Map([...built.sinks].map(([name, sink]) => [name, fitSink(sink, record)]))
  const pipeline = pipelineOf({ plan, lambdas: built.lambdas, sinks, text, code })
  return { ...pipeline, hash: (dataSets) => pipeline.hash({ ...dataSets, ...inside }) }
}

function fitSink(sink: AnySink, record: KeptPipeline['record']): AnySink {
  const table = fittingTable(sink.table, record)
  const had = new Set(sink.table.columns.map(({ name }) => name))
  const set = new Set<string>(publicationColumns)
  const added = table.columns.map(({ name }) => name).filter((name) => !had.has(name) && !set.has(name))
  const nothing = Object.freeze(Object.fromEntries(added.map((name) => [name, null])))
  const facts = factsWith(record.inside)
  const toRow = sink.toRow as (row: unknown, run: RunFacts) => object
  const fitted =
    added.length === 0
      ? (row: unknown, run: RunFacts) => toRow(row, facts(run))
      : (row: unknown, run: RunFacts) => ({ ...toRow(row, facts(run)), ...nothing })
  return { ...sink, table, toRow: fitted } as AnySink
}

/** The table as it is now, which may have columns that the plan knows nothing of. */
function fittingTable(was: TableDefinition, { pipeline, version }: KeptPipeline['record']): TableDefinition {
  const is: TableDefinition | undefined = Object.hasOwn(tables, was.name) ? tables[was.name as TableName] : undefined
  const refuse = (what: string) => new PlanFormatError(pipeline, version, what)
  if (is === undefined) throw refuse(`it writes the table ${was.name}, which there is no more`)
  for (const { id, name, type } of was.columns) {
    const now = is.columns.find((column) => column.name === name)
    if (now === undefined || now.id !== id || shapeOf(now.type) !== shapeOf(type)) {
      throw refuse(`it writes ${was.name}.${name} as the table has it no more`)
    }
  }
  return is
}

/** Without what is said of it to people. */
function shapeOf(type: ColumnType): string {
  return JSON.stringify(type, (key, value) => (key === 'doc' ? undefined : value))
}

/** Facts are the same object for all rows of a partition's epoch, so one is remembered. */
function factsWith(inside: Readonly<Record<string, string>>): (run: RunFacts) => RunFacts {
  let last: RunFacts | undefined
  let made: RunFacts
  return (run) => {
    if (run === last) return made
    last = run
    made = { ...run, dataSets: canonicalJson({ ...JSON.parse(run.dataSets), ...inside }) }
    return made
  }
}
