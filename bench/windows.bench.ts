/**
 * The four golden plans as graphs with sinks in memory, against hand-written loops that give the same: what the operators
 * cost over none.
 */
import assert from 'node:assert/strict'
import type { Offset } from '../core/ids.ts'
import type { Pipeline } from '../pipelines/plan/draft.ts'
import { type Click, fixedCount, hoppingDistinct, sessions, stateless } from '../pipelines/plan/golden/plans.ts'
import { MemoryFirstSeen } from '../pipelines/runtime/operators/memory-first-seen.ts'
import { createPlanGraph } from '../pipelines/runtime/operators/plan-graph.ts'
import { type Clicks, clicksFrom, disordered } from './clicks.ts'
import type { Bench } from './runner.ts'
import {
  type ByHand,
  fixedCountByHand,
  hoppingDistinctByHand,
  sessionsByHand,
  statelessByHand,
} from './windows-by-hand.ts'

/** More than any of them needs: what is measured is not the limit. */
const stateMaxBytes = 2 ** 31

/** A row's way through a graph whose sinks hand on to `take`. */
export function graphOf(pipeline: Pipeline, take: (given: unknown) => void) {
  const graph = createPlanGraph({
    ...{ pipeline, context: {}, states: new Map([['once', new MemoryFirstSeen(1_000)]]), stateMaxBytes },
    output: { row: (_, row) => take(row), refused: (_, refused) => take(refused), pane: (_, pane) => take(pane) },
  })
  const offer = (click: Click, n: number) =>
    graph.process(click, { partition: 0, offset: n as Offset, index: 0 }, click.received)
  return { graph, offer }
}

function throughGraph(pipeline: Pipeline): ByHand {
  return (rows, take) => {
    const { graph, offer } = graphOf(pipeline, take)
    for (let n = 0; n < rows.length; n++) offer(rows.at(n), n)
    graph.advanceWatermark(Number.POSITIVE_INFINITY)
  }
}

/** What a side gives, in its order. */
function given(side: ByHand, rows: Clicks): readonly unknown[] {
  const all: unknown[] = []
  side(rows, (one) => all.push(one))
  return all
}

/** What sinks keep until they write it: so many of the last. */
const heldRows = 4_096

function measured(side: ByHand, count: number): () => Promise<number> {
  return async () => {
    const rows = clicksFrom(1, count)
    const held: unknown[] = []
    let taken = 0
    // Time of the processor, threads that collect garbage included: what neighbours take does not count.
    const began = process.cpuUsage()
    side(rows, (one) => {
      held[taken % heldRows] = one
      taken += 1
    })
    const { user, system } = process.cpuUsage(began)
    if (taken === 0) throw new Error('nothing was given')
    return rows.length / ((user + system) / 1_000_000)
  }
}

/** Rows enough that a graph, which each run makes anew, is at work most of the time and not being compiled. */
const pairs: readonly (readonly [string, Pipeline, ByHand, number])[] = [
  ['a plan without state', stateless, statelessByHand, 1_000_000],
  ['fixed windows, counts', fixedCount, fixedCountByHand, 500_000],
  ['hopping windows, distinct visitors', hoppingDistinct, hoppingDistinctByHand, 100_000],
  ['session windows', sessions, sessionsByHand, 300_000],
]

/** In order, in disorder, and of few people who never rest: visits that speak early, grow and are cut. */
const checks: readonly Clicks[] = [
  clicksFrom(1, 50_000),
  disordered(clicksFrom(2, 30_000)),
  clicksFrom(3, 30_000, { people: 20, everyMs: 10_000 }),
]

/**
 * Both sides give the same, or the figure compares two things. Sessions: in order pane for pane; in disorder what a sink
 * holds in the end, as the loop by hand takes back more than it must, of rows that are never too late.
 */
async function compare(pipeline: Pipeline, byHand: ByHand): Promise<void> {
  const graph = throughGraph(pipeline)
  if (pipeline !== sessions) {
    for (const rows of checks) assert.deepStrictEqual(given(graph, rows), given(byHand, rows))
    return
  }
  const late = disordered(clicksFrom(2, 30_000, { people: 300, everyMs: 5_000 }), 1_500_000)
  assert.deepStrictEqual(heldOf(given(graph, late)), heldOf(given(byHand, late)))
  for (const rows of [checks[0] as Clicks, checks[2] as Clicks]) {
    assert.deepStrictEqual(given(graph, rows).map(text).sort(), given(byHand, rows).map(text).sort())
  }
}

const text = (one: unknown) =>
  JSON.stringify(one, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isPlain ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
  })

function heldOf(all: readonly unknown[]): readonly string[] {
  const held = new Map<string, string>()
  for (const one of all) {
    const { kind, key, start, end, values } = one as Record<string, unknown>
    const name = text([key, start, end])
    if (kind === 'retract') held.delete(name)
    else if (kind === 'upsert') held.set(name, `${name} ${text(values)}`)
  }
  return [...held.values()].sort()
}

export const benches: readonly Bench[] = pairs.map(([name, pipeline, byHand, count]) => ({
  name: `${name}, by operators`,
  unit: 'rows/s of a processor',
  setup: () => compare(pipeline, byHand),
  control: { name: 'a hand-written loop', run: measured(byHand, count) },
  candidate: { name: 'the graph', run: measured(throughGraph(pipeline), count) },
}))
