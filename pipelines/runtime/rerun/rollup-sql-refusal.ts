/**
 * Whether the part of a plan below the table `hits` is what SQL computes of its rows (lakehouse/core/sql/hourly-select.ts,
 * which a test holds equal to the pipeline `hits` of this release): the same windows, sets and measures over the same hits.
 * Lambdas are asked what they read: one that reads a single column and gives it, or its contrary, is known by that, however
 * its source was printed.
 */
import { hitsPipeline } from '../../jobs/hits.ts'
import { canonicalJson } from '../../plan/canonical.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { PlanStep } from '../../plan/node/step.ts'

type Chain = readonly PlanStep[]

/** The first difference, in words; null: SQL computes what the plan's hours are. */
export function rollupSqlRefusal(pipeline: Pipeline): string | null {
  const { plan, lambdas } = pipeline
  const read = plan.steps.find((step) => step.kind === 'read')
  if (read === undefined) return 'the plan reads no feed'
  if (!gives(lambdas.get(`${read.name}.eventTime`), 'time')) return `'${read.name}' takes another time than the hit's`
  const writes = plan.steps.filter((step) => step.kind === 'write' && step.table === 'hourly')
  if (writes.length !== 1) return `the plan writes hourly by ${writes.length} steps`
  const own = belowHits(pipeline)
  if (own === null) return 'the hours are not made of the rows that go to hits'
  const known = belowHits(hitsPipeline) as Chain
  for (const [at, step] of known.entries()) {
    const other = own[at]
    if (other?.kind !== step.kind)
      return `'${other?.name ?? own.at(-1)?.name}' stands where SQL has a step of kind ${step.kind}`
    const difference = differenceOf(other, step, pipeline)
    if (difference !== null) return `'${other.name}' ${difference}`
  }
  return own.length === known.length ? null : `'${own[known.length]?.name}' stands behind the hours`
}

/** The steps from the rows of the table `hits` down to `hourly`; null where these are not one line. */
function belowHits({ plan }: Pipeline): Chain | null {
  const hits = plan.steps.find((step) => step.kind === 'write' && step.table === 'hits' && step.counts === 'stored')
  const chain: PlanStep[] = []
  for (let output = hits?.after ?? null; output !== null; ) {
    const readers: readonly PlanStep[] = plan.steps.filter((step) => step.after === output && step !== hits)
    if (readers.length > 1) return null
    const [next] = readers
    if (next !== undefined) chain.push(next)
    output = next?.name ?? null
  }
  const last = chain.at(-1)
  return last?.kind === 'write' && last.table === 'hourly' ? chain : null
}

function differenceOf(own: PlanStep, known: PlanStep, { lambdas }: Pipeline): string | null {
  if (own.kind === 'filter')
    return givesContrary(lambdas.get(own.name), 'bot') ? null : 'leaves out other hits than bots'
  if (own.kind === 'window' && !gives(lambdas.get(`${own.name}.zone`), 'zone'))
    return "takes another zone than the hit's"
  for (const [name, value] of Object.entries(known)) {
    if (notCompared.has(name)) continue
    const other = (own as unknown as Readonly<Record<string, unknown>>)[name]
    if (other === undefined || canonicalJson(other) !== canonicalJson(value)) return `has other ${name} than SQL`
  }
  return null
}

/** What a step is called, and what of it says nothing of its numbers. */
const notCompared = new Set(['name', 'after', 'columns', 'code', 'was', 'uses'])

/** Whether the lambda gives this column, having looked at no other. */
function gives(lambda: unknown, column: string): boolean {
  const token = 4_711
  return isOf(lambda, column, [token], (value) => value)
}

function givesContrary(lambda: unknown, column: string): boolean {
  return isOf(lambda, column, [true, false], (value) => !value)
}

function isOf(lambda: unknown, column: string, values: readonly unknown[], of: (value: unknown) => unknown): boolean {
  if (typeof lambda !== 'function') return false
  return values.every((value) => {
    const read = new Set<PropertyKey>()
    const row = new Proxy({} as Record<PropertyKey, unknown>, {
      get(_, name) {
        read.add(name)
        return name === column ? value : undefined
      },
      has: (_, name) => !!read.add(name),
      ownKeys: () => {
        read.add('(all)')
        return []
      },
    })
    try {
      return lambda(row, null) === of(value) && read.size === 1 && read.has(column)
    } catch {
      return false
    }
  })
}
