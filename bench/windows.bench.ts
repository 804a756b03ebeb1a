/**
 * The four golden plans as graphs with sinks in memory, against hand-written loops that give the same: what the operators
 * cost over none.
 */
import assert from 'node:assert/strict'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { type EventTime, eventTime } from '../core/event-time.ts'
import type { Offset } from '../core/ids.ts'
import type { Pipeline } from '../pipelines/plan/draft.ts'
import { type Click, fixedCount, hoppingDistinct, sessions, stateless } from '../pipelines/plan/golden/plans.ts'
import { MemoryFirstSeen } from '../pipelines/runtime/operators/memory-first-seen.ts'
import { createPlanGraph } from '../pipelines/runtime/operators/plan-graph.ts'
import type { Bench } from './runner.ts'
import {
  type ByHand,
  fixedCountByHand,
  hoppingDistinctByHand,
  sessionsByHand,
  statelessByHand,
} from './windows-by-hand.ts'

const total = 100_000
const begin = eventTime('2026-03-01T12:00:00Z')

/** Of 20 shops over some hours, one every 100 ms; those of a visitor are in order, others up to 8 s behind each other. */
export function clicksFrom(seed: number, count: number): readonly Click[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, n) => {
    const person = random.below(4_000)
    const received = (begin + n * 100) as EventTime
    return {
      shop: `shop-${person % 20}`,
      visitor: `visitor-${person}`,
      page: `/products/${random.below(50)}`,
      at: (received - (person % 8) * 1_000) as EventTime,
      received,
      hash: (BigInt(person) * 2_305_843_009_213_693_951n) & 0x7fff_ffff_ffff_ffffn,
      cents: BigInt(random.below(100) === 0 ? -1 : random.below(10_000)),
      robot: random.below(20) === 0,
    }
  })
}

let clicks: readonly Click[] | null = null
const drawn = () => {
  clicks ??= clicksFrom(1, total)
  return clicks
}

/** A row's way through a graph whose sinks hand on to `take`. */
export function graphOf(pipeline: Pipeline, take: (given: unknown) => void) {
  const graph = createPlanGraph({
    ...{ pipeline, context: {}, states: new Map([['once', new MemoryFirstSeen(1_000)]]) },
    output: { row: (_, row) => take(row), refused: () => {}, pane: (_, pane) => take(pane) },
  })
  const process = (click: Click, n: number) => graph.process(click, { partition: 0, offset: n as Offset, index: 0 }, 0)
  return { graph, process }
}

function throughGraph(pipeline: Pipeline): ByHand {
  return (rows, take) => {
    const { graph, process } = graphOf(pipeline, take)
    for (let n = 0; n < rows.length; n++) process(rows[n] as Click, n)
    graph.advanceWatermark(Number.POSITIVE_INFINITY)
  }
}

function given(side: ByHand): readonly string[] {
  const all: string[] = []
  side(drawn(), (one) => {
    const { ending, ...rest } = one as Record<string, unknown>
    all.push(JSON.stringify(rest, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)))
  })
  return all.sort()
}

function measured(side: ByHand): () => Promise<number> {
  return async () => {
    const rows = drawn()
    const taken: unknown[] = []
    const began = performance.now()
    side(rows, (one) => taken.push(one))
    const seconds = (performance.now() - began) / 1_000
    if (taken.length === 0) throw new Error('nothing was given')
    return rows.length / seconds
  }
}

const pairs: readonly (readonly [string, Pipeline, ByHand])[] = [
  ['a plan without state', stateless, statelessByHand],
  ['fixed windows, counts', fixedCount, fixedCountByHand],
  ['hopping windows, distinct visitors', hoppingDistinct, hoppingDistinctByHand],
  ['session windows', sessions, sessionsByHand],
]

export const benches: readonly Bench[] = pairs.map(([name, pipeline, byHand]) => ({
  name: `${name}, by operators`,
  unit: 'rows/s',
  goal: 0.5,
  // Both sides give the same, or the figure compares two things.
  setup: async () => assert.deepStrictEqual(given(throughGraph(pipeline)), given(byHand)),
  control: { name: 'a hand-written loop', run: measured(byHand) },
  candidate: { name: 'the graph', run: measured(throughGraph(pipeline)) },
}))
