/** Which generations there have to be at rest, with which rows, and which of them answer: by the records of reruns. */
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { Rerun } from '../../core/ports/rerun-store.ts'
import { firstGeneration } from '../../schemas/tables.ts'
import { type Expected, firstPlan, type Placed, type Ruled } from './model.ts'
import type { Simulation } from './simulation.ts'
import { Wrong } from './wrong.ts'

/** What a plan makes of the records, as `expectedOf` does. */
export type Recount = (ruled: Ruled) => Expected

export interface DueRows {
  readonly expected: Expected
  /** Merchants whose rows may be there or not: replaced for good, in a generation that others need. */
  readonly leaves: (merchant: unknown) => boolean
}

export interface DueGenerations {
  readonly rows: ReadonlyMap<number, DueRows>
  /** Of the generations that answer, each in its place. */
  readonly answering: ReadonlyMap<string, Placed>
}

const whole: readonly Rerun['state'][] = ['ready', 'promoted', 'rolled_back', 'released']
const working: readonly Rerun['state'][] = ['planned', 'backfilling', 'catching_up']

/** All there were: a run asks for a few. */
export const rerunsOf = (store: Pick<ControlStore, 'reruns'>) => store.reruns({ limit: 100 })

export function dueGenerations(reruns: readonly Rerun[], recount: Recount): DueGenerations {
  const first = recount(firstPlan)
  const rows = new Map<number, DueRows>([[firstGeneration, { expected: first, leaves: () => false }]])
  let answering = first.hits
  for (const { state, generation, request } of reruns) {
    if (!whole.includes(state)) continue
    const merchant = request.places[0]?.merchant ?? null
    const isInPlace = (of: string | null) => merchant === null || of === merchant
    const elsewhere = (of: string | null) => !isInPlace(of)
    const made = recount({ passes: 'all', has: isInPlace })
    rows.set(generation, { expected: made, leaves: () => false })
    if (state === 'released') {
      const leaves = (of: unknown) => merchant !== null && of === merchant
      rows.set(firstGeneration, { expected: recount({ ...firstPlan, has: elsewhere }), leaves })
    }
    if (state === 'promoted' || state === 'released') {
      answering = new Map([...recount({ ...firstPlan, has: elsewhere }).hits, ...made.hits])
    }
  }
  return { rows, answering }
}

/** Until no rerun is worked at. @throws Wrong where one has failed for good */
export async function restReruns(simulation: Simulation, store: Pick<ControlStore, 'reruns'>): Promise<void> {
  const newest = async () => (await store.reruns({ limit: 1 }))[0]
  await simulation.until('no rerun is worked at', async () => {
    const rerun = await newest()
    return rerun === undefined || !working.includes(rerun.state)
  })
  const rerun = await newest()
  if (rerun?.state === 'failed') throw new Wrong('rerun', `it failed: ${rerun.events.at(-1)?.note}`)
}

/**
 * Takes the newest rerun through what is left of its life, and has the answers looked at in between: promoted, rolled back,
 * and cancelled or released. Says whether there was anything to do.
 */
export async function finishReruns(
  store: Pick<ControlStore, 'reruns' | 'promoteRerun' | 'rollBackRerun' | 'cancelRerun' | 'releaseRerun'>,
  options: {
    readonly end: 'cancelRerun' | 'releaseRerun'
    readonly now: () => number
    readonly lookAtAnswers: () => Promise<void>
  },
): Promise<boolean> {
  const move = async (how: 'promoteRerun' | 'rollBackRerun' | 'cancelRerun' | 'releaseRerun') => {
    const [rerun] = await store.reruns({ limit: 1 })
    if (rerun === undefined) return
    const { id, revision } = rerun
    if ((await store[how](id, { revision, now: options.now(), by: 'the simulation' })) === undefined) await move(how)
  }
  const [rerun] = await store.reruns({ limit: 1 })
  if (rerun === undefined || !whole.includes(rerun.state) || rerun.state === 'released') return false
  if (rerun.state !== 'promoted') {
    await move('promoteRerun')
    await options.lookAtAnswers()
  }
  if (options.end === 'cancelRerun') {
    await move('rollBackRerun')
    await options.lookAtAnswers()
  }
  await move(options.end)
  await options.lookAtAnswers()
  return true
}
