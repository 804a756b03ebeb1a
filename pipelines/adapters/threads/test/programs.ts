/** Programs that threads import in tests, over clicks drawn from a seed. */
import type { EventTime } from '../../../../core/event-time.ts'
import type { Offset } from '../../../../core/ids.ts'
import { partitionOf } from '../../../../core/partition-of.ts'
import { type Click, fixedCount, hoppingDistinct, sessions, stateless } from '../../../plan/golden/plans.ts'
import type { BoundedProgram, SourceRow } from '../../../runtime/bounded/program.ts'
import type { Split } from '../../../runtime/bounded/split.ts'

const noon = Date.UTC(2026, 2, 1, 12) as EventTime
const clickRows = 3_000

/** The same ones in every thread, from a linear congruential generator. */
export function clicksOf(rows: number): readonly SourceRow[] {
  let state = 7
  const drawn = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  return Array.from({ length: rows }, (_, n): SourceRow => {
    const row: Click = {
      shop: `shop-${drawn(23)}`,
      visitor: `visitor-${drawn(5)}`,
      page: `/${drawn(4)}`,
      at: (noon + drawn(7_200) * 1_000) as EventTime,
      received: (noon + n * 10) as EventTime,
      hash: BigInt(drawn(50)),
      cents: BigInt(drawn(100) - 1),
      robot: drawn(9) === 0,
    }
    return { row, position: { partition: 0, offset: n as Offset, index: 0 } }
  })
}

export const everyClick = clicksOf(clickRows)

function inSplit({ row }: SourceRow, split: Split): boolean {
  return split.kind === 'rows' || partitionOf((row as Click).shop, split.of) === split.part
}

function* batchesOf(rows: readonly SourceRow[]): Generator<readonly SourceRow[]> {
  for (let from = 0; from < rows.length; from += 200) yield rows.slice(from, from + 200)
}

function program(pipeline: BoundedProgram['pipeline'], read: (split: Split) => Iterable<readonly SourceRow[]>) {
  return { pipeline, open: () => ({ source: { read } }) } satisfies BoundedProgram
}

const whole = (split: Split) => batchesOf(everyClick.filter((click) => inSplit(click, split)))

export const counting = program(fixedCount, whole)
export const distinct = program(hoppingDistinct, whole)
export const visits = program(sessions, whole)
export const passing = program(stateless, whole)

/** Gives every split all rows. */
export const careless = program(fixedCount, () => batchesOf(everyClick))

/** Its thread ends in the split of the second part, which throws in the third. */
export const dying = program(fixedCount, function* (split) {
  yield* whole(split)
  if (split.kind === 'keys' && split.part === 1) process.exit(3)
  if (split.kind === 'keys' && split.part === 2) throw new TypeError('the file is torn')
})

/** Needs more memory than a thread has. */
export const greedy = program(fixedCount, function* (split) {
  yield* whole(split)
  const hoard: string[][] = []
  for (;;) hoard.push(Array.from({ length: 100_000 }, (_, n) => `${hoard.length}:${n}`))
})

const readOf = (split: Split) => new Int32Array((split.kind === 'rows' ? split.what : null) as SharedArrayBuffer)

/** Has no end; counts in `what`, shared, how many rows were read. */
export const endless = program(stateless, function* (split) {
  const rows = clicksOf(200)
  for (;;) {
    Atomics.add(readOf(split), 0, rows.length)
    yield rows
  }
})

/** Has few rows a split; counts them as `endless` does. */
export const brief = program(stateless, function* (split) {
  const rows = clicksOf(10)
  Atomics.add(readOf(split), 0, rows.length)
  yield rows
})
