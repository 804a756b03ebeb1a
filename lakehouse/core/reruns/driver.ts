/**
 * The driver of reruns: works off what the control store has recorded, oldest first, one at a time; the others wait in
 * `planned`. Several processes may each run one: a lease lets one of them work. Everything it does goes by the record and
 * may be cut off anywhere: another driver goes on, nothing counts twice and nothing is left out.
 *
 * Nothing is given up silently: what may pass is tried again after a growing, bounded pause, and the record says what keeps
 * it; what does not leaves the rerun `failed`, with the reason in its last event, until somebody resumes or cancels it.
 */
import { sleep } from '../../../core/ports/clock.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import { changedNotes, type RerunTrouble, workNotes } from '../../../core/rerun-notes.ts'
import { createChores, openReruns } from './chores.ts'
import type { RerunDriverOptions } from './driver-options.ts'
import { helpsToWait, troubleOf } from './failures.ts'
import {
  rerunLease,
  rerunLeaseTtlMs,
  rerunPollMs,
  rerunRetryMaxMs,
  rerunRetryMinMs,
  rerunStopGraceMs,
  rerunTriesMax,
} from './limits.ts'
import { beginTurn, isToBeWorkedAt, RerunMovedError, type RerunTurn } from './turn.ts'
import { type Waiting, workAt } from './work.ts'

export interface RerunDriver {
  start(): void
  /** Looks at once: something was asked for, or is wanted no more. */
  kick(): void
  /** Gives up what is under way, which is begun again by the next, and gives the lease back. */
  stop(): Promise<void>
}

/** Failures in a row, without anything done between them. */
interface Failures {
  tries: number
  since: number
  /** Not before, on the monotonic clock. */
  next: number
}

export function createRerunDriver(options: RerunDriverOptions): RerunDriver {
  const { store, clock, timers, owner } = options
  const stopping = new AbortController()
  const chores = createChores(options)
  const failures = new Map<number, Failures>()
  const waits = new Map<number, Waiting>()
  let leasedAt = Number.NEGATIVE_INFINITY
  let fence: number | undefined
  let turn: RerunTurn | undefined
  let running: Promise<void> | undefined
  let isKicked = false
  let cancelTimer = () => {}

  async function renewLease(): Promise<boolean> {
    const now = clock.monotonic()
    if (fence !== undefined && now - leasedAt < rerunLeaseTtlMs / 3) return true
    const held = await store.acquireLease(rerunLease, owner, rerunLeaseTtlMs, clock.now())
    const isSame = fence === undefined || held?.fence === fence
    fence = held?.fence
    leasedAt = now
    return held !== undefined && isSame
  }

  async function round(): Promise<void> {
    // While there is nothing to do nothing is written, a lease neither.
    const found = await openReruns(options)
    if (found.length === 0 && !chores.isDue(found)) return
    if (!(await renewLease())) return
    // As they are now: whoever had the lease before may have gone on meanwhile.
    const open = await openReruns(options)
    for (const known of [failures, waits]) {
      for (const id of known.keys()) if (!open.some((rerun) => rerun.id === id)) known.delete(id)
    }
    await chores.round(open)
    const next = open.find(isToBeWorkedAt)
    if (next === undefined || stopping.signal.aborted) return
    if (clock.monotonic() < (failures.get(next.id)?.next ?? 0)) return
    if ((await workOn(next)) === 'again') isKicked = true
  }

  /** `again`: there may be something to do at once. */
  async function workOn(rerun: Rerun): Promise<'again' | 'later'> {
    const waiting = waits.get(rerun.id) ?? {}
    waits.set(rerun.id, waiting)
    turn = beginTurn(options, rerun, { stop: stopping.signal, renewLease })
    try {
      const parts = { ...options, turn, waiting, onProgress: () => failures.delete(rerun.id) }
      return (await workAt(parts)) === 'rests' ? 'again' : 'later'
    } catch (error) {
      if (stopping.signal.aborted) return 'later'
      // Whatever failed after others moved it failed because of that.
      await turn.look()
      if (turn.signal.aborted || error instanceof RerunMovedError) return 'again'
      await failed(turn, error)
      return 'later'
    } finally {
      turn.end()
      turn = undefined
    }
  }

  async function failed({ rerun, update }: RerunTurn, error: unknown): Promise<void> {
    const before = failures.get(rerun.id)
    const tries = (before?.tries ?? 0) + 1
    const pauseMs = Math.min(rerunRetryMaxMs, rerunRetryMinMs * 2 ** Math.min(tries - 1, 30))
    const since = before?.since ?? clock.now()
    failures.set(rerun.id, { tries, since, next: clock.monotonic() + pauseMs })
    const trouble: RerunTrouble = { ...troubleOf(error), since, tries }
    const outlook = helpsToWait(error)
    try {
      if (outlook === 'never' || (outlook === 'perhaps' && tries >= rerunTriesMax)) {
        const notes = changedNotes(workNotes(rerun), { trouble, waits: undefined })
        await update({ state: 'failed', rests: rerun.state, notes }, `${trouble.code}: ${trouble.says}`)
        failures.delete(rerun.id)
        waits.delete(rerun.id)
        return
      }
      await update({ notes: changedNotes(workNotes(rerun), { trouble }) })
      options.onTrouble?.(rerun, trouble)
    } catch (cause) {
      // Moved by others: the next round sees it. The store is away: so it was before.
      if (!(cause instanceof RerunMovedError)) options.onError?.(cause)
    }
  }

  function loop(): void {
    if (running !== undefined || stopping.signal.aborted) return
    cancelTimer()
    isKicked = false
    running = round()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) options.onError?.(error)
      })
      .finally(() => {
        running = undefined
        if (isKicked) loop()
        else if (!stopping.signal.aborted) cancelTimer = timers.after(rerunPollMs, loop)
      })
  }

  return {
    start: loop,

    kick() {
      isKicked = true
      void turn?.look()
      loop()
    },

    async stop() {
      stopping.abort(new Error('the driver stops; what it was doing is begun again by the next'))
      cancelTimer()
      await Promise.race([running, sleep(timers, rerunStopGraceMs)])
      if (fence !== undefined) await store.releaseLease(rerunLease, fence).catch(() => undefined)
      fence = undefined
    },
  }
}
