/** A checkpoint of each golden plan, made and gone on from without a feed: clicks before it, and clicks after. */
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../../schemas/avro/checkpoint.ts'
import { decodeGraphState, encodeGraphState } from '../../../schemas/avro/graph-state.ts'
import { type DedupeState, openDedupeState } from '../../core/dedupe/dedupe-state.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { Click } from '../../plan/golden/plans.ts'
import { parsePlan } from '../../plan/node/parse-plan.ts'
import type { DedupeStep } from '../../plan/node/step.ts'
import { windowsPlanName, windowsStateName } from '../../runtime/checkpoints.ts'
import { savedWindows } from '../../runtime/fit-windows.ts'
import { restoreWindows, windowsOf } from '../../runtime/kept-state.ts'
import { createPlanGraph, type GraphState, type PlanGraph } from '../../runtime/operators/plan-graph.ts'

const noon = eventTime('2026-03-01T12:00:00Z')

function click(seconds: number, of: Partial<Click> = {}): Click {
  const time = (noon + seconds * 1_000) as EventTime
  const base = { shop: 'a', visitor: 'v', page: '/', at: time, received: time, hash: 1n, cents: 100n, robot: false }
  return { ...base, ...of }
}

/** Open, closed and late windows, early panes given and to come, a session of several hits, text beyond ASCII. */
const before: readonly Click[] = [
  click(0),
  click(5, { page: '/ü', hash: 2n ** 62n, cents: 2n ** 60n }),
  click(6, { shop: 'ß', visitor: '😀', cents: 0n }),
  click(30, { robot: true }),
  click(62, { visitor: 'w', hash: 7n }),
  click(300, { page: '' }),
  click(130, { received: (noon + 301_000) as EventTime }),
  click(302, { cents: -1n }),
  click(340, { shop: 'ß', hash: 9n }),
]

/** In windows of before, in new ones, and a repeat of the last one. */
const after: readonly Click[] = [
  click(340, { shop: 'ß', hash: 9n, received: (noon + 340_500) as EventTime }),
  click(345, { visitor: 'w', page: '/ü', cents: 5n }),
  click(20, { received: (noon + 346_000) as EventTime }),
  click(4_000),
]

interface Running {
  readonly graph: PlanGraph
  readonly seen: ReadonlyMap<string, DedupeState>
  readonly given: string[]
}

async function open(pipeline: Pipeline, steps: Readonly<Record<string, Uint8Array>>): Promise<Running> {
  const dedupes = pipeline.plan.steps.filter((step): step is DedupeStep => step.kind === 'dedupe')
  const seen = new Map<string, DedupeState>()
  const [objects, random] = [memoryObjectStore(), seededRandom(5)]
  for (const { name, withinMs } of dedupes) {
    const options = { objects, random, withinMs, prefix: `state/${name}`, limitBytes: 1_000_000 }
    seen.set(name, await openDedupeState({ ...options, saved: steps[name] ?? null }))
  }
  const given: string[] = []
  const give = (_: unknown, value: unknown) => given.push(text(value))
  const output = { row: give, refused: give, pane: give }
  const graph = createPlanGraph({ pipeline, context: {}, states: seen, output })
  const { [windowsStateName]: windows } = steps
  if (windows === undefined) return { graph, seen, given }
  const from = parsePlan(Buffer.from(steps[windowsPlanName] ?? '').toString())
  const { plan } = pipeline
  const kept = windowsOf(plan, [decodeGraphState(windows) as GraphState], { where: plan.name, from })
  restoreWindows(graph, plan, kept, () => true)
  return { graph, seen, given }
}

function take({ graph }: Running, clicks: readonly Click[], from: number): void {
  clicks.forEach((each, n) => {
    graph.process(each, { partition: 0, offset: (from + n) as Offset, index: 0 }, each.received)
  })
}

/** As the stream runner saves it. */
export async function makeCheckpoint(pipeline: Pipeline): Promise<Buffer> {
  const running = await open(pipeline, {})
  take(running, before, 0)
  running.graph.endEpoch()
  const windows = encodeGraphState(savedWindows(running.graph.snapshot(), pipeline.plan))
  const steps: Record<string, Uint8Array> = {
    [windowsStateName]: windows,
    [windowsPlanName]: Buffer.from(pipeline.text),
  }
  for (const [name, state] of running.seen) steps[name] = (await state.checkpoint()).saved
  const place = { job: pipeline.plan.name, source: 'log-1', partition: 0, next: before.length }
  return encodeCheckpoint({ ...place, plan: pipeline.hash({}), steps })
}

/** What leaves the plan after the checkpoint, to the end of time. */
export async function goOnFrom(pipeline: Pipeline, checkpoint: Buffer): Promise<readonly string[]> {
  const { steps, next } = decodeCheckpoint(pipeline.plan.name, checkpoint)
  const running = await open(pipeline, steps)
  take(running, after, next)
  running.graph.endEpoch()
  running.graph.advanceWatermark(Number.POSITIVE_INFINITY)
  return running.given
}

const text = (value: unknown) =>
  JSON.stringify(value, (_, of: unknown) => (typeof of === 'bigint' ? `${of}n` : of)).replaceAll('"', "'")
