/** Test support: reruns as the contracts of stores make and move them. */
import { expect } from 'vitest'
import { dayMs } from '../event-time.ts'
import type { GenerationPlace } from '../generations.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { ControlStore } from './control-store.ts'
import { allOf } from './control-store-epochs.contract.ts'
import {
  type Rerun,
  type RerunChange,
  type RerunMove,
  type RerunNotes,
  type RerunRequest,
  type RerunState,
  rerunsPageMax,
} from './rerun-store.ts'

export const everything: GenerationPlace = { merchant: null, from: null, to: null }

/** UTC days [first, last] of a merchant, of all where null. */
export function placeOf(merchant: string | null, first: number | null, last: number | null): GenerationPlace {
  return {
    merchant: merchant === null ? null : merchantId(merchant),
    from: first === null ? null : first * dayMs,
    to: last === null ? null : (last + 1) * dayMs,
  }
}

export function requestOf(more: Partial<RerunRequest> = {}): RerunRequest {
  return {
    pipeline: 'hits',
    places: [everything],
    plan: 'plan-2',
    snapshot: '41',
    sinks: ['hits', 'hourly'],
    via: null,
    dataSets: 'recorded',
    zones: 'recorded',
    recovers: null,
    promote: 'manual',
    by: 'me',
    ...more,
  }
}

/** Job that writes both sinks. */
export const oneJob = { hits: 'hits', hourly: 'hits' } as const

/** A store and how a test moves reruns in it. */
export async function setUpReruns(under: ControlStoreUnderTest) {
  const store = await under.open()
  let now = 1_000
  const at = (rerun: Rerun, note?: string): RerunMove => {
    now += 1
    return { revision: rerun.revision, now, by: 'me', ...(note !== undefined && { note }) }
  }
  const must = (moved: Rerun | undefined): Rerun => {
    if (moved === undefined) throw new Error('the revision was another')
    return moved
  }
  const reruns = {
    store,
    at,
    must,
    async create(more: Partial<RerunRequest> = {}, notes: RerunNotes = {}): Promise<Rerun> {
      now += 1
      const outcome = await store.createRerun(requestOf(more), { now, notes })
      if ('meets' in outcome) throw new Error(`meets ${outcome.meets.id}`)
      return outcome.created
    },
    update: async (rerun: Rerun, change: RerunChange, note?: string) =>
      must(await store.updateRerun(rerun.id, change, at(rerun, note))),
    begin: async (rerun: Rerun) => must(await store.beginDualWriting(rerun.id, oneJob, at(rerun))),
    promote: async (rerun: Rerun) => must(await store.promoteRerun(rerun.id, at(rerun))),
    rollBack: async (rerun: Rerun) => must(await store.rollBackRerun(rerun.id, at(rerun))),
    release: async (rerun: Rerun) => must(await store.releaseRerun(rerun.id, at(rerun))),
    cancel: async (rerun: Rerun) => must(await store.cancelRerun(rerun.id, at(rerun))),
    /** A rerun that came as far as that, by the usual way. */
    async of(state: RerunState, more: Partial<RerunRequest> = {}): Promise<Rerun> {
      let rerun = await reruns.create(more)
      for (const step of ways[state]) rerun = await steps[step](rerun)
      expect(rerun.state).toBe(state)
      return rerun
    },
  }
  const steps: Readonly<Record<Step, (rerun: Rerun) => Promise<Rerun>>> = {
    backfill: (rerun) => reruns.update(rerun, { state: 'backfilling' }),
    begin: reruns.begin,
    ready: (rerun) => reruns.update(rerun, { state: 'ready' }),
    promote: reruns.promote,
    rollBack: reruns.rollBack,
    release: reruns.release,
    cancel: reruns.cancel,
    pause: (rerun) => reruns.update(rerun, { state: 'paused' }),
    fail: (rerun) => reruns.update(rerun, { state: 'failed' }),
  }
  return reruns
}

type Step = 'backfill' | 'begin' | 'ready' | 'promote' | 'rollBack' | 'release' | 'cancel' | 'pause' | 'fail'
const toReady = ['backfill', 'begin', 'ready'] as const
/** The usual way to each state. */
export const ways: Readonly<Record<RerunState, readonly Step[]>> = {
  planned: [],
  backfilling: ['backfill'],
  catching_up: ['backfill', 'begin'],
  ready: toReady,
  promoted: [...toReady, 'promote'],
  rolled_back: [...toReady, 'promote', 'rollBack'],
  released: [...toReady, 'promote', 'release'],
  paused: ['backfill', 'pause'],
  failed: [...toReady, 'fail'],
  cancelled: ['cancel'],
}

/** Everything a move could change. */
export async function rerunFacts(store: ControlStore): Promise<unknown> {
  return {
    all: await allOf(store),
    reruns: await store.reruns({ limit: rerunsPageMax }),
    writing: await store.writing('hits'),
    inUse: await store.generationsInUse(),
    days: await store.changedDays({ afterVersion: 0, firstDay: -100_000, lastDay: 100_000, limit: 10_000 }),
  }
}
