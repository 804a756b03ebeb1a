/** What holds for every script of rows, watermarks and processing time, against a model that sees all rows at once. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../core/event-time.ts'
import type { WindowState } from '../../schemas/avro/graph-state.ts'
import { listed, type Row } from '../test/vectors/window-script.ts'
import { type EmitRule, type WindowPane, wholePanes } from './panes.ts'
import type { WindowAssigner } from './window/assigner.ts'
import { fixed } from './window/fixed.ts'
import { hopping } from './window/hopping.ts'
import { session } from './window/session.ts'
import { createWindowOperator, type WindowOperator } from './window-operator.ts'

type Values = readonly number[]
type Pane = WindowPane<string, string>
type Step =
  | { readonly kind: 'row'; readonly row: Row }
  | { readonly kind: 'watermark'; readonly to: number }
  | { readonly kind: 'clock'; readonly to: number }

interface Scenario {
  readonly assigner: WindowAssigner<Row>
  readonly model: (rows: readonly Row[]) => ReadonlyMap<string, string>
  readonly latenessMs: number
  readonly emit: EmitRule
  readonly steps: readonly Step[]
}

const endOfTime = Number.POSITIVE_INFINITY

// The model: windows of rows that are all there.

function assignedModel(windowsOf: (time: number) => readonly (readonly [number, number])[]) {
  return (rows: readonly Row[]) => {
    const found = new Map<string, number[]>()
    for (const { key, time, value } of rows) {
      for (const [start, end] of windowsOf(time)) {
        const name = `${key} [${start},${end})`
        found.set(name, [...(found.get(name) ?? []), value])
      }
    }
    return listedBy(found)
  }
}

function hoppingModel(sizeMs: number, everyMs: number) {
  return assignedModel((time) => {
    const windows: (readonly [number, number])[] = []
    for (let start = -200 * everyMs; start <= time; start += everyMs) {
      if (time < start + sizeMs) windows.push([start, start + sizeMs])
    }
    return windows
  })
}

function sessionModel(gapMs: number | null, atMostMs: number) {
  return (rows: readonly Row[]) => {
    const found = new Map<string, number[]>()
    for (const key of new Set(rows.map((row) => row.key))) {
      const ofKey = rows.filter((row) => row.key === key).sort((a, b) => a.time - b.time)
      let [start, reach, limit] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
      let values: number[] = []
      const end = () => {
        if (values.length > 0) found.set(`${key} [${start},${Math.min(reach, limit)})`, values)
      }
      for (const { time, value, gap } of ofKey) {
        if (time >= reach || time >= limit) {
          end()
          // Behind a pause it may last as long as may be; behind a cut it ends with its stretch.
          limit = time >= reach ? time + atMostMs : (Math.floor(time / atMostMs) + 1) * atMostMs
          start = time
          reach = time
          values = []
        }
        reach = Math.max(reach, time + (gapMs ?? gap ?? 0))
        values.push(value)
      }
      end()
    }
    return listedBy(found)
  }
}

function listedBy(found: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, string> {
  const entries = [...found].map(([name, values]) => [name, [...values].sort((a, b) => a - b).join(',')] as const)
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

// Scenarios: rows in any order, watermarks that make none of them later than the lateness allows.

const shapes: Readonly<Record<string, Pick<Scenario, 'assigner' | 'model'>>> = {
  fixed: { assigner: fixed(10), model: hoppingModel(10, 10) },
  hopping: { assigner: hopping({ sizeMs: 10, everyMs: 4 }), model: hoppingModel(10, 4) },
  sessions: { assigner: session({ gapMs: 6 }), model: sessionModel(6, endOfTime) },
  'sessions with a longest length': { assigner: session({ gapMs: 6, atMostMs: 14 }), model: sessionModel(6, 14) },
  'sessions whose gap is the row’s': {
    assigner: session({ gapMs: ({ gap }: Row) => gap ?? 1, atMostMs: 14 }),
    model: sessionModel(null, 14),
  },
}

const emitRule: fc.Arbitrary<EmitRule> = fc.record({
  panes: fc.constant('accumulating' as const),
  early: fc.oneof(
    fc.constant(null),
    fc.record({ afterRows: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ everyMs: fc.integer({ min: 1, max: 9 }) }),
  ),
  late: fc.oneof(fc.constant(null), fc.record({ afterRows: fc.integer({ min: 1, max: 3 }) })),
  onClose: fc.constantFrom('always', 'where something came'),
})

interface Draw {
  readonly key: string
  readonly time: number
  readonly gap: number
  /** How much of what the watermark may advance before this row it does, and how much processing time passes. */
  readonly share: number
  readonly clock: number
}

const draws: fc.Arbitrary<readonly Draw[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'a', 'ß', '😀'),
    time: fc.integer({ min: -10, max: 45 }),
    gap: fc.constantFrom(1, 1, 2, 5, 12),
    share: fc.constantFrom(0, 0, 0.3, 1),
    clock: fc.integer({ min: 0, max: 5 }),
  }),
  // By default most would have a handful: too few to be merged and cut.
  { maxLength: 40, size: 'max' },
)

function stepsOf(drawn: readonly Draw[], latenessMs: number): readonly Step[] {
  const steps: Step[] = []
  let [watermark, now] = [-100, 0]
  drawn.forEach(({ key, time, gap, share, clock }, at) => {
    const allowed = Math.min(...drawn.slice(at).map((draw) => draw.time)) + latenessMs
    if (share > 0 && allowed > watermark) {
      watermark = Math.floor(watermark + (allowed - watermark) * share)
      steps.push({ kind: 'watermark', to: watermark })
    }
    now += clock
    steps.push({ kind: 'clock', to: now }, { kind: 'row', row: { key, time, gap, value: at } })
  })
  return [...steps, { kind: 'watermark', to: endOfTime }]
}

const scenario = (shape: Pick<Scenario, 'assigner' | 'model'>): fc.Arbitrary<Scenario> =>
  fc
    .record({ emit: emitRule, latenessMs: fc.constantFrom(0, 3, 25), drawn: draws })
    .map(({ emit, latenessMs, drawn }) => ({ ...shape, emit, latenessMs, steps: stepsOf(drawn, latenessMs) }))

const rowsOf = ({ steps }: Scenario) => steps.flatMap((step) => (step.kind === 'row' ? [step.row] : []))

// Runs.

function operatorOf({ assigner, emit, latenessMs }: Scenario, panes: Pane[], tooLate: Row[] = []) {
  return createWindowOperator({
    step: 'windows',
    assigner,
    latenessMs,
    emit,
    keyOf: ({ key }: Row) => key,
    aggregate: listed,
    limits: { stateMaxBytes: 10_000_000 },
    output: { pane: wholePanes((pane) => panes.push(pane)), tooLate: (row) => tooLate.push(row) },
  })
}

function play(operator: WindowOperator<Row, Values>, step: Step, now: number): number {
  if (step.kind === 'row') operator.process(step.row, step.row.time as EventTime, now)
  else if (step.kind === 'watermark') operator.advanceWatermark(step.to)
  else {
    operator.advanceProcessingTime(step.to)
    return step.to
  }
  return now
}

function run(given: Scenario) {
  const panes: Pane[] = []
  const tooLate: Row[] = []
  const operator = operatorOf(given, panes, tooLate)
  let now = 0
  for (const step of given.steps) now = play(operator, step, now)
  return { panes, tooLate, operator }
}

const nameOf = ({ key, window }: Pane) => `${key} [${window.start},${window.end})`

/** What a sink holds that does as panes say. Refuses panes that no sink could follow. */
function sinkOf(panes: readonly Pane[], windows: 'merge' | 'merge and are cut' | 'stay'): ReadonlyMap<string, string> {
  const held = new Map<string, Pane>()
  const over = new Set<string>()
  /** By key, those since its last pane: that one takes their place. */
  const retracted = new Map<string, readonly number[]>()
  for (const pane of panes) {
    const name = nameOf(pane)
    const before = held.get(name)
    if (pane.kind === 'retract') {
      expect(before?.number, `retracts ${name}`).toBe(pane.number)
      held.delete(name)
      retracted.set(pane.key, [...(retracted.get(pane.key) ?? []), pane.number])
      continue
    }
    expect(over.has(name), `${name} after its last pane`).toBe(false)
    if (before !== undefined) expect(pane.number).toBeGreaterThan(before.number)
    if (windows === 'stay') expect(pane.number).toBe((before?.number ?? -1) + 1)
    else {
      if (windows === 'merge')
        for (const number of retracted.get(pane.key) ?? []) expect(pane.number).toBeGreaterThan(number)
      retracted.delete(pane.key)
      for (const other of held.values()) {
        const overlaps = other.window.start < pane.window.end && pane.window.start < other.window.end
        expect(overlaps && other.key === pane.key && nameOf(other) !== name, `${nameOf(other)} beside ${name}`).toBe(
          false,
        )
      }
    }
    expect(pane.rows).toBe(String(pane.value).split(',').length)
    if (pane.ending === 'last') over.add(name)
    held.set(name, pane)
  }
  const entries = [...held].map(([name, { value }]) => [name, String(value)] as const)
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const runs = { numRuns: 120 }

describe.each(Object.entries(shapes))('%s', (name, shape) => {
  const windows = name === 'sessions' ? 'merge' : name.startsWith('sessions') ? 'merge and are cut' : 'stay'

  it('hold the same in the end, in whatever order rows come, and whenever panes do', () => {
    fc.assert(
      fc.property(scenario(shape), (given) => {
        const { panes, tooLate, operator } = run(given)
        expect(tooLate).toEqual([])
        expect([...sinkOf(panes, windows)]).toEqual([...given.model(rowsOf(given))])
        expect([operator.windows, operator.stateBytes]).toEqual([0, 0])
      }),
      runs,
    )
  })

  it('say the same after a crash at any step', () => {
    fc.assert(
      fc.property(scenario(shape), fc.nat(), (given, seed) => {
        const panes: Pane[] = []
        let operator = operatorOf(given, panes)
        let now = 0
        for (const [at, step] of given.steps.entries()) {
          if ((seed + at) % 3 !== 0) {
            const stored = JSON.stringify(operator.snapshot())
            operator = operatorOf(given, panes)
            operator.restore([JSON.parse(stored) as WindowState<Values>], () => true)
            if (JSON.stringify(operator.snapshot()) !== stored) throw new Error('restored is not what was kept')
          }
          now = play(operator, step, now)
        }
        expect(panes).toEqual(run(given).panes)
      }),
      runs,
    )
  })

  it('say the same when their keys move from one operator to two, five and three', () => {
    fc.assert(
      fc.property(scenario(shape), (given) => {
        const panes: Pane[] = []
        const shareOf = (key: string, of: number) => (key.codePointAt(0) ?? 0) % of
        const make = (of: number, states: readonly WindowState<Values>[]) =>
          Array.from({ length: of }, (_, share) => {
            const operator = operatorOf(given, panes)
            operator.restore(states, (key) => shareOf(key, of) === share)
            return operator
          })
        let operators = make(1, [])
        let now = 0
        const sizes = [1, 2, 5, 3]
        for (const [at, step] of given.steps.entries()) {
          const size = sizes[Math.floor((4 * at) / given.steps.length)] ?? 1
          if (size !== operators.length) {
            operators = make(
              size,
              operators.map((operator) => operator.snapshot()),
            )
          }
          const taking = operators.filter((_, share) => step.kind !== 'row' || shareOf(step.row.key, size) === share)
          for (const operator of taking) now = play(operator, step, now)
        }
        const byKey = (said: readonly Pane[]) => said.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
        expect(byKey(panes)).toEqual(byKey(run(given).panes))
      }),
      runs,
    )
  })
})

describe('discarding panes', () => {
  it.each(['fixed', 'hopping', 'sessions'])('of %s are together what the last accumulating one holds', (name) => {
    const shape = shapes[name] as Pick<Scenario, 'assigner' | 'model'>
    fc.assert(
      fc.property(scenario(shape), (given) => {
        const { panes } = run({ ...given, emit: { ...given.emit, panes: 'discarding' } })
        expect(panes.every(({ kind }) => kind === 'partial')).toBe(true)
        const expected = given.model(rowsOf(given))
        const merged = new Map<string, number[]>()
        for (const pane of panes) {
          const values = String(pane.value) === '' ? [] : String(pane.value).split(',').map(Number)
          expect(pane.rows).toBe(values.length)
          // A part of a session window names the window as it was: it lies in the one it grew to.
          const whole = [...expected.keys()].find((it) => name === 'sessions' && liesIn(pane, it)) ?? nameOf(pane)
          merged.set(whole, [...(merged.get(whole) ?? []), ...values])
        }
        expect([...listedBy(merged)]).toEqual([...expected])
      }),
      runs,
    )
  })
})

function liesIn({ key, window }: Pane, name: string): boolean {
  const [, of, start, end] = /^(.+) \[(-?\d+),(-?\d+)\)$/u.exec(name) ?? []
  return of === key && Number(start) <= window.start && window.end <= Number(end)
}
