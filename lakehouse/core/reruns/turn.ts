/**
 * The time in which a driver works at one rerun: while it has the lease, is not stopped, and the rerun is still to be worked
 * at. Looks every second; whoever waits for something long is told by the signal.
 */
import type { Rerun, RerunChange, RerunMove, RerunState } from '../../../core/ports/rerun-store.ts'
import { driverName, type RerunDriverOptions } from './driver-options.ts'
import { rerunPollMs } from './limits.ts'

/** The record is not what it was: somebody paused, cancelled or moved it. Read it again. */
export class RerunMovedError extends Error {
  override readonly name = 'RerunMovedError'
}

/** States in which the driver has something to do. */
export const workingStates: readonly RerunState[] = ['planned', 'backfilling', 'catching_up']

export function isToBeWorkedAt({ state, request }: Rerun): boolean {
  return workingStates.includes(state) || (state === 'ready' && request.promote === 'auto')
}

export interface RerunTurn {
  /** The record as it was last seen or made. */
  readonly rerun: Rerun
  readonly signal: AbortSignal
  throwIfOver(): void
  /** Changes the record. @throws RerunMovedError where somebody else did */
  update(change: RerunChange, note?: string): Promise<Rerun>
  /** Moves by one of the store's own verbs. @throws RerunMovedError */
  move(by: (move: RerunMove) => Promise<Rerun | undefined>): Promise<Rerun>
  /** Looks now. */
  look(): Promise<void>
  end(): void
}

export function beginTurn(
  options: Pick<RerunDriverOptions, 'store' | 'clock' | 'timers' | 'onMoved'>,
  first: Rerun,
  given: { readonly stop: AbortSignal; readonly renewLease: () => Promise<boolean> },
): RerunTurn {
  const { store, clock, timers } = options
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, given.stop])
  let rerun = first
  let ended = false
  let cancelTimer = () => {}

  async function look(): Promise<void> {
    try {
      if (!(await given.renewLease())) over.abort(new RerunMovedError('the lease is gone'))
      const now = await store.rerun(rerun.id)
      if (now === undefined || !isToBeWorkedAt(now)) over.abort(new RerunMovedError('it is not to be worked at'))
    } catch {
      // The store is away; what is done for nothing the commit refuses.
    }
  }

  function arm(): void {
    cancelTimer = timers.after(rerunPollMs, () => {
      void look().then(() => {
        if (!ended) arm()
      })
    })
  }
  arm()

  const moveOf = (note?: string): RerunMove => ({
    revision: rerun.revision,
    now: clock.now(),
    by: driverName,
    ...(note !== undefined && { note }),
  })
  function taken(after: Rerun | undefined): Rerun {
    if (after === undefined) throw new RerunMovedError('the record was changed by others')
    const moved = after.state !== rerun.state
    rerun = after
    if (moved) options.onMoved?.(after)
    return after
  }

  return {
    get rerun() {
      return rerun
    },
    signal,
    throwIfOver: () => signal.throwIfAborted(),
    update: async (change, note) => taken(await store.updateRerun(rerun.id, change, moveOf(note))),
    move: async (by) => taken(await by(moveOf())),
    look,
    end() {
      ended = true
      cancelTimer()
    },
  }
}
