/**
 * Erases what a merchant's visitor, user, or the merchant itself sent until now: recorded first, so that whoever reads hits
 * from then on leaves them out, then the days that held some get a new version, so that nobody goes by what was computed
 * of them before (kept cells, stored visits). What is committed later raises its days by itself. Taking the hits out of
 * files and rollups is maintenance's.
 */
import { EngineUnavailableError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { type Erasure, touchedDaysMax } from '../../core/ports/erasure-store.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { EraseSubject } from './erasure-requests.ts'
import type { Versions } from './versions.ts'

export interface EraserParts {
  readonly store: Pick<ControlStore, 'eraseHits' | 'tableView' | 'touchDays'>
  readonly engine: Pick<QueryEngine, 'erasedDays'>
  readonly versions: Pick<Versions, 'refresh' | 'positions'>
  readonly clock: Clock
}

/**
 * Asked again it goes up to then. This gateway answers without the hits when it resolves, others with their next reading of
 * versions. Fails with EngineUnavailableError where the days cannot be looked up: recorded it is, and asked again it is the
 * same; until then kept answers may still count the hits.
 */
export function createEraser({ store, engine, versions, clock }: EraserParts): EraseSubject {
  /** The files of a view may be replaced while they are read: the next view names the new ones. */
  async function daysOf(erased: Erasure): Promise<readonly number[]> {
    const { merchant } = erased
    const ask = async () => engine.erasedDays({ merchant, hits: await store.tableView('hits'), erased }, {})
    return ask().catch((error) => {
      if (!(error instanceof EngineUnavailableError)) throw error
      return ask()
    })
  }

  return async ({ merchant, subject, by }) => {
    const now = clock.now()
    // Where the clock was set back, `received` goes on from the newest hit there was.
    const through = Math.max(now, ...versions.positions.map(({ received }) => received ?? 0))
    const erasure = await store.eraseHits({ merchant, subject, through, by, now })
    if (erasure === null) return null
    const days = await daysOf(erasure)
    for (let at = 0; at < days.length; at += touchedDaysMax) {
      await store.touchDays(merchant, days.slice(at, at + touchedDaysMax))
    }
    await versions.refresh()
    return erasure
  }
}
